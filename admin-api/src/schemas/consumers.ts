/**
 * Consumers and API keys: the live side of an environment. Other credentials are in credentials.ts.
 *
 * @module
 */
import { objectName } from '@headgate/core'
import { z } from 'zod'
import { instant, newName, reference } from './common.ts'
import { addresses, credentialLabel, credentialState, lastUsed, scopes } from './credential-parts.ts'

const roles = z
  .array(objectName)
  .max(64)
  .describe('Names of roles of the draft; what a role gives is live with the release that has it')

export const consumer = z
  .object({
    id: z.string(),
    name: z.string(),
    disabled: z.boolean(),
    roles: z.array(z.string()),
    revision: z.int(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Consumer' })
export const consumerCreate = z.strictObject({ name: newName, roles: roles.default([]) })
export const consumerPatch = z.strictObject({ disabled: z.boolean().optional(), roles: roles.optional() })

const limit = z
  .strictObject({
    requests: z.int().min(1).max(1_000_000_000).describe('Requests per window'),
    window_ms: z.int().min(100).max(86_400_000).describe('Length of the window, in milliseconds'),
    burst: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe('Requests that may come at once; default: as many as requests'),
  })
  .meta({ id: 'KeyLimit' })
const limits = z.array(limit).max(8).describe('Limits of the key itself, beside those of routes')

const rotation = z
  .object({
    successor_id: z.string().describe('The key that took its place'),
    rotated_at: instant,
    old_still_used: z.boolean().describe('The old key was used after the rotation'),
  })
  .meta({ id: 'KeyRotation' })

export const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    consumer: z.string().describe('Name of the consumer'),
    hint: z.string().describe('Last characters, such as …Qd4x'),
    scopes: z.array(z.string()),
    addresses: z.array(z.string()),
    limits: z.array(limit),
    decoy: z.boolean().describe('Laid out as bait: refused as revoked, and whoever presents it is reported'),
    state: credentialState,
    expires_at: instant.nullable(),
    successor_id: z.string().nullable().describe('The key that took its place'),
    rotation: rotation.nullable().describe('null: it was not rotated'),
    last_used: lastUsed.nullable().describe('null: never'),
    created_by: z.string(),
    created_at: instant,
    revoked_at: instant.nullable(),
  })
  .meta({ id: 'ApiKey' })

export const apiKeyCreate = z.strictObject({
  consumer: reference.describe('Name or id; created when it does not exist and create_consumer is true'),
  create_consumer: z.boolean().default(false),
  name: credentialLabel.default(''),
  scopes: scopes.default([]),
  addresses: addresses.default([]),
  limits: limits.default([]),
  expires_at: instant.optional().describe('In the future'),
  decoy: z.boolean().default(false).describe('Lay it out as bait; cannot be changed later'),
})
export const apiKeyPatch = z.strictObject({
  name: credentialLabel.optional(),
  scopes: scopes.optional(),
  addresses: addresses.optional(),
  limits: limits.optional(),
  disabled: z.boolean().optional(),
})
export const apiKeyRotate = z.strictObject({
  overlap_ms: z
    .int()
    .min(0)
    .max(30 * 86_400_000)
    .default(86_400_000)
    .describe('How long the old key still works'),
})

/** The only answer that ever holds a key. */
export const apiKeyCreated = apiKey.extend({ key: z.string().describe('Shown once') }).meta({ id: 'ApiKeyCreated' })

const days = z.coerce.number().int().min(1).max(3_650)

export const apiKeyFilter = {
  consumer: reference.optional().describe('Name or id'),
  state: credentialState.optional(),
  unused_for_days: days.optional().describe('Not used for so many days; never used: made as long ago'),
  expiring_within_days: days.optional().describe('Works now, and ends by time within so many days'),
}

export const keyReportQuery = {
  unused_for_days: days.default(90).describe('What counts as unused'),
  expiring_within_days: days.default(30).describe('What counts as expiring'),
  limit: z.coerce.number().int().min(1).max(200).default(20).describe('Keys that are shown of each kind, 1-200'),
}

const keyGroup = z.object({ count: z.int(), keys: z.array(apiKey).describe('The first of them') })

/** What should be looked at among the keys that work now; decoys are left out. */
export const keyReport = z
  .object({
    at: instant,
    unused_for_days: z.int(),
    expiring_within_days: z.int(),
    active: z.int().describe('Keys that work now'),
    never_used: keyGroup.describe('Oldest first'),
    unused: keyGroup.describe('Used once, but not for unused_for_days; longest unused first'),
    expiring: keyGroup.describe('End within expiring_within_days and have no successor; soonest first'),
    rotating: keyGroup
      .extend({ still_used: z.int().describe('Used after their rotation') })
      .describe('Have a successor and still work; soonest end first'),
  })
  .meta({ id: 'KeyReport' })

const agentRef = z.object({ id: z.string(), name: z.string(), group: z.string() })

/** Which agents act on a change already. */
export const receipt = z
  .object({
    acked: z.array(agentRef).describe('Act on it'),
    pending: z.array(agentRef).describe('Connected, but have not answered yet'),
    unreachable: z.array(agentRef).describe('Not connected: they still act on what they knew'),
    waited_ms: z.int(),
  })
  .meta({ id: 'Receipt' })

export const apiKeyChanged = apiKey.extend({ receipt: receipt.nullable().describe('With wait=true') })
export const apiKeyRotated = z.object({ old: apiKey, new: apiKeyCreated, receipt: receipt.nullable() })
