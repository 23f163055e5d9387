/**
 * Parts of kind `service`: what the service is told about the caller, and how the agent proves itself to the service.
 *
 * Whatever field is named here belongs to the agent alone: callers cannot send it. Names that a message needs for
 * something else cannot be taken.
 *
 * Sources: RFC 7617 (basic), RFC 6750 (bearer), RFC 6749 section 4.4 (client credentials), RFC 8707 (resource).
 *
 * @module
 */
import { z } from 'zod'
import { certificatesPem, scopeName, secretReference } from './common.ts'
import { claimPath, clientAuthentication, outsideUrl } from './issuer.ts'

/** Said by the message itself, by the connection, or by the agent about where a request came from. */
const TAKEN: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'cookie',
  'date',
  'expect',
  'forwarded',
  'host',
  'http2-settings',
  'keep-alive',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
])
const TAKEN_PREFIXES = ['content-', 'grpc-', 'if-', 'proxy-', 'sec-', 'x-forwarded-'] as const

const isTaken = (name: string): boolean => TAKEN.has(name) || TAKEN_PREFIXES.some((prefix) => name.startsWith(prefix))

const fieldName = z
  .string()
  .max(64)
  // Without `_`, which some servers cannot tell from `-`: of two such names one could be sent by a caller.
  .regex(/^[a-z][a-z0-9-]*$/, 'a lower-case name of letters, digits and "-"')
  .refine((name) => !isTaken(name), { error: 'this field has a meaning of its own: give another name' })

/** `Authorization` is what a credential goes into, not what somebody is called. */
const identityField = fieldName.refine((name) => name !== 'authorization', {
  error: 'services take this field for a credential: give another name',
})

const identityHeaders = z.strictObject({
  consumer: identityField.optional().describe('Field for the name of the consumer'),
  credential: identityField.optional().describe('Field for the id of the credential'),
  scopes: identityField.optional().describe('Field for the scopes, with spaces between'),
  roles: identityField.optional().describe('Field for the roles, with spaces between'),
})

const claimHeader = z.strictObject({
  claim: claimPath,
  header: identityField.describe('Field for it'),
})

const identityToken = z.strictObject({
  audience: z.string().min(1).max(512).describe('Whom the token is for (aud): a name of the service'),
  header: identityField.default('x-headgate-identity').describe('Field for the token'),
  life_ms: z.int().min(1_000).max(60_000).default(30_000).describe('How long a token counts, in milliseconds'),
  claims: z.array(claimPath).max(32).default([]).describe('Claims of the token of the caller that are in it'),
})

export const serviceIdentity = z
  .strictObject({
    headers: identityHeaders.default({ consumer: 'x-headgate-consumer' }).describe('Fields with who calls; {}: none'),
    claims: z.array(claimHeader).max(32).default([]).describe('Fields with claims of the token of the caller'),
    token: identityToken.optional().describe('A short-lived signed token that says who calls; default: none'),
  })
  .superRefine((spec, context) => {
    const seen = new Set<string>()
    for (const [path, name] of identityNames(spec)) {
      if (seen.has(name)) context.addIssue({ code: 'custom', path: [...path], message: 'this field is there twice' })
      seen.add(name)
    }
  })
  .describe('What the service is told about the caller')

/** The fields of an identity, each with where it stands in the spec. */
export function identityNames({
  headers,
  claims,
  token,
}: z.output<typeof serviceIdentity>): readonly (readonly [path: readonly (string | number)[], name: string])[] {
  const names: (readonly [(string | number)[], string])[] = []
  for (const [field, name] of Object.entries(headers)) {
    if (name !== undefined) names.push([['headers', field], name])
  }
  for (const [index, { header }] of claims.entries()) names.push([['claims', index, 'header'], header])
  if (token !== undefined) names.push([['token', 'header'], token.header])
  return names
}

/** Visible, so that it can stand in a field; a space may end it, as in `Bearer `. */
const prefix = z
  .string()
  .max(64)
  .regex(/^(?:[\x21-\x7e]+ ?)?$/, 'visible characters, and perhaps a space behind them')

const headerAuthentication = z.strictObject({
  kind: z.literal('header'),
  name: fieldName.default('authorization').describe('Field that the service reads'),
  prefix: prefix.default('').describe('What stands in front of the secret, such as "Bearer "'),
  value: secretReference.describe('Where the agent reads the secret'),
})

const basicAuthentication = z.strictObject({
  kind: z.literal('basic'),
  username: z
    .string()
    .max(256)
    .regex(/^[^:\p{Cc}]*$/u, 'without ":" and control characters'),
  password: secretReference.describe('Where the agent reads the password'),
})

const oauthAuthentication = z
  .strictObject({
    kind: z.literal('oauth'),
    token_url: outsideUrl.describe('Address at which the agent asks for tokens'),
    client: clientAuthentication.describe('Who the agent is there'),
    issuer: outsideUrl.optional().describe('For private_key_jwt, whom its statement is for; default: token_url'),
    scopes: z.array(scopeName).max(64).default([]).describe('What the agent asks for'),
    audience: z.string().min(1).max(512).optional().describe('Whom the tokens are for, where the issuer wants that'),
    resource: outsideUrl.optional().describe('The same as RFC 8707 has it'),
    private_addresses: z
      .boolean()
      .default(false)
      .describe('Whether the issuer may be at an address of a private network, or at http://'),
    ca: certificatesPem.optional().describe('Authorities of the issuer in PEM, instead of the public ones'),
  })
  .refine(({ token_url, private_addresses }) => token_url.startsWith('https:') || private_addresses, {
    error: 'use https://, or set private_addresses for a trial',
    path: ['token_url'],
  })

export const serviceAuthentication = z
  .discriminatedUnion('kind', [headerAuthentication, basicAuthentication, oauthAuthentication])
  .describe('How the agent proves itself to the targets')
