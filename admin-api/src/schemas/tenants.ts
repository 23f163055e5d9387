/**
 * Tenants and environments.
 *
 * @module
 */
import { z } from 'zod'
import { instant, newName } from './common.ts'

export const tenant = z.object({ id: z.string(), name: z.string(), created_at: instant }).meta({ id: 'Tenant' })
export const tenantCreate = z.strictObject({ name: newName })

const stage = z.enum(['development', 'staging', 'production'])

export const environment = z
  .object({
    id: z.string(),
    tenant: z.string().describe('Name of the tenant'),
    name: z.string(),
    stage: stage.describe('What it is for'),
    release_number: z.int().describe('Number of the live release; 0: none'),
    draft_revision: z.int().describe('Raised by every change of the draft'),
    directory_sequence: z.int().describe('Raised by every change of a consumer or credential'),
    created_at: instant,
  })
  .meta({ id: 'Environment' })
/** Environment names are part of API keys, so they are short and plain. */
export const environmentCreate = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, 'use 2-32 of a-z, 0-9, "-"; start with a letter'),
  stage: stage.optional().describe('What it is for; default: what its name says, and production where it says nothing'),
  default_limits: z
    .boolean()
    .default(true)
    .describe('Write limits into the draft that fit the stage: the policies default.public and default.internal'),
})

/** Policies that a new environment begins with. They can be changed and removed like all others. */
export const defaultLimitNames = ['default.public', 'default.internal'] as const
