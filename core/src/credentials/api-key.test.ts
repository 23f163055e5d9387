import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { facts } from '#core/fakes/request.ts'
import { OBJECT_NAME } from '#core/kinds/common.ts'
import { parseAddressRanges } from './addresses.ts'
import {
  API_KEY_LENGTH_MAX,
  apiKeyEnvironment,
  apiKeyHint,
  BASE62,
  formatApiKey,
  apiKeyRecord,
  judgeApiKey,
  parseApiKey,
  type ApiKeyFields,
} from './api-key.ts'
import { crc32 } from './crc32.ts'

const oneOf = (characters: string): fc.Arbitrary<string> => fc.constantFrom(...characters.split(''))
const base62 = oneOf(BASE62)
const random30 = fc.string({ unit: base62, minLength: 30, maxLength: 30 })
const environmentName = fc
  .tuple(oneOf('abz019'), fc.string({ unit: oneOf('ab0._-'), maxLength: 61 }), oneOf('abz019'))
  .map((parts) => parts.join(''))

test('a key reads back, whatever underscores, dots and dashes the environment has', () => {
  fc.assert(
    fc.property(environmentName, random30, (environment, random) => {
      const key = formatApiKey(environment, random)
      assert.ok(key.length <= API_KEY_LENGTH_MAX)
      assert.match(key, /^hgk_[a-z0-9._-]+_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}$/)
      assert.deepEqual(parseApiKey(key), { kind: 'api_key', environment, last4: random.slice(-4) })
    }),
  )
})

// The form is public: scanners and other programs depend on it.
test('the form of a key does not change', () => {
  assert.equal(
    formatApiKey('production', '0'.repeat(26) + 'abcd'),
    'hgk_production_00000000000000000000000000abcd_3zl0y3',
  )
})

test('a key with any one character changed, added or left out is malformed', () => {
  const key = formatApiKey('production', '0123456789ABCDEFGHIJabcdefghij')
  for (let at = 0; at < key.length; at++) {
    for (const character of 'a0_') {
      const changed = key.slice(0, at) + character + key.slice(at + 1)
      if (changed !== key) assert.equal(parseApiKey(changed).kind, 'malformed', changed)
      const added = key.slice(0, at) + character + key.slice(at)
      if (added !== key) assert.equal(parseApiKey(added).kind, 'malformed', added)
    }
    assert.equal(parseApiKey(key.slice(0, at) + key.slice(at + 1)).kind, 'malformed')
  }
})

for (const text of ['', 'hgk_', 'hgk__', `hgk_${'_'.repeat(40)}`, 'HGK_a_b_c', ' ', '\u0000', 'hgk_\u{1f600}']) {
  test(`${JSON.stringify(text)} is malformed`, () => assert.equal(parseApiKey(text).kind, 'malformed'))
}

test('any text is answered, and only keys are called keys', () => {
  fc.assert(fc.property(fc.string(), (text) => parseApiKey(`hgk_${text}`).kind === 'malformed'))
  assert.equal(parseApiKey('hgk_' + 'a'.repeat(10_000_000)).kind, 'malformed')
})

/** A key as anybody could write one: with a right checksum, whatever the name and the random part are. */
function signed(environment: string, random: string): string {
  const body = `hgk_${environment}_${random}`
  let [rest, sum] = [crc32(body), '']
  for (let at = 0; at < 6; at++) [rest, sum] = [Math.floor(rest / 62), BASE62.charAt(rest % 62) + sum]
  return `${body}_${sum}`
}

// Guards against a name that no environment can have, and that another reader would take apart in another way.
test('a right checksum does not make a key of a name or a random part that is none', () => {
  const name = fc.string({ unit: oneOf('az09._-AZ é/'), maxLength: 66 })
  const random = fc.string({ unit: oneOf('azAZ09_-\u0141'), minLength: 29, maxLength: 31 })
  fc.assert(
    fc.property(name, fc.oneof(random30, random), (environment, part) => {
      const isKey = OBJECT_NAME.test(environment) && /^[0-9A-Za-z]{30}$/.test(part)
      // What is behind the last underscore but one may be a random part too: then the name is longer.
      fc.pre(isKey || !/_/.test(part))
      assert.equal(parseApiKey(signed(environment, part)).kind === 'api_key', isKey)
    }),
    { numRuns: 1_000 },
  )
})

test('the environment of a key is read, whichever is expected', () => {
  const key = formatApiKey('eu_production', '0'.repeat(30))
  for (const expected of ['eu_production', 'eu', 'eu_production_', '', 'eu_productioN']) {
    assert.equal(apiKeyEnvironment(key, expected), 'eu_production')
  }
  assert.equal(apiKeyEnvironment(`${key}0`, 'eu_production'), null)
})

test('a key is not made from what could never be read', () => {
  assert.throws(() => formatApiKey('production', 'short'), RangeError)
  assert.throws(() => formatApiKey('production', '-'.repeat(30)), RangeError)
  assert.throws(() => formatApiKey('Production', '0'.repeat(30)), RangeError)
})

test('a hint says which key without saying the key', () => {
  assert.equal(apiKeyHint('Qd4x'), '…Qd4x')
})

const NOW_MS = 1_800_000_000_000
const fields: ApiKeyFields = {
  id: 'key_1',
  consumerId: 'cns_1',
  consumer: 'alice',
  consumerDisabled: false,
  state: 'active',
  expiresAtMs: 0,
  scopes: ['a'],
  roles: ['reader'],
  addresses: [],
  limits: [],
  last4: 'Qd4x',
}

const record = apiKeyRecord(fields)

const principal = {
  consumerId: 'cns_1',
  consumer: 'alice',
  credentialId: 'key_1',
  credentialKind: 'api_key',
  credentialHint: '…Qd4x',
  scopes: ['a'],
  roles: ['reader'],
  claims: null,
  boundTo: null,
  expiresAtMs: 0,
  limits: [],
}

test('an active key proves its consumer', () => {
  assert.deepEqual(judgeApiKey(record, facts(), NOW_MS), { kind: 'proven', principal })
})

for (const [title, change, reason] of [
  ['disabled', { state: 'disabled' }, 'credential_disabled'],
  ['revoked', { state: 'revoked' }, 'credential_revoked'],
  ['in a state that nobody knows', { state: 'paused' }, 'credential_revoked'],
  ['without state', { state: undefined }, 'credential_revoked'],
  ['past its time', { expiresAtMs: NOW_MS - 1 }, 'credential_expired'],
  ['at its time', { expiresAtMs: NOW_MS }, 'credential_expired'],
  ['with a time that is none', { expiresAtMs: NaN }, 'credential_expired'],
  ['of a disabled consumer', { consumerDisabled: true }, 'consumer_disabled'],
  [
    'revoked, expired and of a disabled consumer',
    { state: 'revoked', expiresAtMs: 1, consumerDisabled: true },
    'credential_revoked',
  ],
] as const) {
  test(`a key ${title} is refused, and its consumer known`, () => {
    const changed = apiKeyRecord({ ...fields, ...change } as ApiKeyFields)
    const who = { ...principal, expiresAtMs: changed.expiresAtMs }
    assert.deepEqual(judgeApiKey(changed, facts(), NOW_MS), { kind: 'denied', reason, principal: who })
  })
}

// Whoever found bait must not learn that it is some.
test('bait is refused as a revoked key is, in whatever state it is', () => {
  for (const state of ['active', 'disabled', 'revoked'] as const) {
    const bait = apiKeyRecord({ ...fields, state, decoy: true })
    const who = { ...principal, decoy: true }
    assert.deepEqual(judgeApiKey(bait, facts(), NOW_MS), {
      kind: 'denied',
      reason: 'credential_revoked',
      principal: who,
    })
  }
})

test('a key is good until the millisecond before its time', () => {
  assert.equal(judgeApiKey(apiKeyRecord({ ...fields, expiresAtMs: NOW_MS + 1 }), facts(), NOW_MS).kind, 'proven')
})

test('a key may be used from its addresses only', () => {
  const bound = apiKeyRecord({ ...fields, addresses: parseAddressRanges(['10.0.0.0/8', '2001:db8::/32']) })
  for (const address of ['10.1.2.3', '2001:db8::1']) {
    assert.equal(judgeApiKey(bound, facts({ address }), NOW_MS).kind, 'proven', address)
  }
  for (const address of ['11.0.0.1', '2001:db9::1', '', 'x']) {
    assert.deepEqual(judgeApiKey(bound, facts({ address }), NOW_MS), {
      kind: 'denied',
      reason: 'address_not_allowed',
      principal,
      needed: ['10.0.0.0/8', '2001:db8::/32'],
    })
  }
})

// Guards a record whose ranges were written by something newer or broken: it must not become a key for everywhere.
test('a range that cannot be read admits nobody', () => {
  const broken = apiKeyRecord({ ...fields, addresses: parseAddressRanges(['everywhere']) })
  assert.equal(judgeApiKey(broken, facts(), NOW_MS).kind, 'denied')
})
