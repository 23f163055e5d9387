/**
 * Sources and consumers that an operator has shut out.
 *
 * @module
 */
import { z } from 'zod'
import { instant, reference } from './common.ts'
import { receipt } from './consumers.ts'

const source = z.string().min(1).max(64).describe('Address or range, such as 203.0.113.0/24')
const reason = z.string().min(1).max(500).describe('Why, for those who come later')

export const ban = z
  .object({
    id: z.string(),
    source: z.string().nullable().describe('Address range; null: it is of a consumer'),
    consumer: z.string().nullable().describe('Name of the consumer; null: it is of a source'),
    reason: z.string(),
    state: z.enum(['active', 'expired', 'lifted']),
    expires_at: instant.nullable().describe('null: when it is lifted'),
    created_by: z.string(),
    created_at: instant,
    lifted_at: instant.nullable(),
  })
  .meta({ id: 'Ban' })

export const banCreate = z
  .strictObject({
    source: source.optional(),
    consumer: reference.optional().describe('Name or id'),
    reason,
    expires_at: instant.optional().describe('In the future; default: when it is lifted'),
  })
  .refine((given) => (given.source === undefined) !== (given.consumer === undefined), {
    error: 'give a source or a consumer',
    path: ['source'],
  })

export const banChanged = ban
  .extend({ receipt: receipt.nullable().describe('Which agents act on it; null without wait=true') })
  .meta({ id: 'BanChanged' })

export const banFilter = {
  state: z
    .enum(['active', 'all'])
    .default('active')
    .describe('active: those in force; all: with those that have ended'),
}
