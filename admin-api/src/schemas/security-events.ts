/**
 * What happened to credentials and was done by nobody of ours.
 *
 * @module
 */
import { z } from 'zod'
import { instant } from './common.ts'

export const securityEventKind = z.enum(['decoy_used', 'key_leaked'])

export const securityEvent = z
  .object({
    id: z.string(),
    at: instant,
    kind: securityEventKind,
    credential_id: z.string(),
    consumer: z.string().describe('Name of the consumer'),
    agent: z.string().nullable().describe('Name of the agent that saw it; null: none did'),
    address: z.string().describe('Who presented the decoy, or reported the leak'),
    request_id: z.string().nullable(),
    url: z.string().nullable().describe('Where the key was found'),
    action: z
      .enum(['alert', 'throttle', 'disable', 'revoke'])
      .describe('What was done with the credential; alert: nothing'),
  })
  .meta({ id: 'SecurityEvent' })
