/**
 * Limits of an environment, as they apply.
 *
 * @module
 */
import { z } from 'zod'

const errorBound = z
  .object({
    agents: z.int().describe('Agents that count together: those that are connected, of the largest group'),
    over: z.number().describe('So many more than the limit may be admitted in a window'),
    under: z.number().describe('So many of those that would be admitted may be refused'),
    while_away: z
      .number()
      .nullable()
      .describe('So many more in a window in which the store of shared limits is away; null: no bound'),
    text: z.string().describe('All of it in one sentence'),
  })
  .describe('By how much what is admitted may differ from the limit')

/** A limit policy, and where it counts. */
export const limit = z
  .object({
    policy: z.string(),
    origin: z.string(),
    on: z.string().describe('environment, service/<name> or route/<name>'),
    exposure: z.enum(['public', 'internal']).nullable().describe('Only on routes of this exposure; null: on all'),
    algorithm: z.enum(['rate', 'sliding_window', 'concurrency', 'quota']),
    unit: z.enum(['requests', 'bytes']),
    amount: z.number().describe('Units per window or period, or at a time'),
    window_ms: z.number().nullable().describe('Length of the window; null: it has none'),
    burst: z.number().nullable().describe('Units that may come at once; null: the algorithm has none'),
    period: z.enum(['day', 'month']).nullable(),
    zone: z.string().nullable().describe('Time zone in which periods begin'),
    key: z.array(z.string()).describe('What is counted apart'),
    costs: z.array(z.object({ routes: z.array(z.string()), methods: z.array(z.string()), cost: z.number() })),
    shared: z
      .object({ mode: z.enum(['each', 'leased']), on_failure: z.enum(['local_share', 'open', 'closed']) })
      .nullable()
      .describe('null: every agent counts for itself'),
    shadow: z.boolean().describe('Counted and recorded, and refuses nobody'),
    routes: z.object({
      count: z.int().describe('Routes on which it counts'),
      names: z.array(z.string()).describe('Of the first of them, by name'),
    }),
    error_bound: errorBound,
  })
  .meta({ id: 'Limit' })
export type Limit = z.output<typeof limit>

export const limits = z.object({
  release: z.string().describe('draft, r1, or none when nothing is live'),
  groups: z.int().describe('Agent groups that serve the environment. Each counts for itself'),
  data: z.array(limit).describe('By name'),
})
