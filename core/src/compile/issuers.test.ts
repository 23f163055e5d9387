import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, environment, keyed, object, route } from '#core/fakes/release.ts'
import type { CompiledIssuer } from '#core/release.ts'

function issuerOf(spec: Readonly<Record<string, unknown>>): CompiledIssuer {
  const base = { issuer: 'https://login.test/', audiences: ['shop'] }
  const release = compiled(route('r', '/'), keyed('p', environment), object('issuer', 'login', { ...base, ...spec }))
  const found = release.issuers.get('login')
  assert.ok(found !== undefined)
  return found
}

test('an issuer has safe defaults', () => {
  assert.deepEqual(issuerOf({ keys: { discovery: true } }), {
    name: 'login',
    origin: 'f:issuer/login',
    issuer: 'https://login.test/',
    keys: { from: 'discovery' },
    introspection: null,
    rules: {
      issuer: 'https://login.test/',
      audiences: ['shop'],
      clockSkewMs: 30_000,
      lifeMsMax: 0,
      types: ['at+jwt'],
      required: [],
      algorithms: ['ES256', 'EdDSA', 'PS256', 'RS256'],
    },
    consumerClaim: ['client_id'],
    admitsUnknown: false,
    scopeClaim: ['scope'],
    roleClaim: null,
    keysStaleMsMax: 86_400_000,
    privateAddresses: false,
    ca: null,
  })
})

test('keys are at an address, or in the release as JSON', () => {
  assert.deepEqual(issuerOf({ keys: { jwks_url: 'https://login.test/keys' } }).keys, {
    from: 'url',
    url: 'https://login.test/keys',
  })
  const key = { kty: 'OKP', crv: 'Ed25519', x: 'eA', kid: 'one' }
  const { keys } = issuerOf({ keys: { jwks: { keys: [key] } } })
  assert.ok(keys?.from === 'release')
  assert.deepEqual(JSON.parse(keys.jwks), { keys: [key] })
})

test('an issuer is asked as it wants to be asked', () => {
  const url = 'https://login.test/introspect'
  const basic = { method: 'client_secret_basic', client_id: 'gate', secret: 'env://SECRET' }
  assert.deepEqual(issuerOf({ introspection: { url, client: basic, cache_ms: 0 } }).introspection, {
    url,
    client: { method: 'client_secret_basic', clientId: 'gate', secret: 'env://SECRET' },
    cacheMs: 0,
    timeoutMs: 2_000,
  })
  const signed = { method: 'private_key_jwt', client_id: 'gate', key: 'file:///key.pem', algorithm: 'PS256' }
  const { keys, introspection } = issuerOf({ introspection: { url, client: signed } })
  assert.equal(keys, null)
  assert.deepEqual(introspection?.client, {
    method: 'private_key_jwt',
    clientId: 'gate',
    key: 'file:///key.pem',
    keyId: null,
    algorithm: 'PS256',
  })
})

test('claims are paths, and a token without type is one with an empty type', () => {
  const { consumerClaim, scopeClaim, roleClaim, rules, admitsUnknown } = issuerOf({
    keys: { discovery: true },
    consumer_claim: 'azp',
    scope_claim: ['https://shop.test/scopes'],
    role_claim: 'realm_access.roles',
    token_types: ['jwt', 'none'],
    required_claims: [{ claim: 'org.id', values: ['acme'] }],
    token_life_ms_max: 3_600_000,
    unknown_consumers: 'admit',
  })
  assert.deepEqual(
    [consumerClaim, scopeClaim, roleClaim],
    [['azp'], ['https://shop.test/scopes'], ['realm_access', 'roles']],
  )
  assert.deepEqual(rules.types, ['jwt', ''])
  assert.deepEqual(rules.required, [{ path: ['org', 'id'], values: ['acme'] }])
  assert.deepEqual([rules.lifeMsMax, admitsUnknown], [3_600_000, true])
})

test('priorities of roles arrive at the agent, those of others do not', () => {
  const roles = [object('role', 'gold', { scopes: [], priority: 'high' }), object('role', 'reader', { scopes: [] })]
  const release = compiled(route('r', '/'), keyed('p', environment), ...roles)
  assert.deepEqual([...release.rolePriorities], [['gold', 'high']])
})
