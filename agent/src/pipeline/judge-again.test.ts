/**
 * What is asked about a request in flight; API keys and tokens are in `streams-end.services.test.ts`, over real streams.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compile, credentialRecord, type CredentialRecord, type Facts, type Principal } from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import { judgeAgain } from './judge-again.ts'

const NOW_MS = 1_750_000_000_000
const FACTS = { address: '10.0.0.1' } as Facts

const CERTIFICATE = credentialRecord({
  kind: 'certificate',
  id: 'crd_1',
  consumerId: 'cns_acme',
  consumer: 'acme',
  consumerDisabled: false,
  state: 'active',
  expiresAtMs: 0,
  scopes: [],
  roles: [],
  addresses: [],
  hint: 'uri:spiffe://acme/ci',
  key: null,
})
const { principal: HOLDER } = CERTIFICATE.proven

function environment(directory: Partial<DirectoryReader>, skewMs = 30_000): LiveEnvironment {
  const login = {
    issuer: 'https://login.test',
    keys: { discovery: true },
    audiences: ['a'],
    clock_skew_ms: skewMs,
  }
  const objects = [{ kind: 'issuer', name: 'login', origin: '', spec: login }]
  const compiled = compile({ tenant: 'acme', environment: 'production', number: 1, objects })
  assert.ok(compiled.kind === 'compiled')
  const reader: DirectoryReader = {
    known: true,
    findApiKey: () => null,
    findConsumer: () => null,
    findCredential: () => null,
    bans: () => null,
    ...directory,
  }
  return { id: 'env_1', release: compiled.release, number: 1, directory: reader }
}

const judge = (
  directory: Partial<DirectoryReader>,
  principal: Principal,
  allowedMs = NOW_MS,
  nowMs = NOW_MS,
): unknown => judgeAgain(environment(directory), principal, FACTS, allowedMs, nowMs)

const finds = (record: CredentialRecord | null): Partial<DirectoryReader> => ({
  findCredential: (kind, name) => (kind === 'certificate' && name === HOLDER.credentialHint ? record : null),
})

test('a client certificate counts as long as its credential does', () => {
  assert.equal(judge(finds(CERTIFICATE), HOLDER), null)
  assert.equal(judge(finds({ ...CERTIFICATE, state: 'revoked' }), HOLDER), 'credential_revoked')
  assert.equal(judge(finds({ ...CERTIFICATE, state: 'disabled' }), HOLDER), 'credential_disabled')
  assert.equal(judge(finds({ ...CERTIFICATE, consumerDisabled: true }), HOLDER), 'consumer_disabled')
  assert.equal(judge(finds(null), HOLDER), 'credential_unknown')
})

test('a client certificate ends by itself, whatever is known about its credential', () => {
  const peer = { kind: 'verified', notAfterMs: NOW_MS } as NonNullable<Facts['peer']>
  const at = (nowMs: number): unknown =>
    judgeAgain(environment(finds(CERTIFICATE)), HOLDER, { ...FACTS, peer }, 0, nowMs)
  assert.deepEqual([at(NOW_MS - 1), at(NOW_MS)], [null, 'credential_expired'])
})

test('a credential whose end was put off goes on', () => {
  const later = { ...CERTIFICATE, expiresAtMs: NOW_MS + 60_000 }
  assert.equal(judge(finds(later), { ...HOLDER, expiresAtMs: NOW_MS }), null)
})

test('a key that signs requests is looked for among those keys', () => {
  const signer: Principal = { ...HOLDER, credentialKind: 'signature' }
  assert.equal(judge({ findCredential: (kind) => (kind === 'signing_key' ? CERTIFICATE : null) }, signer), null)
})

test('an unknown directory ends nothing: nobody is told from a stranger', () => {
  assert.equal(judge({ known: false }, HOLDER), null)
})

const OF_TOKEN: Principal = { ...HOLDER, credentialKind: 'jwt', credentialHint: 'login', expiresAtMs: NOW_MS }
const ACME = { id: 'cns_acme', name: 'acme', disabled: false, roles: [] }

test('a consumer whose name is somebody else by now is gone', () => {
  const lasting = { ...OF_TOKEN, expiresAtMs: NOW_MS + 60_000 }
  assert.equal(judge({ findConsumer: () => ACME }, lasting), null)
  assert.equal(judge({ findConsumer: () => ({ ...ACME, id: 'cns_other' }) }, lasting), 'consumer_unknown')
  assert.equal(judge({}, lasting), 'consumer_unknown')
  // Admitted as what its issuer says, without being a consumer.
  assert.equal(judge({}, { ...lasting, consumerId: '' }), null)
  assert.equal(
    judge({ findConsumer: () => ({ ...ACME, disabled: true }) }, { ...lasting, consumerId: '' }),
    'consumer_disabled',
  )
})

test('a stream ends with its token, unless it was let in behind its end because clocks differ', () => {
  const known = { findConsumer: () => ACME }
  assert.equal(judge(known, OF_TOKEN, NOW_MS - 1, NOW_MS - 1), null)
  assert.equal(judge(known, OF_TOKEN, NOW_MS - 1, NOW_MS), 'credential_expired')
  assert.equal(judge(known, OF_TOKEN, NOW_MS + 10_000, NOW_MS + 29_999), null)
  assert.equal(judge(known, OF_TOKEN, NOW_MS + 10_000, NOW_MS + 30_000), 'credential_expired')
})
