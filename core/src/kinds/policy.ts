/**
 * Kind `policy`: a requirement on an environment, a service or a route.
 *
 * @module
 */
import { z } from 'zod'
import { objectName, scopeName } from './common.ts'

/** Where a policy sits. For `access` and `https` the nearest wins as a whole; `limit` policies add up. */
export const attachment = z
  .union(
    [
      z.strictObject({ environment: z.literal(true) }),
      z.strictObject({ service: objectName }),
      z.strictObject({ route: objectName }),
    ],
    { error: 'give environment: true, or the name of one service or route' },
  )
  .describe('environment: true, or the name of a service or route')

/**
 * Fields with a meaning of their own. One that carries a credential is not forwarded, and these must be forwarded or
 * are written anew; `authorization` and `cookie` carry more than one thing.
 */
const RESERVED_FIELDS =
  /^(?:host|connection|content-.*|transfer-encoding|te|trailer|upgrade|keep-alive|expect|date|via|forwarded|x-forwarded-.*|proxy-.*|authorization|cookie|x-request-id|traceparent|tracestate)$/

const headerName = z
  .string()
  .regex(/^[a-z0-9-]{1,64}$/, 'a lower-case header field name')
  .refine((name) => !RESERVED_FIELDS.test(name), { error: 'this field has another meaning: use one such as x-api-key' })

/** Where an API key is looked for. `Authorization: Bearer` counts too, always. */
export const apiKeySource = z.strictObject({
  kind: z.literal('api_key'),
  header: headerName.default('x-api-key').describe('Header field that carries the key, beside Authorization: Bearer'),
})

const publicAccess = z.strictObject({
  owner: z.string().min(1).max(200).describe('Who answers for this being public'),
  reason: z.string().min(1).max(500).describe('Why it is public'),
})

/** Exactly one of `public` and `credentials`; checked here so that no reader can take half of it. */
export const accessPolicySpec = z
  .strictObject({
    type: z.literal('access'),
    on: attachment,
    public: publicAccess.optional().describe('Everybody may call'),
    credentials: z
      .array(z.discriminatedUnion('kind', [apiKeySource]))
      .min(1)
      .max(8)
      .optional()
      .describe('What a caller may present'),
    scopes: z.array(scopeName).max(32).optional().describe('All of these are needed'),
  })
  .refine((spec) => (spec.public === undefined) !== (spec.credentials === undefined), {
    error: 'give either public or credentials',
  })
  .refine((spec) => spec.public === undefined || spec.scopes === undefined, {
    error: 'scopes need credentials',
    path: ['scopes'],
  })
  .describe('Who may call')

/** What a limit counts by. On public routes `consumer` and `credential` stand for the source address. */
export const limitKey = z.enum(['consumer', 'credential', 'address', 'service', 'route'])

export const limitPolicySpec = z
  .strictObject({
    type: z.literal('limit'),
    on: attachment,
    requests: z.int().min(1).max(1_000_000_000).describe('Requests per window'),
    window_ms: z.int().min(100).max(86_400_000).describe('Length of the window, in milliseconds'),
    burst: z
      .int()
      .min(1)
      .max(1_000_000_000)
      .optional()
      .describe('Requests that may come at once; default: as many as requests'),
    key: z.array(limitKey).min(1).max(5).default(['consumer']).describe('What is counted apart'),
  })
  .describe('How much may be called')

/** What the list of hosts that browsers carry asks of an entry, in seconds. */
const PRELOAD_AGE_S_MIN = 31_536_000

/** Strict-Transport-Security (RFC 6797). */
const hsts = z
  .strictObject({
    max_age_s: z
      .int()
      .min(0)
      .max(315_360_000)
      .describe('How long browsers come back over HTTPS only, in seconds; 0: they forget it'),
    include_subdomains: z.boolean().default(false).describe('For all hosts below this one too'),
    preload: z.boolean().default(false).describe('Agrees to being put on the list that browsers come with'),
  })
  .refine(
    ({ max_age_s, include_subdomains, preload }) => !preload || (include_subdomains && max_age_s >= PRELOAD_AGE_S_MIN),
    { error: `preload needs include_subdomains, and max_age_s of at least ${PRELOAD_AGE_S_MIN}`, path: ['preload'] },
  )
  .describe('Told to browsers over HTTPS. It holds for a host as a whole, whichever route told it')

export const httpsPolicySpec = z
  .strictObject({
    type: z.literal('https'),
    on: attachment,
    plain: z
      .enum(['redirect', 'refuse', 'allow'])
      .describe(
        'Requests without TLS. redirect: GET and HEAD that carry no credential are sent on, the rest is refused',
      ),
    port: z.int().min(1).max(65_535).default(443).describe('Port at which clients reach HTTPS, for redirects'),
    hsts: hsts.optional(),
  })
  .describe('Whether HTTPS is needed')

export const policySpec = z
  .discriminatedUnion('type', [accessPolicySpec, limitPolicySpec, httpsPolicySpec])
  .describe('A requirement')

/** A policy as written. */
export type PolicySpec = z.input<typeof policySpec>
/** An access policy as written. */
export type AccessPolicySpec = z.input<typeof accessPolicySpec>
/** A limit policy as written. */
export type LimitPolicySpec = z.input<typeof limitPolicySpec>
/** An HTTPS policy as written. */
export type HttpsPolicySpec = z.input<typeof httpsPolicySpec>
