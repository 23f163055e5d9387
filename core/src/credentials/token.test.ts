import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { TlsPeer, Verified } from '#core/decision.ts'
import type { CompiledIssuer } from '#core/release.ts'
import type { JsonObject } from '#core/tokens/strict-json.ts'
import { type ConsumerRecord, isBoundCertificate, judgeToken, tokenBinding } from './token.ts'

const issuer: CompiledIssuer = {
  name: 'login',
  origin: '',
  issuer: 'https://login.test',
  keys: { from: 'discovery' },
  introspection: null,
  rules: {
    issuer: 'https://login.test',
    audiences: ['shop'],
    clockSkewMs: 0,
    lifeMsMax: 0,
    types: [],
    required: [],
    algorithms: ['ES256'],
  },
  consumerClaim: ['client_id'],
  admitsUnknown: false,
  scopeClaim: ['scope'],
  roleClaim: ['realm_access', 'roles'],
  keysStaleMsMax: 0,
  privateAddresses: false,
  ca: null,
}

const consumers: readonly ConsumerRecord[] = [
  { id: 'cns_1', name: 'alice', disabled: false, roles: ['reader'] },
  { id: 'cns_2', name: 'bob', disabled: true, roles: [] },
]

function judge(claims: JsonObject, changed: Partial<CompiledIssuer> = {}): Verified {
  const find = (name: string): ConsumerRecord | null => consumers.find((each) => each.name === name) ?? null
  return judgeToken({ ...issuer, ...changed }, { kind: 'jwt', claims, expiresAtMs: 5 }, find)
}

const reasonOf = (verified: Verified): string => (verified.kind === 'proven' ? 'proven' : verified.reason)

test('a token is its consumer, with what the token and the consumer bring', () => {
  const claims = { client_id: 'alice', scope: 'a b', realm_access: { roles: ['admin', 'reader'] } }
  assert.deepEqual(judge(claims), {
    kind: 'proven',
    principal: {
      consumerId: 'cns_1',
      consumer: 'alice',
      credentialId: 'login:alice',
      credentialKind: 'jwt',
      credentialHint: 'login',
      scopes: ['a', 'b'],
      roles: ['admin', 'reader'],
      claims,
      boundTo: null,
      expiresAtMs: 5,
      limits: [],
    },
  })
})

test('a caller that is no consumer is refused, or admitted by its name', () => {
  const claims = { client_id: 'carol', realm_access: { roles: ['admin'] } }
  assert.equal(reasonOf(judge(claims)), 'consumer_unknown')
  const admitted = judge(claims, { admitsUnknown: true })
  assert.deepEqual(
    [admitted.principal?.consumerId, admitted.principal?.consumer, admitted.principal?.roles],
    ['', 'carol', ['admin']],
  )
})

test('a consumer that is switched off is, also where unknown ones are admitted', () => {
  assert.equal(reasonOf(judge({ client_id: 'bob' }, { admitsUnknown: true })), 'consumer_disabled')
})

for (const [title, claims] of [
  ['no consumer', {}],
  ['an empty consumer', { client_id: '' }],
  ['a consumer of another type', { client_id: 7 }],
  ['a consumer in a list', { client_id: ['alice'] }],
  ['a consumer with a line end', { client_id: 'alice\r\nx-admin: 1' }],
  ['a consumer with NUL', { client_id: 'alice\0' }],
  ['a consumer whose name is longer than 256 characters', { client_id: 'a'.repeat(257) }],
  ['scopes of another type', { client_id: 'alice', scope: 7 }],
  ['scopes that are not all texts', { client_id: 'alice', scope: ['a', 7] }],
  ['roles of another type', { client_id: 'alice', realm_access: { roles: { admin: true } } }],
] as const) {
  test(`a token with ${title} is refused`, () => {
    assert.equal(reasonOf(judge(claims, { admitsUnknown: true })), 'token_claims_invalid')
  })
}

// Guards against one text that becomes two rights where scopes are sent on as words.
test('what cannot be the name of a scope or role is none', () => {
  const { principal } = judge({
    client_id: 'alice',
    scope: ['a', 'b admin', '', 'c\n'],
    realm_access: { roles: ['x y', 'writer'] },
  })
  assert.deepEqual([principal?.scopes, principal?.roles], [['a'], ['writer', 'reader']])
})

test('names of the prototype are no claims', () => {
  assert.equal(reasonOf(judge({}, { consumerClaim: ['constructor', 'name'] })), 'token_claims_invalid')
})

const jkt = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
for (const [title, cnf, binding] of [
  ['no cnf', undefined, { kind: 'none' }],
  ['a key', { jkt }, { kind: 'key', thumbprint: jkt }],
  ['a certificate', { 'x5t#S256': 'abc' }, { kind: 'certificate', sha256: 'abc' }],
  ['a key of its own', { jwk: { kty: 'EC' } }, { kind: 'other' }],
  ['a key and a certificate', { jkt, 'x5t#S256': 'abc' }, { kind: 'other' }],
  ['nothing in cnf', {}, { kind: 'other' }],
  ['cnf that is null', null, { kind: 'other' }],
  ['cnf that is a text', jkt, { kind: 'other' }],
  ['cnf that is a list', [{ jkt }], { kind: 'other' }],
  ['an empty thumbprint', { jkt: '' }, { kind: 'other' }],
  ['a thumbprint of another type', { jkt: 7 }, { kind: 'other' }],
] as const) {
  test(`a token with ${title} is bound to ${binding.kind}`, () => {
    assert.deepEqual(tokenBinding({ cnf }), binding)
    const { principal } = judge({ client_id: 'alice', ...(cnf !== undefined && { cnf }) })
    const { kind } = binding
    assert.equal(principal?.boundTo, kind === 'key' || kind === 'certificate' ? kind : null)
  })
}

test('a bound token counts with the very certificate, trusted or not, and with no other', () => {
  const peer = (of: string): TlsPeer => ({
    kind: 'unverified',
    certificate: 'edge',
    sha256: hash('sha256', of, 'hex'),
    why: 'self-signed',
  })
  for (let index = 0; index < 50; index++) {
    const thumbprint = hash('sha256', `certificate ${index}`, 'base64url')
    assert.equal(isBoundCertificate(thumbprint, peer(`certificate ${index}`)), true)
    assert.equal(isBoundCertificate(thumbprint, peer(`certificate ${index + 1}`)), false)
  }
  assert.equal(isBoundCertificate(hash('sha256', 'x', 'base64url'), null), false)
})
