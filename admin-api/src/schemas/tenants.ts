/**
 * Tenants and environments.
 *
 * @module
 */
import { z } from 'zod'
import { instant, newName } from './common.ts'

export const tenant = z.object({ id: z.string(), name: z.string(), created_at: instant }).meta({ id: 'Tenant' })
export const tenantCreate = z.strictObject({ name: newName })

export const environment = z
  .object({
    id: z.string(),
    tenant: z.string().describe('Name of the tenant'),
    name: z.string(),
    release_number: z.int().describe('Number of the live release; 0: none'),
    draft_revision: z.int().describe('Raised by every change of the draft'),
    directory_sequence: z.int().describe('Raised by every change of a consumer or credential'),
    created_at: instant,
  })
  .meta({ id: 'Environment' })
/** Environment names are part of API keys, so they are short and plain. */
export const environmentCreate = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, 'use 2-32 of a-z, 0-9, "-"; start with a letter'),
})
