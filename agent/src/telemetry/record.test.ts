import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Decision, type Principal, type Reason, refuse, type TlsPeer } from '@headgate/core'
import type { DecisionRecord } from './events.ts'
import { decisionRecord } from './record.ts'

const TOKEN: Principal = {
  consumerId: 'cns_1',
  consumer: 'acme',
  credentialId: 'login:acme',
  credentialKind: 'jwt',
  credentialHint: 'login',
  scopes: ['orders:read'],
  roles: ['reader'],
  claims: { sub: 'acme', email: 'planted@acme.test', jti: 'planted' },
  boundTo: null,
  expiresAtMs: 0,
  limits: [],
}
const CERTIFICATE: Principal = { ...TOKEN, credentialId: 'crd_1', credentialKind: 'mtls', credentialHint: 'dns:ci' }
const SHA256 = '0123456789abcdef'.repeat(4)
const PEER: TlsPeer = {
  kind: 'verified',
  certificate: 'edge',
  authorities: 'PEM',
  sha256: SHA256,
  subject: 'CN=ci\nO=acme',
  names: ['DNS:ci.acme.test'],
  notAfterMs: 1,
}
const STRANGER: TlsPeer = { kind: 'unverified', certificate: 'edge', sha256: SHA256, why: 'self-signed certificate' }

function recordOf(reason: Reason | 'allowed', principal: Principal | null, peer: TlsPeer | null): DecisionRecord {
  const refused = { ...refuse(reason === 'allowed' ? 'credential_missing' : reason), principal }
  const decision: Decision = reason === 'allowed' ? { ...refused, outcome: 'allow', reason, status: 200 } : refused
  return decisionRecord({
    requestId: 'req_1',
    atMs: 1_750_000_000_000,
    durationMs: 1,
    agent: 'one',
    environment: null,
    head: { method: 'GET', target: '/a?b', scheme: 'https', address: '10.0.0.1', peer, header: () => [] },
    facts: null,
    tls: 'TLSv1.3',
    decision,
    status: decision.status,
    forwarded: null,
  })
}

test('of a token its issuer, scopes and roles are told, and no claim', () => {
  const { principal, ...rest } = recordOf('allowed', TOKEN, null)
  assert.deepEqual(principal, {
    consumer: 'acme',
    consumer_id: 'cns_1',
    credential_id: 'login:acme',
    credential_kind: 'jwt',
    hint: 'login',
    issuer: 'login',
    scopes: ['orders:read'],
    roles: ['reader'],
  })
  assert.ok(!JSON.stringify({ principal, rest }).includes('planted'))
})

test('what is no token has no issuer', () => {
  assert.equal(recordOf('allowed', CERTIFICATE, PEER).principal?.issuer, null)
})

test('a certificate is told of when it proved the caller, by itself or with a token', () => {
  const told = { subject: 'CN=ci, O=acme', fingerprint: '0123456789abcdef', problem: null }
  assert.deepEqual(recordOf('allowed', CERTIFICATE, PEER).certificate, told)
  assert.deepEqual(recordOf('scope_missing', { ...TOKEN, boundTo: 'certificate' }, PEER).certificate, told)
})

test('a certificate that was refused is told of, with what is wrong', () => {
  assert.deepEqual(recordOf('certificate_untrusted', null, STRANGER).certificate, {
    subject: '',
    fingerprint: '0123456789abcdef',
    problem: 'self-signed certificate',
  })
  assert.equal(recordOf('certificate_unknown', null, PEER).certificate?.problem, null)
})

test('a certificate that made no difference is not told of', () => {
  assert.equal(recordOf('allowed', TOKEN, PEER).certificate, null)
  assert.equal(recordOf('allowed', null, STRANGER).certificate, null)
  assert.equal(recordOf('route_unknown', null, PEER).certificate, null)
  assert.equal(recordOf('certificate_untrusted', null, null).certificate, null)
})

test('a subject of any length takes a bounded place', () => {
  const long = { ...PEER, subject: `CN=${'x'.repeat(10_000)}` }
  assert.equal(recordOf('allowed', CERTIFICATE, long).certificate?.subject.length, 256)
})

for (const target of ['/a?planted', '/a#planted', '/a;planted', '/a%3Fplanted', '/a%23planted', '/a%3bplanted']) {
  test(`of a target that could not be read nothing behind the path is told: ${target}`, () => {
    const bytes = { method: 'GET', target, scheme: 'http', address: '', header: () => [] } as const
    const rest = { requestId: '', atMs: 0, durationMs: 0, agent: '', environment: null, facts: null, tls: null }
    const record = decisionRecord({
      ...rest,
      head: bytes,
      decision: refuse('host_missing'),
      status: 400,
      forwarded: null,
    })
    assert.equal(record.path, '/a')
  })
}
