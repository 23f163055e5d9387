/**
 * Policy of type `limit`: how much may be called.
 *
 * @module
 */
import { z } from 'zod'
import { isTimeZone } from '#core/access/times.ts'
import { attachment, objectName } from './common.ts'

/**
 * How a limit counts.
 *
 * - `rate`: evenly, with a burst (GCRA).
 * - `sliding_window`: no more than so much in any window of that length, wherever it begins.
 * - `concurrency`: so many requests at a time.
 * - `quota`: so much per calendar day or month.
 */
export const limitAlgorithms = ['rate', 'sliding_window', 'concurrency', 'quota'] as const
/** How a limit counts. */
export type LimitAlgorithm = (typeof limitAlgorithms)[number]

/** What a limit counts by. On public routes `consumer` and `credential` stand for the source address. */
export const limitKey = z.union([
  z.enum(['consumer', 'credential', 'address', 'tenant', 'service', 'route']),
  z
    .string()
    .regex(/^(?:header:[a-z0-9-]{1,64}|claim:[A-Za-z0-9_.:/-]{1,128})$/, 'header:<lower-case name> or claim:<name>'),
])

const limitCost = z
  .strictObject({
    routes: z.array(objectName).min(1).max(256).optional().describe('On these routes; default: on all'),
    methods: z
      .array(z.string().regex(/^[A-Z]{1,32}$/, 'a method in capitals'))
      .min(1)
      .max(16)
      .optional()
      .describe('With these methods; default: with all'),
    cost: z.int().min(0).max(1_000_000).describe('For how many requests one counts; 0: it is free'),
  })
  .describe('What some requests cost')

const sharedLimit = z
  .strictObject({
    mode: z
      .enum(['each', 'leased'])
      .default('leased')
      .describe('each: the store is asked for every request, so the limit is exact; leased: agents take a share ahead'),
    on_failure: z
      .enum(['local_share', 'open', 'closed'])
      .default('local_share')
      .describe(
        'While the store is away. local_share: every agent admits its fair share; open: all pass; closed: none pass',
      ),
  })
  .describe('Counted by all agents of a group together, in Redis. Absent: by every agent for itself')

/** What each algorithm needs, and what it has no use for. */
const fields = {
  rate: { needed: ['window_ms'], useless: ['period', 'zone'] },
  sliding_window: { needed: ['window_ms'], useless: ['burst', 'period', 'zone'] },
  concurrency: { needed: [], useless: ['bytes', 'window_ms', 'burst', 'period', 'zone', 'costs'] },
  quota: { needed: ['period'], useless: ['window_ms', 'burst'] },
} as const

export const limitPolicySpec = z
  .strictObject({
    type: z.literal('limit'),
    on: attachment,
    exposure: z.enum(['public', 'internal']).optional().describe('Only on routes of this exposure; default: on all'),
    algorithm: z
      .enum(limitAlgorithms)
      .default('rate')
      .describe(
        'rate: evenly, with a burst; sliding_window: in any window; concurrency: at a time; quota: by calendar',
      ),
    requests: z.int().min(1).max(1_000_000_000).optional().describe('Requests per window or period, or at a time'),
    bytes: z
      .int()
      .min(1)
      .max(1_000_000_000_000_000)
      .optional()
      .describe('In place of requests: bytes of bodies, of both directions, counted as they pass'),
    window_ms: z.int().min(100).max(86_400_000).optional().describe('Length of the window, in milliseconds'),
    burst: z
      .int()
      .min(1)
      .max(1_000_000_000_000_000)
      .optional()
      .describe('How much may come at once; default: as much as comes in a window'),
    period: z.enum(['day', 'month']).optional().describe('Calendar period of a quota'),
    zone: z
      .string()
      .max(64)
      .refine(isTimeZone, { error: 'a time zone such as Europe/Berlin or UTC' })
      .optional()
      .describe('Time zone of the IANA database in which a period begins; default: UTC'),
    key: z.array(limitKey).min(1).max(8).default(['consumer']).describe('What is counted apart'),
    ipv4_prefix: z.int().min(8).max(32).optional().describe('Bits of an IPv4 address that count; default: 32'),
    ipv6_prefix: z.int().min(16).max(128).optional().describe('Bits of an IPv6 address that count; default: 64'),
    costs: z.array(limitCost).min(1).max(32).optional().describe('The first that fits counts; all others cost 1'),
    shared: sharedLimit.optional(),
    shadow: z.boolean().default(false).describe('Counted and recorded, and refuses nobody'),
  })
  .superRefine((spec, context) => {
    const complain = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message })
    const { needed, useless } = fields[spec.algorithm]
    for (const field of needed) if (spec[field] === undefined) complain(field, `${spec.algorithm} needs ${field}`)
    for (const field of useless) {
      if (spec[field] !== undefined) complain(field, `${spec.algorithm} has no use for ${field}`)
    }
    if ((spec.requests === undefined) === (spec.bytes === undefined)) complain('requests', 'give requests or bytes')
    if (spec.bytes !== undefined && spec.costs !== undefined) complain('costs', 'bytes cost what they are')
  })
  .describe('How much may be called')

/** A limit policy as written. */
export type LimitPolicySpec = z.input<typeof limitPolicySpec>
