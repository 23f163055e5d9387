/**
 * Headers that bring a key, name one that is none, or say that something else was signed.
 *
 * Sources: RFC 7515 section 4.1, RFC 7797, RFC 8725 section 3.3, 3.9 to 3.12, CVE-2018-0114 (`jwk`), CVE-2023-50967
 * (`p2c`), CVE-2025-59420 (`crit` that nobody reads).
 *
 * @module
 */
import { type Attack, admitted, bearer, refused } from '#agent/auth/attacks/attack.ts'
import {
  byIssuer,
  byStranger,
  encode,
  goodClaims,
  goodHeader,
  jwkOf,
  stranger,
  token,
  tokenUnder,
} from '#agent/auth/attacks/testing/forge.ts'

const MALFORMED = 'credential_malformed'

const brought: readonly (readonly [name: string, header: () => Record<string, unknown>])[] = [
  ['the key of whoever made it', () => ({ jwk: jwkOf(stranger) })],
  ['such a key under the name of the right one', () => ({ jwk: { ...jwkOf(stranger), kid: 'es' }, kid: 'es' })],
  ['such a key and no name', () => ({ jwk: jwkOf(stranger), kid: undefined })],
  ['a shared secret for a key', () => ({ jwk: { kty: 'oct', k: 'c2VjcmV0' } })],
  ['the address of keys', () => ({ jku: 'https://evil.test/jwks.json' })],
  ['the address of keys below that of the issuer', () => ({ jku: 'https://id.test/../../evil.test/jwks.json' })],
  ['the address of keys with a name in front', () => ({ jku: 'https://id.test@evil.test/jwks.json' })],
  ['the address of keys in the network of the agent', () => ({ jku: 'http://169.254.169.254/latest/meta-data' })],
  ['a file for the address of keys', () => ({ jku: 'file:///etc/passwd' })],
  ['the address of a certificate', () => ({ x5u: 'https://evil.test/cert.pem' })],
  ['a certificate', () => ({ x5c: ['MIIBszCCAVmgAwIBAgIUe2V2aWw'] })],
  ['an empty list of certificates', () => ({ x5c: [] })],
]

const changed: readonly (readonly [name: string, header: Record<string, unknown>])[] = [
  ['an extension that must be understood', { crit: ['exp'], exp: 1 }],
  [
    'an extension of nobody that must be understood',
    { crit: ['http://evil.test/admin'], 'http://evil.test/admin': true },
  ],
  ['an empty list of extensions', { crit: [] }],
  ['extensions that are no list', { crit: 'b64' }],
  ['an extension that is not there', { crit: ['nothing'] }],
  ['extensions that are null', { crit: null }],
  ['claims that are not encoded, and must be understood so', { b64: false, crit: ['b64'] }],
  ['claims that are not encoded', { b64: false }],
  ['compression', { zip: 'DEF' }],
  ['a token inside', { cty: 'JWT' }],
  ['a token inside, in small letters', { cty: 'jwt' }],
  ['another content', { cty: 'application/x-java-serialized-object' }],
  ['an encryption', { enc: 'A256GCM' }],
  ['a key to agree on', { epk: jwkOf(stranger) }],
  ['a billion rounds of a password', { p2c: 2_000_000_000, p2s: 'AAAA' }],
]

const names: readonly string[] = [
  '../../../../dev/null',
  '/dev/null',
  'file:///dev/null',
  "es' OR '1'='1",
  "x' UNION SELECT 'key",
  'es\u0000',
  'es\n',
  'ES',
  'es ',
  '\u0435s',
  '| id',
  '$(id)',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  '0',
  'https://evil.test/jwks.json#es',
]

const types: readonly (readonly [name: string, typ: unknown, expected: 'token_type_not_allowed' | typeof MALFORMED])[] =
  [
    ['an id token', 'JWT', 'token_type_not_allowed'],
    ['a token without a type', undefined, 'token_type_not_allowed'],
    ['a proof of a key', 'dpop+jwt', 'token_type_not_allowed'],
    ['a token of a log-out', 'logout+jwt', 'token_type_not_allowed'],
    ['an event', 'secevent+jwt', 'token_type_not_allowed'],
    ['a statement of a client', 'client-authentication+jwt', 'token_type_not_allowed'],
    ['an answer about a token', 'token-introspection+jwt', 'token_type_not_allowed'],
    ['a token of a type that begins alike', 'at+jwt2', 'token_type_not_allowed'],
    ['a token of a type with a blank', 'at+jwt ', 'token_type_not_allowed'],
    ['a token of a type with two prefixes', 'application/application/at+jwt', 'token_type_not_allowed'],
    ['a token of two types', ['at+jwt'], MALFORMED],
    ['a token whose type is a number', 1, MALFORMED],
    ['a token whose type is null', null, MALFORMED],
  ]

export const headers: readonly Attack[] = [
  admitted('a token that says of itself what nobody knows', () => bearer(tokenUnder({ ver: '1', x5t: 'abc' }))),
  admitted('a token of a type with its prefix and in capitals', () =>
    bearer(tokenUnder({ typ: 'application/AT+JWT' })),
  ),
  ...brought.map(([name, header]) =>
    refused(`a token that brings ${name}`, MALFORMED, () => bearer(tokenUnder(header(), byStranger))),
  ),
  ...changed.map(([name, header]) => refused(`a token with ${name}`, MALFORMED, () => bearer(tokenUnder(header)))),
  refused('a token whose claims are not encoded', MALFORMED, () => {
    const text = `${encode({ ...goodHeader, b64: false, crit: ['b64'] })}.${JSON.stringify({ ...goodClaims(), iss: 'x' })}`
    return bearer(`${text}.${encode(byIssuer(text))}`)
  }),
  refused('a token whose claims are a token', MALFORMED, () =>
    bearer(token(goodHeader, token(goodHeader, goodClaims()))),
  ),
  refused('a token that is encrypted', MALFORMED, () =>
    bearer(`${encode({ alg: 'dir', enc: 'A128GCM' })}..${encode('iv')}.${encode('text')}.${encode('tag')}`),
  ),
  ...names.map((kid) =>
    refused(`a key that is called ${JSON.stringify(kid)}`, 'token_key_unknown', () =>
      bearer(tokenUnder({ kid }, byStranger)),
    ),
  ),
  refused('the name of a key that is a list', MALFORMED, () => bearer(tokenUnder({ kid: ['es'] }))),
  refused('the name of a key that is an object', MALFORMED, () => bearer(tokenUnder({ kid: { toString: 'es' } }))),
  refused('the name of a key that is a number', MALFORMED, () => bearer(tokenUnder({ kid: 0 }))),
  refused('the name of a key that is null', MALFORMED, () => bearer(tokenUnder({ kid: null }))),
  refused('the name of a key that is empty', MALFORMED, () => bearer(tokenUnder({ kid: '' }))),
  refused('the name of a key that is too long', MALFORMED, () => bearer(tokenUnder({ kid: 'e'.repeat(257) }))),
  ...types.map(([name, typ, expected]) => refused(name, expected, () => bearer(tokenUnder({ typ })))),
]
