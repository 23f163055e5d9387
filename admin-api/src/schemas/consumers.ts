/**
 * Consumers and API keys: the live side of an environment.
 *
 * @module
 */
import { scopeName } from '@headgate/core'
import { z } from 'zod'
import { instant, newName, reference } from './common.ts'

export const consumer = z
  .object({
    id: z.string(),
    name: z.string(),
    disabled: z.boolean(),
    revision: z.int(),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: 'Consumer' })
export const consumerCreate = z.strictObject({ name: newName })
export const consumerPatch = z.strictObject({ disabled: z.boolean() })

const scopes = z.array(scopeName).max(64).describe('Rights that the key carries')
const addresses = z
  .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))
  .max(64)
  .describe('Source ranges from which the key may be used; empty: anywhere')

export const apiKey = z
  .object({
    id: z.string(),
    name: z.string(),
    consumer: z.string().describe('Name of the consumer'),
    hint: z.string().describe('Last characters, such as …Qd4x'),
    scopes: z.array(z.string()),
    addresses: z.array(z.string()),
    state: z.enum(['active', 'disabled', 'revoked', 'expired']),
    expires_at: instant.nullable(),
    successor_id: z.string().nullable().describe('The key that took its place'),
    created_by: z.string(),
    created_at: instant,
    revoked_at: instant.nullable(),
  })
  .meta({ id: 'ApiKey' })

export const apiKeyCreate = z.strictObject({
  consumer: reference.describe('Name or id; created when it does not exist and create_consumer is true'),
  create_consumer: z.boolean().default(false),
  name: z.string().max(200).default('').describe('For people'),
  scopes: scopes.default([]),
  addresses: addresses.default([]),
  expires_at: instant.optional().describe('In the future'),
})
export const apiKeyPatch = z.strictObject({
  name: z.string().max(200).optional(),
  scopes: scopes.optional(),
  addresses: addresses.optional(),
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
