/**
 * Kind `policy`: a requirement on an environment, a service or a route.
 *
 * @module
 */
import { z } from 'zod'
import { isTimeZone, weekdays } from '#core/access/times.ts'
import { parseAddressRange } from '#core/credentials/addresses.ts'
import { certificateIdentities } from '#core/credentials/kinds.ts'
import { EXPRESSION_LENGTH_MAX } from '#core/expressions/bounds.ts'
import { attachment, objectName, scopeName } from './common.ts'
import { limitPolicySpec } from './limit.ts'

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
  query: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'a name of letters, digits, ".", "_", "-"')
    .optional()
    .describe(
      'Query parameter that may carry the key too. It is taken away before the request goes on, and leaks all the same',
    ),
})

const issuerName = objectName.describe('Name of the issuer')

const dpop = z
  .enum(['accept', 'require'])
  .default('accept')
  .describe('accept: a token that is bound to a key needs a proof of it (RFC 9449); require: every token is bound')

/** Tokens that an issuer has signed. */
export const jwtSource = z.strictObject({ kind: z.literal('jwt'), issuer: issuerName, dpop })

/** Tokens that an issuer is asked about. */
export const introspectionSource = z.strictObject({ kind: z.literal('introspection'), issuer: issuerName, dpop })

/** A client certificate, by what it names its holder. */
export const mtlsSource = z.strictObject({
  kind: z.literal('mtls'),
  identities: z
    .array(z.enum(certificateIdentities))
    .min(1)
    .default(['uri', 'dns'])
    .describe('What of a certificate is looked for among the credentials of consumers'),
})

/** A signature over the request (RFC 9421), with a key of the caller. */
export const signatureSource = z.strictObject({
  kind: z.literal('signature'),
  covered: z
    .array(
      z.string().regex(/^(?:@method|@authority|@scheme|@path|@query|@request-target|@target-uri|[a-z0-9-]{1,64})$/, {
        error: 'a lower-case header field, @method, @authority, @scheme, @path, @query, @request-target or @target-uri',
      }),
    )
    .min(1)
    .max(16)
    .default(['@method', '@authority', '@path', '@query'])
    .describe('Parts of a request that must be signed'),
  age_ms_max: z
    .int()
    .min(1_000)
    .max(3_600_000)
    .default(300_000)
    .describe('How old a signature may be, in milliseconds. A signature counts once within that time'),
})

const publicAccess = z.strictObject({
  owner: z.string().min(1).max(200).describe('Who answers for this being public'),
  reason: z.string().min(1).max(500).describe('Why it is public'),
})

const addressRange = z
  .string()
  .max(64)
  .refine((text) => parseAddressRange(text) !== null, {
    error: 'an address or a range without bits behind the prefix, such as 10.0.0.0/8',
  })

/** Where a request may come from. */
const addressRules = z
  .strictObject({
    allow: z
      .array(addressRange)
      .min(1)
      .max(1_000)
      .optional()
      .describe('From these ranges only; default: from everywhere'),
    deny: z.array(addressRange).max(1_000).default([]).describe('Not from these, also where allow has them'),
  })
  .describe('Where a request may come from')

const timeOfDay = z
  .string()
  .regex(/^(?:(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00)$/, 'a time such as 08:00; 24:00 is the end')

/** Part of the days of a week. */
const timeWindow = z
  .strictObject({
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .default([...weekdays])
      .describe('Days of the week; default: all'),
    from: timeOfDay.default('00:00').describe('Begin, on the clocks of the zone'),
    to: timeOfDay.default('24:00').describe('End, not included'),
    zone: z
      .string()
      .max(64)
      .refine(isTimeZone, { error: 'a time zone such as Europe/Berlin or UTC' })
      .describe('Time zone of the IANA database'),
  })
  .refine(({ from, to }) => from < to, {
    error: 'the end is behind the begin: give two windows for a night',
    path: ['to'],
  })

const needsCaller = ['scopes', 'scopes_any', 'roles', 'consumers'] as const

/** Exactly one of `public` and `credentials`; checked here so that no reader can take half of it. */
export const accessPolicySpec = z
  .strictObject({
    type: z.literal('access'),
    on: attachment,
    public: publicAccess.optional().describe('Everybody may call'),
    credentials: z
      .array(z.discriminatedUnion('kind', [apiKeySource, jwtSource, introspectionSource, mtlsSource, signatureSource]))
      .min(1)
      .max(8)
      .optional()
      .describe('What a caller may present; one of these, not two'),
    scopes: z.array(scopeName).max(32).optional().describe('All of these are needed'),
    scopes_any: z.array(scopeName).min(1).max(32).optional().describe('One of these is needed'),
    roles: z.array(objectName).min(1).max(32).optional().describe('One of these is needed'),
    consumers: z.array(objectName).min(1).max(256).optional().describe('Only these'),
    addresses: addressRules.optional(),
    times: z.array(timeWindow).min(1).max(16).optional().describe('Within one of these; default: at all times'),
    expression: z
      .string()
      .min(1)
      .max(EXPRESSION_LENGTH_MAX)
      .optional()
      .describe('Must be true, in CEL over request, principal and claims. What fails is refused'),
  })
  .refine((spec) => (spec.public === undefined) !== (spec.credentials === undefined), {
    error: 'give either public or credentials',
  })
  .superRefine((spec, context) => {
    if (spec.public === undefined) return
    for (const field of needsCaller) {
      if (spec[field] !== undefined)
        context.addIssue({ code: 'custom', path: [field], message: `${field} need credentials` })
    }
  })
  .describe('Who may call')

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

export const sizePolicySpec = z
  .strictObject({
    type: z.literal('size'),
    on: attachment,
    body_bytes_max: z
      .int()
      .min(0)
      .max(1_000_000_000_000)
      .describe('Longest body of a request, in bytes; 0: requests have none'),
  })
  .describe('How large requests may be')

export const policySpec = z
  .discriminatedUnion('type', [accessPolicySpec, limitPolicySpec, httpsPolicySpec, sizePolicySpec])
  .describe('A requirement')

/** A policy as written. */
export type PolicySpec = z.input<typeof policySpec>
/** An access policy as written. */
export type AccessPolicySpec = z.input<typeof accessPolicySpec>
/** A size policy as written. */
export type SizePolicySpec = z.input<typeof sizePolicySpec>
/** An HTTPS policy as written. */
export type HttpsPolicySpec = z.input<typeof httpsPolicySpec>
