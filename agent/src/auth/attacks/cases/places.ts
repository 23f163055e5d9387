/**
 * Credentials in other places, under other names, and two of them at once.
 *
 * Sources: RFC 9110 section 5.1 and 11.1 (names compare without case), RFC 6750 section 2 and 5.3, RFC 9700 section 4.3.2.
 *
 * @module
 */
import { type Attack, admitted, type Field, plain, refused } from '#agent/auth/attacks/attack.ts'
import {
  by,
  goodClaims,
  goodHeader,
  OTHER_ISSUER,
  otherIssuerKey,
  proof,
  token,
  tokenWith,
} from '#agent/auth/attacks/testing/forge.ts'
import { keys } from '#agent/auth/attacks/testing/people.ts'

const MISSING = 'credential_missing'
const REPEATED = 'credential_repeated'

/** A request with fields that are made from a token. */
const told = (fields: (text: string) => readonly Field[], target = '/jwt') => {
  return () => {
    const text = tokenWith({})
    return plain(target, fields(text), [text])
  }
}

const authorization = (value: (text: string) => string): (() => ReturnType<typeof plain>) =>
  told((text) => [['authorization', value(text)]])

const otherToken = (): string => token(goodHeader, goodClaims({ iss: OTHER_ISSUER }), by.ecdsa(otherIssuerKey))

const elsewhere: readonly (readonly [name: string, field: (text: string) => Field])[] = [
  ['Proxy-Authorization', (text) => ['proxy-authorization', `Bearer ${text}`]],
  ['X-Authorization', (text) => ['x-authorization', `Bearer ${text}`]],
  ['X-Original-Authorization', (text) => ['x-original-authorization', `Bearer ${text}`]],
  ['X-Access-Token', (text) => ['x-access-token', text]],
  ['X-Forwarded-Access-Token', (text) => ['x-forwarded-access-token', text]],
  ['a cookie', (text) => ['cookie', `access_token=${text}; Authorization=Bearer ${text}`]],
  ['the protocol of a WebSocket', (text) => ['sec-websocket-protocol', `bearer, ${text}`]],
  ['DPoP', (text) => ['dpop', text]],
]

const schemes: readonly (readonly [name: string, value: (text: string) => string])[] = [
  ['Basic', (text) => `Basic ${Buffer.from(`acme:${text}`).toString('base64')}`],
  ['Token', (text) => `Token ${text}`],
  ['JWT', (text) => `JWT ${text}`],
  ['OAuth', (text) => `OAuth ${text}`],
  ['no scheme', (text) => text],
  ['a scheme with a colon', (text) => `Bearer: ${text}`],
  ['a scheme with an equals sign', (text) => `Bearer=${text}`],
  ['a scheme that ends at once', (text) => `Bearer${text}`],
  ['a scheme that begins alike', (text) => `Bearers ${text}`],
  ['a scheme in quotes', (text) => `"Bearer" ${text}`],
  ['another scheme in front', (text) => `Basic YTpi, Bearer ${text}`],
  ['Negotiate', (text) => `Negotiate ${text}`],
  ['a letter of another alphabet in the scheme', (text) => `B\u00e9arer ${text}`],
]

export const places: readonly Attack[] = [
  ...['Bearer', 'bearer', 'BEARER', 'bEaReR'].map((scheme) =>
    admitted(
      `a token by ${scheme}`,
      authorization((text) => `${scheme} ${text}`),
    ),
  ),
  admitted(
    'a token in AUTHORIZATION',
    told((text) => [['AUTHORIZATION', `Bearer ${text}`]]),
  ),
  admitted(
    'a token behind more than one blank',
    authorization((text) => `Bearer   ${text}`),
  ),
  admitted('a key in X-API-KEY', () => plain('/keys', [['X-API-KEY', keys.good]], [keys.good])),
  // Who calls is what was proven.
  admitted(
    'a token beside a false name of its caller, which is not believed,',
    told((text) => [
      ['authorization', `Bearer ${text}`],
      ['x-headgate-consumer', 'globex'],
      ['X-Headgate-Consumer', ''],
      ['x_headgate_consumer', 'globex'],
      ['X-HEADGATE_CONSUMER', 'globex'],
    ]),
  ),
  refused('a request without a credential', MISSING, () => plain('/jwt', [])),
  ...schemes.map(([name, value]) => refused(`a token by ${name}`, MISSING, authorization(value))),
  refused(
    'a token behind a tab',
    'credential_malformed',
    authorization((text) => `Bearer\t${text}`),
  ),
  ...elsewhere.map(([name, field]) =>
    refused(
      `a token in ${name}`,
      MISSING,
      told((text) => [field(text)]),
    ),
  ),
  refused('a key in X_API_KEY', MISSING, () => plain('/keys', [['x_api_key', keys.good]], [keys.good])),
  refused('a token in the query', MISSING, () => {
    const text = tokenWith({})
    return plain(`/jwt?access_token=${text}&authorization=Bearer%20${text}`, [], [text])
  }),
  refused('somebody who says who it is', MISSING, () =>
    plain('/jwt', [
      ['x-consumer', 'acme'],
      ['x-consumer-id', 'cns_acme'],
      ['x-headgate-consumer', 'acme'],
      ['x-authenticated-user', 'acme'],
      ['x-forwarded-user', 'acme'],
      ['remote-user', 'acme'],
    ]),
  ),
  refused('two tokens in two fields', REPEATED, () => {
    const [first, second] = [tokenWith({}), tokenWith({})]
    return plain(
      '/jwt',
      [
        ['authorization', `Bearer ${first}`],
        ['authorization', `Bearer ${second}`],
      ],
      [first, second],
    )
  }),
  refused(
    'one token in two fields',
    REPEATED,
    told((text) => [
      ['authorization', `Bearer ${text}`],
      ['Authorization', `Bearer ${text}`],
    ]),
  ),
  refused(
    'a token and an empty field',
    REPEATED,
    told((text) => [
      ['authorization', `Bearer ${text}`],
      ['authorization', ''],
    ]),
  ),
  refused(
    'a token and another scheme',
    REPEATED,
    told((text) => [
      ['authorization', `Bearer ${text}`],
      ['authorization', 'Basic YTpi'],
    ]),
  ),
  refused(
    'a token and a key',
    REPEATED,
    told(
      (text) => [
        ['authorization', `Bearer ${text}`],
        ['x-api-key', keys.good],
      ],
      '/both',
    ),
  ),
  refused(
    'a token and a key that is none',
    REPEATED,
    told(
      (text) => [
        ['authorization', `Bearer ${text}`],
        ['x-api-key', 'nothing'],
      ],
      '/both',
    ),
  ),
  refused(
    'a token and another one in the field of keys',
    REPEATED,
    told(
      (text) => [
        ['authorization', `Bearer ${text}`],
        ['x-api-key', otherToken()],
      ],
      '/both',
    ),
  ),
  refused(
    'a token in the field of keys',
    'credential_malformed',
    told((text) => [['x-api-key', text]], '/both'),
  ),
  refused('a key by DPoP', 'credential_malformed', () =>
    plain(
      '/both',
      [
        ['authorization', `DPoP ${keys.good}`],
        ['dpop', proof(keys.good)],
      ],
      [keys.good],
    ),
  ),
  refused('two tokens by two schemes in one field', 'credential_malformed', () => {
    const [first, second] = [tokenWith({}), tokenWith({})]
    return plain('/jwt', [['authorization', `Bearer ${first}, DPoP ${second}`]], [first, second])
  }),
]
