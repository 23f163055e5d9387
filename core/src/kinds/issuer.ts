/**
 * Kind `issuer`: somebody whose tokens prove who calls.
 *
 * What a token is accepted for stands here and never in the token: algorithms, keys, audiences, types. An issuer either
 * signs its tokens, so that the agent checks them by itself, or is asked about each (introspection).
 *
 * Sources: RFC 7519, RFC 8725, RFC 9068, RFC 7662, RFC 8414, OpenID Connect Discovery 1.0.
 *
 * @module
 */
import { z } from 'zod'
import { signatureAlgorithms } from '#core/tokens/jws.ts'
import { secretReference } from './common.ts'

/** Names of members from the outside in, as `realm_access.roles`; a name with a dot in it is written in a list. */
export const claimPath = z
  .union([
    z
      .string()
      .min(1)
      .max(256)
      .transform((text) => text.split('.')),
    z.array(z.string().min(1).max(256)).min(1).max(8),
  ])
  .refine((path) => path.length <= 8 && path.every((name) => name !== ''), {
    error: 'a name, or names with dots between',
  })
  .describe('A claim: its name, or names from the outside in with dots between; a list where a name has a dot in it')

/** An address of somebody else. */
export const outsideUrl = z
  .url({ protocol: /^https?$/, error: 'use https:// and a host' })
  .max(2_048)
  .refine((url) => !/[#@]/.test(url), { error: 'give a URL without # and without a password' })

const publicJwk = z
  .looseObject({ kty: z.string() })
  .refine((jwk) => !('d' in jwk) && !('k' in jwk), { error: 'holds a private key: give public keys only' })

const keySource = z
  .union(
    [
      z.strictObject({ discovery: z.literal(true) }),
      z.strictObject({ jwks_url: outsideUrl }),
      z.strictObject({ jwks: z.strictObject({ keys: z.array(publicJwk).min(1).max(100) }) }),
    ],
    { error: 'give discovery: true, jwks_url or jwks' },
  )
  .describe('Where its public keys are: in its metadata, at an address, or here')

/** Who the agent is to an issuer. */
export const clientAuthentication = z.discriminatedUnion('method', [
  z.strictObject({
    method: z.literal('client_secret_basic'),
    client_id: z.string().min(1).max(256),
    secret: secretReference.describe('Where the agent reads the secret'),
  }),
  z.strictObject({
    method: z.literal('private_key_jwt'),
    client_id: z.string().min(1).max(256),
    key: secretReference.describe('Where the agent reads the private key (PEM)'),
    key_id: z.string().min(1).max(256).optional().describe('Name of the key'),
    algorithm: z.enum(['ES256', 'PS256', 'RS256', 'EdDSA']).default('ES256'),
  }),
])

const introspection = z
  .strictObject({
    url: outsideUrl.describe('Address that is asked'),
    client: clientAuthentication.describe('Who the agent is to the issuer'),
    cache_ms: z
      .int()
      .min(0)
      .max(30_000)
      .default(10_000)
      .describe('How long an answer counts, in milliseconds; never beyond the end of the token'),
    timeout_ms: z.int().min(100).max(10_000).default(2_000).describe('Longest wait for an answer, in milliseconds'),
  })
  .describe('Ask the issuer about each token (RFC 7662)')

const requiredClaim = z.strictObject({
  claim: claimPath,
  values: z.array(z.string().max(256)).max(64).default([]).describe('One of these; empty: anything but null'),
})

export const issuerSpec = z
  .strictObject({
    issuer: outsideUrl.describe('Its name, to the letter as in iss'),
    keys: keySource.optional(),
    introspection: introspection.optional(),
    audiences: z
      .array(z.string().min(1).max(512))
      .min(1)
      .max(32)
      .describe('Names of what is protected here: aud must hold one of them'),
    algorithms: z
      .array(z.enum(signatureAlgorithms))
      .min(1)
      .default(['ES256', 'EdDSA', 'PS256', 'RS256'])
      .describe('Signatures that count; a token cannot choose another'),
    token_types: z
      .array(z.enum(['at+jwt', 'jwt', 'none']))
      .min(1)
      .default(['at+jwt'])
      .describe('typ of its access tokens; jwt and none where it does not keep to RFC 9068'),
    clock_skew_ms: z.int().min(0).max(300_000).default(30_000).describe('How far clocks may differ, in milliseconds'),
    token_life_ms_max: z
      .int()
      .min(1_000)
      .max(31_536_000_000)
      .optional()
      .describe('Longest life of a token, from iat to exp, in milliseconds; default: not bounded'),
    required_claims: z.array(requiredClaim).max(32).default([]).describe('What its tokens must say besides'),
    consumer_claim: claimPath.prefault('client_id').describe('The claim that names the consumer'),
    unknown_consumers: z
      .enum(['refuse', 'admit'])
      .default('refuse')
      .describe('admit: a caller that is no consumer here is called by what the claim says'),
    scope_claim: claimPath.prefault('scope').describe('The claim that has the scopes: words in a text, or a list'),
    role_claim: claimPath.optional().describe('The claim that has the names of roles: words in a text, or a list'),
    keys_stale_ms_max: z
      .int()
      .min(0)
      .max(604_800_000)
      .default(86_400_000)
      .describe('How long known keys count while the issuer does not answer, in milliseconds'),
    private_addresses: z
      .boolean()
      .default(false)
      .describe('Whether the issuer may be at an address of a private network, or at http://'),
    ca: z
      .string()
      .max(100_000)
      .regex(/^-----BEGIN CERTIFICATE-----/, 'certificates in PEM')
      .optional()
      .describe('Authorities of the issuer in PEM, instead of the public ones'),
    description: z.string().max(2_000).optional().describe('For people'),
  })
  .superRefine((spec, context) => {
    if ((spec.keys === undefined) === (spec.introspection === undefined)) {
      context.addIssue({ code: 'custom', path: ['keys'], message: 'give either keys or introspection' })
    }
    const addresses: readonly (readonly [path: string[], url: string | undefined])[] = [
      [['issuer'], spec.keys !== undefined && 'discovery' in spec.keys ? spec.issuer : undefined],
      [['keys', 'jwks_url'], spec.keys !== undefined && 'jwks_url' in spec.keys ? spec.keys.jwks_url : undefined],
      [['introspection', 'url'], spec.introspection?.url],
    ]
    for (const [path, url] of addresses) {
      if (url === undefined || url.startsWith('https:') || spec.private_addresses) continue
      context.addIssue({ code: 'custom', path, message: 'use https://, or set private_addresses for a trial' })
    }
  })
  .describe('Somebody whose tokens prove who calls')

/** An issuer as written. */
export type IssuerSpec = z.input<typeof issuerSpec>
