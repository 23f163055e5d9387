/**
 * Agent groups, join tokens and agents.
 *
 * @module
 */
import { z } from 'zod'
import { instant, newName, reference } from './common.ts'

const environmentRef = z.object({ tenant: z.string(), environment: z.string() })
const environmentRefWrite = z.strictObject({ tenant: reference, environment: reference })

export const agentGroup = z
  .object({
    id: z.string(),
    name: z.string(),
    region: z.string(),
    environments: z.array(environmentRef).describe('What its agents serve'),
    agents: z.int(),
    created_at: instant,
  })
  .meta({ id: 'AgentGroup' })
export const agentGroupCreate = z.strictObject({
  name: newName,
  region: z.string().max(100).default(''),
  environments: z.array(environmentRefWrite).max(1000).default([]),
})
export const agentGroupPatch = z.strictObject({
  region: z.string().max(100).optional(),
  environments: z.array(environmentRefWrite).max(1000).optional(),
})

export const joinTokenCreate = z.strictObject({
  expires_in_ms: z
    .int()
    .min(60_000)
    .max(7 * 86_400_000)
    .default(3_600_000),
})
export const joinTokenCreated = z
  .object({
    id: z.string(),
    group: z.string(),
    expires_at: instant,
    token: z.string().describe('Shown once, works once'),
  })
  .meta({ id: 'JoinTokenCreated' })
export const joinToken = z
  .object({
    id: z.string(),
    group: z.string(),
    expires_at: instant,
    used_at: instant.nullable(),
    revoked_at: instant.nullable(),
    agent: z.string().nullable().describe('Name of the agent that used it'),
    created_by: z.string(),
    created_at: instant,
  })
  .meta({ id: 'JoinToken' })

export const agent = z
  .object({
    id: z.string(),
    name: z.string(),
    group: z.string(),
    region: z.string(),
    state: z.enum(['connected', 'unreachable', 'revoked']),
    version: z.string(),
    capability: z.int(),
    listeners: z.array(z.string()),
    seen_at: instant.nullable(),
    certificate_expires_at: instant,
    created_at: instant,
    holdings: z.array(
      z.object({
        tenant: z.string(),
        environment: z.string(),
        release_number: z.int(),
        directory_sequence: z.int(),
        refused_number: z.int().nullable(),
        refused_reasons: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: 'Agent' })
