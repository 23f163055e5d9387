/**
 * Pieces that API keys and other credentials share.
 *
 * @module
 */
import { scopeName } from '@headgate/core'
import { z } from 'zod'
import { instant } from './common.ts'

export const scopes = z.array(scopeName).max(64).describe('Rights that it carries')

export const addresses = z
  .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))
  .max(64)
  .describe('Source ranges from which it may be used; empty: anywhere')

export const credentialLabel = z.string().max(200).describe('For people')

export const credentialState = z.enum(['active', 'disabled', 'revoked', 'expired'])

export const lastUsed = z
  .object({
    at: instant.describe('At most a minute behind'),
    agent: z.string().describe('Name of the agent'),
    address: z.string().describe('Source address of the request'),
  })
  .meta({ id: 'LastUsed' })
