/**
 * Operations on releases.
 *
 * @module
 */
import { z } from 'zod'
import { dryRunQuery, list, waitQuery } from '#admin-api/schemas/common.ts'
import * as objects from '#admin-api/schemas/objects.ts'
import * as releases from '#admin-api/schemas/releases.ts'
import { E, ofEnvironment, operation, pageQuery } from './define.ts'

export const releaseOperations = {
  listReleases: operation({
    method: 'GET',
    path: `${E}/releases`,
    tag: 'releases',
    role: 'viewer',
    summary: 'List releases, newest first',
    params: ofEnvironment,
    query: pageQuery,
    response: list(releases.release),
    problems: ['not_found'],
  }),
  publishRelease: operation({
    method: 'POST',
    path: `${E}/releases`,
    tag: 'releases',
    role: 'editor',
    status: 201,
    summary: 'Publish the draft as the next release',
    params: ofEnvironment,
    query: z.strictObject({ ...waitQuery, ...dryRunQuery }),
    body: releases.releaseCreate,
    response: releases.published,
    problems: [
      'not_found',
      'release_refused',
      'nothing_to_publish',
      'agents_too_old',
      'host_conflict',
      'revision_stale',
    ],
  }),
  getRelease: operation({
    method: 'GET',
    path: `${E}/releases/{number}`,
    tag: 'releases',
    role: 'viewer',
    summary: 'Show a release and where it is live',
    params: ofEnvironment.extend({ number: releases.releaseReference }),
    query: z.strictObject(waitQuery),
    response: releases.release,
    problems: ['not_found'],
  }),
  getReleaseObjects: operation({
    method: 'GET',
    path: `${E}/releases/{number}/objects`,
    tag: 'releases',
    role: 'viewer',
    summary: 'The content of a release',
    params: ofEnvironment.extend({ number: releases.releaseReference }),
    response: z.object({ objects: z.array(objects.configDocument) }),
    problems: ['not_found'],
  }),
  rollbackRelease: operation({
    method: 'POST',
    path: `${E}/releases/{number}/rollback`,
    tag: 'releases',
    role: 'editor',
    status: 201,
    summary: 'Publish the content of an earlier release under a new number; the draft stays as it is',
    params: ofEnvironment.extend({ number: releases.releaseReference }),
    query: z.strictObject({ ...waitQuery, ...dryRunQuery }),
    body: releases.rollback,
    response: releases.published,
    problems: [
      'not_found',
      'state_conflict',
      'release_refused',
      'agents_too_old',
      'host_conflict',
      'nothing_to_publish',
    ],
  }),
  diffReleases: operation({
    method: 'GET',
    path: `${E}/diff`,
    tag: 'releases',
    role: 'viewer',
    summary: 'Compare two releases, or the draft with the live one',
    params: ofEnvironment,
    query: z.strictObject({
      from: releases.releaseReference.default('live'),
      to: releases.releaseReference.default('draft'),
    }),
    response: releases.diff,
    problems: ['not_found'],
  }),
} as const
