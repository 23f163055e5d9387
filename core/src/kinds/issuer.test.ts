import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type IssuerSpec, issuerSpec } from './issuer.ts'

const good: IssuerSpec = { issuer: 'https://id.test', keys: { discovery: true }, audiences: ['orders'] }
const introspected = {
  issuer: 'https://id.test',
  audiences: ['orders'],
  introspection: {
    url: 'https://id.test/introspect',
    client: { method: 'client_secret_basic', client_id: 'agent', secret: 'env://SECRET' },
  },
}

const accepts = (spec: unknown): boolean => issuerSpec.safeParse(spec).success

test('an issuer needs a name, audiences and a way to check its tokens', () => {
  assert.ok(accepts(good))
  assert.ok(accepts(introspected))
  for (const missing of ['issuer', 'keys', 'audiences'] as const) {
    const { [missing]: _, ...rest } = good
    assert.ok(!accepts(rest), missing)
  }
  assert.ok(!accepts({ ...introspected, keys: { discovery: true } }))
  assert.ok(!accepts({ ...good, audiences: [] }))
})

test('what is not said is strict', () => {
  const spec = issuerSpec.parse(good)
  assert.deepEqual(spec.token_types, ['at+jwt'])
  assert.deepEqual([spec.clock_skew_ms, spec.unknown_consumers, spec.private_addresses], [30_000, 'refuse', false])
  assert.deepEqual([spec.consumer_claim, spec.scope_claim], [['client_id'], ['scope']])
})

test('no issuer can allow none or a shared secret', () => {
  for (const algorithm of ['none', 'HS256', 'HS512', 'es256', 'RSA1_5', '']) {
    assert.ok(!accepts({ ...good, algorithms: [algorithm] }), algorithm)
  }
  assert.ok(!accepts({ ...good, algorithms: [] }))
})

test('keys travel over https unless private addresses are allowed, and are public', () => {
  assert.ok(!accepts({ ...good, issuer: 'http://id.test' }))
  assert.ok(!accepts({ ...good, keys: { jwks_url: 'http://id.test/jwks' } }))
  assert.ok(accepts({ ...good, issuer: 'http://127.0.0.1:9000', private_addresses: true }))
  assert.ok(accepts({ ...good, issuer: 'http://old-name.test', keys: { jwks: { keys: [{ kty: 'EC' }] } } }))
  assert.ok(!accepts({ ...good, keys: { jwks: { keys: [{ kty: 'oct', k: 'AA' }] } } }))
  assert.ok(!accepts({ ...good, keys: { jwks: { keys: [{ kty: 'EC', d: 'AA' }] } } }))
  for (const issuer of ['id.test', 'ftp://id.test', 'https://user:pw@id.test', 'https://id.test/#a', '']) {
    assert.ok(!accepts({ ...good, issuer }), issuer)
  }
})

test('secrets are references only', () => {
  const { introspection } = introspected
  const client = { ...introspection.client, secret: 'hunter2' }
  assert.ok(!accepts({ ...introspected, introspection: { ...introspection, client } }))
})

test('a claim further in is written with dots, or as a list', () => {
  const pathOf = (claim: unknown): unknown => issuerSpec.safeParse({ ...good, role_claim: claim }).data?.role_claim
  assert.deepEqual(pathOf('realm_access.roles'), ['realm_access', 'roles'])
  assert.deepEqual(pathOf(['https://acme.test/roles']), ['https://acme.test/roles'])
  for (const wrong of ['', 'a..b', '.a', [], [''], 'a.b.c.d.e.f.g.h.i', 1]) assert.equal(pathOf(wrong), undefined)
})

test('bounds are kept', () => {
  assert.ok(accepts({ ...good, clock_skew_ms: 300_000 }))
  assert.ok(!accepts({ ...good, clock_skew_ms: 300_001 }))
  assert.ok(!accepts({ ...good, colour: 'red' }))
})
