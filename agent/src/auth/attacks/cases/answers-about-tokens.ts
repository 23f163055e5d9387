/**
 * Answers of an issuer about a token that are none, or not about this place.
 *
 * Sources: RFC 7662 section 2.2 and 4, RFC 9700 section 4.8 (mix-up).
 *
 * @module
 */
import { type Attack, admitted, bearer, refused } from '#agent/auth/attacks/attack.ts'
import { AUDIENCE, nowS } from '#agent/auth/attacks/testing/forge.ts'

export interface Answer {
  readonly status: number
  readonly body: string
  readonly fields?: Readonly<Record<string, string>>
}

const good = (changed: object = {}): Record<string, unknown> => {
  return { active: true, client_id: 'acme', scope: 'orders:read', aud: AUDIENCE, exp: nowS() + 300, ...changed }
}

const said = (changed: object = {}): Answer => ({ status: 200, body: JSON.stringify(good(changed)) })
const written = (body: string, status = 200): Answer => ({ status, body })

type Expected = Parameters<typeof refused>[1] | 'allowed'

const cases: readonly (readonly [name: string, answer: () => Answer, expected: Expected])[] = [
  ['is active', () => said(), 'allowed'],
  ['is active and says little', () => said({ exp: undefined }), 'allowed'],
  ['is not active', () => written('{"active":false}'), 'token_inactive'],
  ['is not active and says all the rest', () => said({ active: false }), 'token_inactive'],
  ['is "true"', () => said({ active: 'true' }), 'credential_unavailable'],
  ['is 1', () => said({ active: 1 }), 'credential_unavailable'],
  ['is null', () => said({ active: null }), 'credential_unavailable'],
  ['is a list', () => said({ active: [true] }), 'credential_unavailable'],
  ['is nothing said', () => said({ active: undefined }), 'credential_unavailable'],
  [
    'is active and is not',
    () => written(`{"active":false,${JSON.stringify(good()).slice(1)}`),
    'credential_unavailable',
  ],
  ['is active in a prototype', () => written('{"__proto__":{"active":true}}'), 'credential_unavailable'],
  ['is active in a list', () => written(`[${JSON.stringify(good())}]`), 'credential_unavailable'],
  ['is a page', () => written('<html>active: true</html>'), 'credential_unavailable'],
  ['is nothing', () => written(''), 'credential_unavailable'],
  ['is active and an error', () => written(JSON.stringify(good()), 500), 'credential_unavailable'],
  ['is active and not found', () => written(JSON.stringify(good()), 404), 'credential_unavailable'],
  [
    'is active elsewhere',
    () => ({ status: 302, body: '', fields: { location: 'http://127.0.0.1:1/' } }),
    'credential_unavailable',
  ],
  ['is active and endless', () => said({ more: 'x'.repeat(70_000) }), 'credential_unavailable'],
  ['is active for somebody else', () => said({ aud: 'https://invoices.test' }), 'token_audience_mismatch'],
  ['is active for nobody', () => said({ aud: undefined }), 'token_audience_mismatch'],
  ['is active at another issuer', () => said({ iss: 'https://evil.test' }), 'token_issuer_unknown'],
  ['is active and over', () => said({ exp: nowS() - 60 }), 'credential_expired'],
  ['is active from tomorrow on', () => said({ nbf: nowS() + 86_400 }), 'token_not_yet_valid'],
  ['is active until "tomorrow"', () => said({ exp: 'tomorrow' }), 'token_claims_invalid'],
  ['is active for a caller of nobody', () => said({ client_id: 'mallory' }), 'consumer_unknown'],
  ['is active for no caller', () => said({ client_id: undefined }), 'token_claims_invalid'],
  ['is active and bound to a key', () => said({ cnf: { jkt: 'A'.repeat(43) } }), 'credential_unbound'],
  ['is active without a right', () => said({ scope: 'admin' }), 'scope_missing'],
]

const nameOf = (index: number): string => `opaque-token-of-case-${String(index).padStart(3, '0')}`

/** By token. */
export const answers: ReadonlyMap<string, () => Answer> = new Map(
  cases.map(([, answer], index) => [nameOf(index), answer]),
)

export const answersAboutTokens: readonly Attack[] = [
  ...cases.map(([name, , expected], index) =>
    expected === 'allowed'
      ? admitted(`a token of which the answer ${name}`, () => bearer(nameOf(index), '/opaque'))
      : refused(`a token of which the answer ${name}`, expected, () => bearer(nameOf(index), '/opaque')),
  ),
  ...['with a blank', 'a"quote', 'a\u00e9', 'a&token=b', 'a=b', '%00', '{"a":1}'].map((text) =>
    refused(`a token that cannot be one, ${JSON.stringify(text)},`, 'credential_malformed', () => ({
      ...bearer(text, '/opaque'),
      secrets: [],
    })),
  ),
  refused('a token of nobody', 'credential_unavailable', () => bearer('a-token-that-nobody-ever-gave', '/opaque')),
  refused('an opaque token of nine thousand letters', 'credential_malformed', () =>
    bearer('a'.repeat(9_000), '/opaque'),
  ),
]
