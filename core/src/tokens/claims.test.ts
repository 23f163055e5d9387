import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClaimProblem, type ClaimRules, claimText, claimTexts, judgeClaims } from './claims.ts'

const NOW_MS = 1_750_000_000_000
const NOW_S = NOW_MS / 1_000

const rules: ClaimRules = {
  issuer: 'https://id.test',
  audiences: ['orders', 'https://api.test'],
  clockSkewMs: 30_000,
  lifeMsMax: 0,
  types: ['at+jwt'],
  required: [],
}

const good = { iss: 'https://id.test', aud: 'orders', exp: NOW_S + 600, iat: NOW_S, sub: 'alice' }

function judge(
  changed: Record<string, unknown>,
  more: Partial<ClaimRules> = {},
  type = 'at+jwt',
): ClaimProblem | 'good' {
  const claims = Object.fromEntries(Object.entries({ ...good, ...changed }).filter(([, value]) => value !== undefined))
  const judged = judgeClaims(claims, type, { ...rules, ...more }, NOW_MS)
  return judged.kind === 'good' ? 'good' : judged.problem
}

for (const [name, claims] of [
  ['as they are', {}],
  ['an audience of several', { aud: ['other', 'orders'] }],
  ['no time of issue', { iat: undefined }],
  ['an end within the skew', { exp: NOW_S - 29 }],
  ['a beginning within the skew', { nbf: NOW_S + 30 }],
  ['a time of issue within the skew', { iat: NOW_S + 30 }],
  ['parts of a second', { exp: NOW_S + 0.5 }],
  ['an end in a far future', { exp: 9_007_199_254_740 }],
] as const) {
  test(`claims are good: ${name}`, () => assert.equal(judge(claims), 'good'))
}

for (const [name, claims, problem] of [
  ['another issuer', { iss: 'https://evil.test' }, 'issuer'],
  ['an issuer with a slash more', { iss: 'https://id.test/' }, 'issuer'],
  ['an issuer in other letters', { iss: 'https://ID.test' }, 'issuer'],
  ['no issuer', { iss: undefined }, 'issuer'],
  ['a list of issuers', { iss: ['https://id.test'] }, 'issuer'],
  ['another audience', { aud: 'invoices' }, 'audience'],
  ['no audience', { aud: undefined }, 'audience'],
  ['an empty list of audiences', { aud: [] }, 'audience'],
  ['an audience that begins the same', { aud: 'orders2' }, 'audience'],
  ['audiences that are not all texts', { aud: ['orders', 1] }, 'audience'],
  ['audiences in one text', { aud: 'other orders' }, 'audience'],
  ['an audience that is an object', { aud: { orders: true } }, 'audience'],
  ['no end', { exp: undefined }, 'claims'],
  ['an end that is a text', { exp: String(NOW_S + 600) }, 'claims'],
  ['an end that is null', { exp: null }, 'claims'],
  ['an end that is true', { exp: true }, 'claims'],
  ['an end that is a list', { exp: [NOW_S + 600] }, 'claims'],
  ['an end that is no number', { exp: Number.NaN }, 'claims'],
  ['an end that is endless', { exp: Infinity }, 'claims'],
  ['an end below zero', { exp: -1 }, 'claims'],
  ['an end beyond exact numbers', { exp: 1e300 }, 'claims'],
  ['an end in milliseconds of long ago', { exp: 0 }, 'expired'],
  ['an end at the end of the skew', { exp: NOW_S - 30 }, 'expired'],
  ['an end long ago', { exp: NOW_S - 3_600 }, 'expired'],
  ['a beginning in the future', { nbf: NOW_S + 31 }, 'not_yet_valid'],
  ['a beginning that is a text', { nbf: '0' }, 'claims'],
  ['a beginning that is null', { nbf: null }, 'claims'],
  ['a time of issue in the future', { iat: NOW_S + 31 }, 'not_yet_valid'],
  ['a time of issue that is a text', { iat: 'now' }, 'claims'],
  ['a time of issue that is null', { iat: null }, 'claims'],
] as const) {
  test(`claims are refused for ${name}`, () => assert.equal(judge(claims), problem))
}

// RFC 8725 section 3.11: an id token must not pass for an access token.
for (const type of ['', 'jwt', 'id+jwt', 'dpop+jwt', 'at+jwt2']) {
  test(`the type ${JSON.stringify(type)} is refused where access tokens are asked for`, () =>
    assert.equal(judge({}, {}, type), 'type'))
}

test('every type is accepted where none is asked for', () => assert.equal(judge({}, { types: [] }, ''), 'good'))

test('a skew of zero is exact', () => {
  assert.equal(judge({ exp: NOW_S }, { clockSkewMs: 0 }), 'expired')
  assert.equal(judge({ exp: NOW_S + 0.001 }, { clockSkewMs: 0 }), 'good')
  assert.equal(judge({ nbf: NOW_S + 0.001 }, { clockSkewMs: 0 }), 'not_yet_valid')
  assert.equal(judge({ nbf: NOW_S }, { clockSkewMs: 0 }), 'good')
})

test('a bounded life needs to know when it began', () => {
  assert.equal(judge({}, { lifeMsMax: 600_000 }), 'good')
  assert.equal(judge({ exp: NOW_S + 601 }, { lifeMsMax: 600_000 }), 'claims')
  assert.equal(judge({ iat: undefined }, { lifeMsMax: 600_000 }), 'claims')
})

for (const [claims, outcome] of [
  [{ tenant: 'acme' }, 'good'],
  [{ tenant: ['x', 'acme'] }, 'good'],
  [{ tenant: 'other' }, 'claims'],
  [{ tenant: ['other'] }, 'claims'],
  [{ tenant: null }, 'claims'],
  [{ tenant: { acme: true } }, 'claims'],
  [{}, 'claims'],
] as const) {
  test(`a claim that must be acme: ${JSON.stringify(claims)} is ${outcome}`, () =>
    assert.equal(judge(claims, { required: [{ path: ['tenant'], values: ['acme'] }] }), outcome))
}

test('a claim that must be there may be false, and may be further in', () => {
  assert.equal(judge({ a: { b: false } }, { required: [{ path: ['a', 'b'], values: [] }] }), 'good')
  assert.equal(judge({ a: { b: true } }, { required: [{ path: ['a', 'b'], values: ['true'] }] }), 'good')
  assert.equal(judge({ a: {} }, { required: [{ path: ['a', 'b'], values: [] }] }), 'claims')
  assert.equal(judge({ a: ['b'] }, { required: [{ path: ['a', '0'], values: [] }] }), 'claims')
  assert.equal(judge({}, { required: [{ path: ['toString'], values: [] }] }), 'claims')
})

test('scopes come as words of one text or as a list, and nothing else is taken for them', () => {
  assert.deepEqual(claimTexts({ scope: 'a  b:c ' }, ['scope']), ['a', 'b:c'])
  assert.deepEqual(claimTexts({ scp: ['a', 'b'] }, ['scp']), ['a', 'b'])
  assert.deepEqual(claimTexts({ realm_access: { roles: ['x'] } }, ['realm_access', 'roles']), ['x'])
  assert.deepEqual(claimTexts({}, ['scope']), [])
  for (const scope of [1, true, null, {}, ['a', 1], [['a']]]) assert.equal(claimTexts({ scope }, ['scope']), null)
})

test('a text is a text, and not empty', () => {
  assert.equal(claimText({ sub: 'alice' }, ['sub']), 'alice')
  for (const sub of ['', 1, null, ['alice'], {}, undefined]) assert.equal(claimText({ sub }, ['sub']), null)
})
