/**
 * Operations on configuration objects: the draft of an environment.
 *
 * @module
 */
import { z } from 'zod'
import { dryRunQuery, finding, list, page, reference } from '#admin-api/schemas/common.ts'
import * as decisions from '#admin-api/schemas/decisions.ts'
import * as objects from '#admin-api/schemas/objects.ts'
import * as releases from '#admin-api/schemas/releases.ts'
import { E, ofEnvironment, operation } from './define.ts'

export const configurationOperations = {
  listObjects: operation({
    method: 'GET',
    path: `${E}/objects`,
    tag: 'configuration',
    role: 'viewer',
    summary: 'List configuration objects of the draft',
    params: ofEnvironment,
    query: z.strictObject({ ...page, kind: objects.kindName.optional() }),
    response: list(objects.configObject),
    problems: ['not_found'],
  }),
  getObject: operation({
    method: 'GET',
    path: `${E}/objects/{kind}/{name}`,
    tag: 'configuration',
    role: 'viewer',
    summary: 'Show a configuration object',
    params: ofEnvironment.extend({ kind: objects.kindName, name: reference }),
    response: objects.configObject,
    etag: true,
    problems: ['not_found'],
  }),
  putObject: operation({
    method: 'PUT',
    path: `${E}/objects/{kind}/{name}`,
    tag: 'configuration',
    role: 'editor',
    summary: 'Create or replace a configuration object of the draft; replacing needs If-Match',
    params: ofEnvironment.extend({ kind: objects.kindName, name: reference }),
    query: z.strictObject(dryRunQuery),
    body: objects.configObjectWrite,
    response: objects.configObject,
    etag: true,
    problems: ['not_found', 'precondition_needed', 'revision_stale'],
  }),
  deleteObject: operation({
    method: 'DELETE',
    path: `${E}/objects/{kind}/{name}`,
    tag: 'configuration',
    role: 'editor',
    status: 204,
    summary: 'Remove a configuration object from the draft; needs If-Match',
    params: ofEnvironment.extend({ kind: objects.kindName, name: reference }),
    query: z.strictObject(dryRunQuery),
    problems: ['not_found', 'precondition_needed', 'revision_stale'],
  }),
  applyObjects: operation({
    method: 'POST',
    path: `${E}/apply`,
    tag: 'configuration',
    role: 'editor',
    summary: 'Write many configuration objects to the draft in one transaction',
    params: ofEnvironment,
    query: z.strictObject(dryRunQuery),
    body: objects.apply,
    response: objects.applied,
    problems: ['not_found', 'revision_stale'],
  }),
  exportObjects: operation({
    method: 'GET',
    path: `${E}/export`,
    tag: 'configuration',
    role: 'viewer',
    summary: 'The whole draft, in order',
    params: ofEnvironment,
    response: objects.exported,
    problems: ['not_found'],
  }),
  getEffectivePolicy: operation({
    method: 'GET',
    path: `${E}/routes/{route}/effective-policy`,
    tag: 'configuration',
    role: 'viewer',
    summary: 'Which policies apply to a route, and where each comes from',
    params: ofEnvironment.extend({ route: reference }),
    query: z.strictObject({ release: releases.releaseReference.default('draft') }),
    response: decisions.effectivePolicy,
    problems: ['not_found', 'release_refused'],
  }),
  validateDraft: operation({
    method: 'GET',
    path: `${E}/findings`,
    tag: 'configuration',
    role: 'viewer',
    summary: 'What is wrong with, or strange about, the draft',
    params: ofEnvironment,
    response: z.object({ draft_revision: z.int(), data: z.array(finding) }),
    problems: ['not_found'],
  }),
} as const
