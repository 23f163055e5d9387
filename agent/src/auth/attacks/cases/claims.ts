/**
 * Claims that are none, and callers that are not who they say. All of these tokens are signed by the issuer.
 *
 * Sources: RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 8725 section 3.8 to 3.10.
 *
 * @module
 */
import { type Attack, admitted, bearer, refused } from '#agent/auth/attacks/attack.ts'
import { AUDIENCE, goodClaims, goodHeader, ISSUER, nowS, token, tokenWith } from '#agent/auth/attacks/testing/forge.ts'

const INVALID = 'token_claims_invalid'

const issuers: readonly unknown[] = [
  `${ISSUER}/`,
  'https://ID.test',
  'HTTPS://id.test',
  'http://id.test',
  'https://id.test:443',
  'https://id.test.',
  'https://id.test?',
  'https://id.test#',
  'https://id.test/..',
  'https://evil.test/https://id.test',
  'https://id.test.evil.test',
  'https://id.test@evil.test',
  'https://id.tes',
  ' https://id.test',
  'https://id.test\n',
  'https://id.test\u0000',
  'https://\u0456d.test',
  'https://%69d.test',
  '',
  [ISSUER],
  { iss: ISSUER },
  null,
  0,
  true,
  undefined,
]

const audiences: readonly unknown[] = [
  `${AUDIENCE}/`,
  'https://ORDERS.test',
  'https://orders.test:443',
  'https://orders.test.evil.test',
  'https://orders.tes',
  'https://\u043erders.test',
  `${AUDIENCE} `,
  `${AUDIENCE}\u0000`,
  `other ${AUDIENCE}`,
  `${AUDIENCE},other`,
  '*',
  '',
  [],
  ['https://invoices.test'],
  [[AUDIENCE]],
  [AUDIENCE, 1],
  [AUDIENCE, null],
  { [AUDIENCE]: true },
  { 0: AUDIENCE, length: 1 },
  null,
  true,
  undefined,
]

const noNumbers: readonly unknown[] = ['1', String(2_000_000_000), null, true, [2_000_000_000], {}, '']

/** Claims with a time that is written as a text of JSON. */
const timed = (name: string, text: string): string => {
  const { [name]: _, ...rest } = goodClaims()
  return token(goodHeader, `{${JSON.stringify(rest).slice(1, -1)},"${name}":${text}}`)
}

const times: readonly (readonly [
  name: string,
  claims: () => Record<string, unknown>,
  expected: 'credential_expired' | 'token_not_yet_valid' | typeof INVALID,
])[] = [
  ['that ended long ago', () => ({ exp: nowS() - 3_600 }), 'credential_expired'],
  // The skew is 30 s; the token ends with its last second.
  ['that ended with the skew', () => ({ exp: nowS() - 30 }), 'credential_expired'],
  ['that ended in 1970', () => ({ exp: 0 }), 'credential_expired'],
  ['that ended before 1970', () => ({ exp: -1 }), INVALID],
  ['that ends at the largest whole number', () => ({ exp: 2 ** 53 }), INVALID],
  ['that ends beyond all numbers', () => ({ exp: 1e300 }), INVALID],
  ['without an end', () => ({ exp: undefined }), INVALID],
  ['that begins in a minute', () => ({ nbf: nowS() + 60 }), 'token_not_yet_valid'],
  ['that begins at the end of time', () => ({ nbf: 9_007_199_254_740 }), 'token_not_yet_valid'],
  ['that begins before 1970', () => ({ nbf: -1 }), INVALID],
  ['that was made in a minute', () => ({ iat: nowS() + 60 }), 'token_not_yet_valid'],
  ['that was made before 1970', () => ({ iat: -1 }), INVALID],
]

const callers: readonly (readonly [
  name: string,
  caller: unknown,
  expected: 'consumer_unknown' | 'consumer_disabled' | typeof INVALID,
])[] = [
  ['nobody', undefined, INVALID],
  ['an empty text', '', INVALID],
  ['null', null, INVALID],
  ['a number', 0, INVALID],
  ['true', true, INVALID],
  ['a list', ['acme'], INVALID],
  ['an object', { name: 'acme' }, INVALID],
  ['a name with a line feed', 'acme\nx-admin: 1', INVALID],
  ['a name with a zero byte', 'acme\u0000', INVALID],
  ['a name of three hundred letters', 'a'.repeat(300), INVALID],
  ['somebody unknown', 'mallory', 'consumer_unknown'],
  ['somebody who is switched off', 'sleepy', 'consumer_disabled'],
  ['the same in capitals', 'ACME', 'consumer_unknown'],
  ['the same with a blank', 'acme ', 'consumer_unknown'],
  ['the same in another alphabet', '\u0430cme', 'consumer_unknown'],
  ['the same in wide letters', '\uff41cme', 'consumer_unknown'],
  ['the id of a consumer', 'cns_acme', 'consumer_unknown'],
  ['half a pair', '\ud800', 'consumer_unknown'],
  ['a prototype', '__proto__', 'consumer_unknown'],
  ['a constructor', 'constructor', 'consumer_unknown'],
  ['a method', 'toString', 'consumer_unknown'],
  ['everybody', '*', 'consumer_unknown'],
]

export const issuersAndAudiences: readonly Attack[] = [
  admitted('a token for several, of whom we are one,', () => bearer(tokenWith({ aud: ['https://a.test', AUDIENCE] }))),
  ...issuers.map((iss) =>
    refused(`a token of the issuer ${JSON.stringify(iss)}`, 'token_issuer_unknown', () => bearer(tokenWith({ iss }))),
  ),
  ...audiences.map((aud) =>
    refused(`a token for ${JSON.stringify(aud)}`, 'token_audience_mismatch', () => bearer(tokenWith({ aud }))),
  ),
]

export const timesOfTokens: readonly Attack[] = [
  admitted('a token that ended within the skew', () => bearer(tokenWith({ exp: nowS() - 20 }))),
  admitted('a token that begins within the skew', () => bearer(tokenWith({ nbf: nowS() + 20, iat: nowS() + 20 }))),
  admitted('a token with parts of a second', () => bearer(tokenWith({ exp: nowS() + 60.5, iat: nowS() - 0.25 }))),
  admitted('an end that is written with an exponent', () => bearer(timed('exp', '0.4e10'))),
  admitted('a token without a time of making', () => bearer(tokenWith({ iat: undefined }))),
  ...times.map(([name, claims, expected]) => refused(`a token ${name}`, expected, () => bearer(tokenWith(claims())))),
  ...(['exp', 'nbf', 'iat'] as const).flatMap((name) => [
    ...noNumbers.map((value) =>
      refused(`a token whose ${name} is ${JSON.stringify(value)}`, INVALID, () => bearer(tokenWith({ [name]: value }))),
    ),
    refused(`a token whose ${name} is larger than numbers can be`, INVALID, () => bearer(timed(name, '1e999'))),
  ]),
  refused('a token whose end is less than nothing', 'credential_expired', () => bearer(timed('exp', '-0'))),
  // Taken for seconds, milliseconds are an end in fifty thousand years: what bounds the life of tokens refuses it.
  refused('an end in milliseconds where lives are bounded', INVALID, () =>
    bearer(tokenWith({ exp: (nowS() + 60) * 1_000 }), '/brief'),
  ),
  refused('a longer life than the issuer may give', INVALID, () => bearer(tokenWith({ exp: nowS() + 700 }), '/brief')),
  refused('a bounded life without a beginning', INVALID, () => bearer(tokenWith({ iat: undefined }), '/brief')),
  admitted('a life within its bound', () => bearer(tokenWith({}), '/brief')),
]

export const callersOfTokens: readonly Attack[] = [
  admitted('a token of a consumer', () => bearer(tokenWith({}))),
  ...callers.map(([name, caller, expected]) =>
    refused(`a token of ${name}`, expected, () => bearer(tokenWith({ client_id: caller }))),
  ),
  // The claim that names the consumer is the issuer object's choice.
  refused('a token that names its caller elsewhere', INVALID, () =>
    bearer(tokenWith({ client_id: undefined, sub: 'acme', azp: 'acme', consumer: 'acme' })),
  ),
  admitted('a token whose other names are of somebody else', () => bearer(tokenWith({ sub: 'globex', azp: 'globex' }))),
]
