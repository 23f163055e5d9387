import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { CompiledIdentityToken, Principal } from '@headgate/core'
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import { serviceReference } from '#agent/testing/upstream.ts'
import { IDENTITY_TOKEN_TYPE, IdentityTokens } from './identity-tokens.ts'

const NOW_MS = 1_750_000_000_000
const ISSUER = 'headgate:acme/production'
const ACME: Principal = {
  consumerId: 'cns_acme',
  consumer: 'acme',
  credentialId: 'key_1',
  credentialKind: 'api_key',
  credentialHint: '',
  scopes: ['orders:read'],
  roles: ['buyer'],
  claims: null,
  boundTo: null,
  expiresAtMs: 0,
  limits: [],
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' })

function tokens(): IdentityTokens {
  const made = new IdentityTokens()
  made.useKey(pkcs8)
  return made
}

function rules(spec: object = {}): CompiledIdentityToken {
  const { token } = serviceReference(['http://a'], { identity: { token: { audience: 'orders', ...spec } } }).identity
  assert.ok(token !== null)
  return token
}

function text(of: IdentityTokens, by: CompiledIdentityToken, principal: Principal, nowMs = NOW_MS): string {
  const made = of.of(by, ISSUER, principal, nowMs)
  assert.ok(made.kind === 'token', made.kind)
  return made.text
}

test('a token says who calls, for whom, and how long, and another library verifies it with the published key', async () => {
  const token = text(tokens(), rules(), ACME)
  const jwk = publicKey.export({ format: 'jwk' })
  assert.deepEqual(decodeProtectedHeader(token), {
    alg: 'ES256',
    typ: IDENTITY_TOKEN_TYPE,
    kid: await calculateJwkThumbprint({ ...jwk }),
  })
  const { payload } = await jwtVerify(token, await importJWK({ ...jwk }, 'ES256'), {
    issuer: ISSUER,
    audience: 'orders',
    typ: IDENTITY_TOKEN_TYPE,
    currentDate: new Date(NOW_MS),
  })
  assert.deepEqual(payload, {
    iss: ISSUER,
    aud: 'orders',
    sub: 'acme',
    iat: NOW_MS / 1_000,
    exp: NOW_MS / 1_000 + 30,
    consumer_id: 'cns_acme',
    credential: 'key_1',
    scope: 'orders:read',
    roles: ['buyer'],
  })
})

const payloadOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

test('selected claims are in a place of their own, so that none of them can pass for one of ours', () => {
  const claims = { sub: 'somebody else', iss: 'https://issuer.test', name: 'Jürgen', secret: 'x' }
  const token = text(tokens(), rules({ claims: ['sub', 'iss', 'name', 'nothing'] }), { ...ACME, claims })
  const payload = payloadOf(token)
  assert.deepEqual([payload['iss'], payload['sub']], [ISSUER, 'acme'])
  assert.deepEqual(payload['claims'], { sub: 'somebody else', iss: 'https://issuer.test', name: 'Jürgen' })
})

test('a token never outlives the credential that it was made from', () => {
  const token = text(tokens(), rules(), { ...ACME, expiresAtMs: NOW_MS + 5_500 })
  assert.equal(payloadOf(token)['exp'], NOW_MS / 1_000 + 5)
})

test('one token serves a caller until half of its life is over', () => {
  const [of, by] = [tokens(), rules()]
  const first = text(of, by, ACME)
  // Where roles add scopes, each request has an object of its own.
  assert.equal(text(of, by, { ...ACME, scopes: ['orders:read'] }, NOW_MS + 14_999), first)
  assert.notEqual(text(of, by, ACME, NOW_MS + 15_000), first)
})

test('tokens of different callers, services and keys are never mixed up', () => {
  const [of, by] = [tokens(), rules()]
  const first = text(of, by, ACME)
  const others: readonly Principal[] = [
    { ...ACME, scopes: ['orders:write'] },
    { ...ACME, roles: [] },
    { ...ACME, consumer: 'globex', consumerId: 'cns_globex' },
    { ...ACME, expiresAtMs: NOW_MS + 60_000 },
    { ...ACME, claims: { sub: 'a' } },
    { ...ACME, claims: { sub: 'b' } },
    { ...ACME, credentialId: 'key_2' },
  ]
  const by2 = rules({ audience: 'invoices', claims: ['sub'] })
  const made = [first, ...others.map((principal) => text(of, by, principal)), text(of, by2, ACME)]
  assert.equal(payloadOf(text(of, by, ACME))['sub'], 'acme')
  assert.equal(new Set(made).size, made.length)
  for (const sub of ['a', 'b']) {
    assert.deepEqual(payloadOf(text(of, by2, { ...ACME, claims: { sub } }))['claims'], { sub })
  }
  const next = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  of.useKey(next.export({ format: 'der', type: 'pkcs8' }))
  const jwk = createPublicKey(next).export({ format: 'jwk' })
  const { kid } = decodeProtectedHeader(text(of, by, ACME))
  assert.notEqual(kid, decodeProtectedHeader(first).kid)
  assert.equal(jwk.kty, 'EC')
})

test('without a key there is no token, and what would not fit into a field is none', () => {
  assert.equal(new IdentityTokens().of(rules(), ISSUER, ACME, NOW_MS).kind, 'no_key')
  const claims = { groups: 'a'.repeat(8_192) }
  assert.equal(tokens().of(rules({ claims: ['groups'] }), ISSUER, { ...ACME, claims }, NOW_MS).kind, 'too_long')
})

test('a key of another kind is refused', () => {
  const { privateKey: other } = generateKeyPairSync('ed25519')
  assert.throws(() => new IdentityTokens().useKey(other.export({ format: 'der', type: 'pkcs8' })), TypeError)
})
