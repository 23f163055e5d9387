/**
 * Operations on limits. They are written as policies: see `putObject`.
 *
 * @module
 */
import { z } from 'zod'
import * as limits from '#admin-api/schemas/limits.ts'
import { releaseReference } from '#admin-api/schemas/releases.ts'
import { E, ofEnvironment, operation } from './define.ts'

export const limitOperations = {
  listLimits: operation({
    method: 'GET',
    path: `${E}/limits`,
    tag: 'limits',
    role: 'viewer',
    summary: 'List the limits of an environment as they apply, and how exact they are',
    params: ofEnvironment,
    query: z.strictObject({ release: releaseReference.default('live') }),
    response: limits.limits,
    problems: ['not_found', 'release_refused'],
  }),
} as const
