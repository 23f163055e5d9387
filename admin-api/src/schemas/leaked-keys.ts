/**
 * What programmes for secret scanning send about keys that they found in public, and what they expect as an answer.
 *
 * Not among the operations: who sends it is no operator and knows nothing but the key.
 *
 * Source: GitHub, "Secret scanning partner program".
 *
 * @module
 */
import { z } from 'zod'

/** Most keys in one report. */
const KEYS_MAX = 1_000

export const leakedKeys = z
  .array(
    // Programmes add fields as they please.
    z.object({
      token: z.string().max(8_192),
      type: z.string().max(200),
      url: z.string().max(4_096).nullish(),
      source: z.string().max(200).nullish(),
    }),
  )
  .max(KEYS_MAX)

export const leakedKeyVerdicts = z.array(
  z.object({
    token_hash: z.string().describe('SHA-256 of the token in hexadecimal'),
    token_type: z.string(),
    label: z.enum(['true_positive', 'false_positive']),
  }),
)
export type LeakedKeyVerdicts = z.output<typeof leakedKeyVerdicts>
