/**
 * Operators, their tokens, welcome links and the audit.
 *
 * @module
 */
import { z } from 'zod'
import { instant, newName, reference } from './common.ts'

/** From the most to the least powerful. */
export const operatorRole = z.enum(['owner', 'editor', 'viewer'])
export type OperatorRole = z.output<typeof operatorRole>

const grant = z.object({ tenant: z.string().nullable().describe('null: everything'), role: operatorRole })
const grantWrite = z.strictObject({ tenant: reference.nullable(), role: operatorRole })

export const operator = z
  .object({
    id: z.string(),
    name: z.string(),
    kind: z.enum(['person', 'service']),
    disabled: z.boolean(),
    roles: z.array(grant),
    created_at: instant,
  })
  .meta({ id: 'Operator' })
export const operatorCreate = z.strictObject({
  name: newName,
  kind: z.enum(['person', 'service']).default('person'),
  roles: z.array(grantWrite).min(1).max(100),
})
export const operatorPatch = z.strictObject({
  disabled: z.boolean().optional(),
  roles: z.array(grantWrite).min(1).max(100).optional(),
})

export const operatorToken = z
  .object({
    id: z.string(),
    name: z.string(),
    operator: z.string(),
    hint: z.string(),
    expires_at: instant.nullable(),
    revoked_at: instant.nullable(),
    created_at: instant,
  })
  .meta({ id: 'OperatorToken' })
export const operatorTokenCreate = z.strictObject({
  name: z.string().min(1).max(100),
  expires_in_ms: z
    .int()
    .min(60_000)
    .max(366 * 86_400_000)
    .optional()
    .describe('Default: never for services, 90 days for people'),
})
export const operatorTokenCreated = operatorToken
  .extend({ token: z.string().describe('Shown once') })
  .meta({ id: 'OperatorTokenCreated' })

export const welcome = z.strictObject({
  code: z.string().min(20).max(200).describe('What follows # in the link'),
  name: newName.optional().describe('Name of the first owner; only on the first run'),
  want: z.enum(['session', 'token']).default('session').describe('A dashboard session (cookie) or an operator token'),
})
export const welcomed = z.object({
  operator,
  token: z.string().nullable().describe('With want=token; shown once'),
})
export const welcomeLink = z.object({
  url: z.string().describe('Works once'),
  expires_at: instant,
})

export const whoami = z.object({
  operator,
  via: z.enum(['token', 'session']),
})

export const auditEntry = z
  .object({
    id: z.string(),
    at: instant,
    tenant_id: z.string().nullable(),
    environment_id: z.string().nullable(),
    operator: z.string(),
    action: z.string(),
    target: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
    before: z.unknown().nullable(),
    after: z.unknown().nullable(),
    request_id: z.string(),
    address: z.string(),
  })
  .meta({ id: 'AuditEntry' })
