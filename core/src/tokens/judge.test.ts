import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { TlsPeer } from '#core/decision.ts'
import { compiled, environment, keyed, object, route } from '#core/fakes/release.ts'
import type { CompiledTokenSource } from '#core/release.ts'
import { neededProof, tokenOrigin, tokenReasons } from './judge.ts'

const audiences = ['shop']
const client = { method: 'client_secret_basic', client_id: 'gate', secret: 'env://SECRET' }
const { issuers } = compiled(
  route('r', '/'),
  keyed('p', environment),
  object('issuer', 'login', { issuer: 'https://login.test', audiences, keys: { discovery: true } }),
  object('issuer', 'stock', { issuer: 'https://login.test', audiences: ['stock'], keys: { discovery: true } }),
  object('issuer', 'other', { issuer: 'https://other.test', audiences, keys: { discovery: true } }),
  object('issuer', 'old', {
    issuer: 'https://old.test',
    audiences,
    introspection: { url: 'https://old.test/i', client },
  }),
)

const source = (issuer: string, kind: 'jwt' | 'introspection' = 'jwt'): CompiledTokenSource => {
  return { kind, issuer, mustBeBound: false }
}
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const token = (claims: object, alg = 'ES256'): string => `${encoded({ alg })}.${encoded(claims)}.c2ln`

function originOf(text: string, ...sources: readonly CompiledTokenSource[]): string {
  const origin = tokenOrigin(text, sources, issuers)
  return origin.kind === 'refused' ? origin.reason : `${origin.kind} ${origin.issuer.name}`
}

test('a token is of the issuer that it names, among those that the policy accepts', () => {
  const text = token({ iss: 'https://login.test' })
  assert.equal(originOf(text, source('other'), source('login')), 'signed login')
  // Two objects may have the name; the policy says which is meant.
  assert.equal(originOf(text, source('stock')), 'signed stock')
  assert.equal(originOf(text, source('other')), 'token_issuer_unknown')
  assert.equal(originOf(text), 'token_issuer_unknown')
})

for (const [title, claims] of [
  ['no issuer', {}],
  ['an issuer that is a list', { iss: ['https://login.test'] }],
  ['an issuer with a slash behind', { iss: 'https://login.test/' }],
] as const) {
  test(`a token with ${title} is of nobody`, () => {
    assert.equal(originOf(token(claims), source('login')), 'token_issuer_unknown')
  })
}

test('what nobody signed for us is asked about, where somebody is asked', () => {
  const asked = source('old', 'introspection')
  assert.equal(originOf('opaque', source('login'), asked), 'asked old')
  assert.equal(originOf(token({ iss: 'https://nobody.test' }), source('login'), asked), 'asked old')
  assert.equal(originOf(token({ iss: 'https://login.test' }), source('login'), asked), 'signed login')
  assert.equal(originOf('opaque', source('login')), 'credential_malformed')
})

test('a signature that is none is refused before anything is known of the issuer', () => {
  assert.equal(originOf(token({ iss: 'https://login.test' }, 'none'), source('login')), 'token_algorithm_not_allowed')
})

test('a source whose issuer the release does not have proves nothing', () => {
  assert.equal(originOf(token({ iss: 'https://login.test' }), source('ghost')), 'token_issuer_unknown')
  assert.equal(originOf('opaque', source('ghost', 'introspection')), 'credential_malformed')
})

const peer = (of: string): TlsPeer => {
  return { kind: 'unverified', certificate: 'edge', sha256: hash('sha256', of), why: '' }
}
const free = {}
const toKey = { cnf: { jkt: 'thumb' } }
const toCertificate = { cnf: { 'x5t#S256': hash('sha256', 'ours', 'base64url') } }
const toBoth = { cnf: { jkt: 'thumb', 'x5t#S256': 'a' } }

for (const [title, claims, mustBeBound, scheme, by, expected] of [
  ['bound to nothing, as a bearer', free, false, 'bearer', null, 'nothing'],
  ['bound to nothing, where it must be', free, true, 'bearer', null, 'unbound'],
  ['bound to nothing, where it must be, with a certificate beside it', free, true, 'bearer', peer('ours'), 'unbound'],
  ['bound to nothing, by DPoP', free, false, 'dpop', null, 'unbound'],
  ['bound to a key, by DPoP', toKey, false, 'dpop', null, 'key'],
  ['bound to a key, by DPoP, where it must be', toKey, true, 'dpop', null, 'key'],
  // RFC 9449 section 7.1: whoever has stolen it would present it so.
  ['bound to a key, as a bearer', toKey, false, 'bearer', null, 'unbound'],
  ['bound to a certificate, with it', toCertificate, true, 'bearer', peer('ours'), 'nothing'],
  ['bound to a certificate, with another', toCertificate, false, 'bearer', peer('theirs'), 'unbound'],
  ['bound to a certificate, without one', toCertificate, false, 'bearer', null, 'unbound'],
  ['bound to a certificate, by DPoP', toCertificate, false, 'dpop', peer('ours'), 'unbound'],
  ['bound to two things', toBoth, false, 'dpop', peer('ours'), 'unbound'],
  ['bound to null', { cnf: null }, false, 'bearer', null, 'unbound'],
] as const) {
  test(`a token that is ${title} needs: ${expected}`, () => {
    assert.equal(neededProof(claims, mustBeBound, scheme, by).kind, expected)
  })
}

test('the thumbprint that has to be proven is that of the token', () => {
  assert.deepEqual(neededProof(toKey, false, 'dpop', null), { kind: 'key', thumbprint: 'thumb' })
})

test('a token that has ended is a credential that has', () => {
  assert.equal(tokenReasons.expired, 'credential_expired')
})
