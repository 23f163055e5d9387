import assert from 'node:assert/strict'
import { test } from 'node:test'
import { issuerFacts } from './issuer-facts.ts'

const facts = (spec: Record<string, unknown>): Readonly<Record<string, string>> => Object.fromEntries(issuerFacts(spec))

test('an issuer with keys is told with what counts when nothing is said', () => {
  const { Tokens, Type, Clocks, Consumer, Roles, ...rest } = facts({
    issuer: 'https://idp',
    keys: { discovery: true },
    audiences: ['a', 'b'],
  })
  assert.equal(Tokens, 'checked with the keys that its metadata names')
  assert.deepEqual([Type, Clocks, Roles], ['at+jwt', 'may differ by 30 s', 'not from tokens'])
  assert.equal(Consumer, 'named by client_id; others are refused')
  assert.deepEqual([rest['Are for'], rest['Signed with']], ['a, b', 'ES256, EdDSA, PS256, RS256'])
})

test('an issuer that is asked says nothing of keys', () => {
  const { Tokens, Keys, Needed } = facts({
    introspection: { url: 'https://idp/i', cache_ms: 5_000 },
    audiences: ['a'],
    required_claims: [
      { claim: 'tenant', values: ['acme', 'corp'] },
      { claim: ['https://a.test/x'], values: [] },
    ],
  })
  assert.equal(Tokens, 'asked about at https://idp/i; an answer counts for 5 s')
  assert.equal(Keys, undefined)
  assert.equal(Needed, 'tenant is acme or corp and https://a.test/x is there')
})

test('callers that are no consumers are told when they are let in', () => {
  assert.match(facts({ unknown_consumers: 'admit' })['Consumer'] ?? '', /others are let in/)
})

test('what is not known here is shown as it was written', () => {
  assert.equal(facts({ moon: { phase: 'full' } })['moon'], '{"phase":"full"}')
})
