import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facts } from '#core/fakes/request.ts'
import { parseAddressRanges } from './addresses.ts'
import { credentialRecord, judgeCredential, type CredentialFields } from './credential.ts'

const NOW_MS = 1_750_000_000_000
const fields: CredentialFields = {
  kind: 'certificate',
  id: 'crd_1',
  consumerId: 'cns_1',
  consumer: 'billing',
  consumerDisabled: false,
  state: 'active',
  expiresAtMs: 0,
  scopes: ['orders:read'],
  roles: ['reader'],
  addresses: [],
  hint: 'uri:spiffe://acme/ci',
  key: null,
}
const record = credentialRecord(fields)

test('nothing against it: the caller is its consumer, with its scopes and the roles of the consumer', () => {
  const verified = judgeCredential(record, facts(), NOW_MS)
  assert.equal(verified, record.proven)
  assert.partialDeepStrictEqual(verified.principal, {
    consumer: 'billing',
    credentialId: 'crd_1',
    credentialKind: 'mtls',
    credentialHint: 'uri:spiffe://acme/ci',
    scopes: ['orders:read'],
    roles: ['reader'],
    claims: null,
  })
})

test('a key that signs requests is a signature', () => {
  const key = { algorithm: 'hmac-sha256', secret: 'env://SECRET' } as const
  assert.equal(credentialRecord({ ...fields, kind: 'signing_key', key }).proven.principal.credentialKind, 'signature')
})

for (const [what, change, reason] of [
  ['revoked', { state: 'revoked' }, 'credential_revoked'],
  ['disabled', { state: 'disabled' }, 'credential_disabled'],
  ['in a state that nobody knows', { state: 'paused' }, 'credential_revoked'],
  ['expired in this very millisecond', { expiresAtMs: NOW_MS }, 'credential_expired'],
  ['ending at a time that is no number', { expiresAtMs: Number.NaN }, 'credential_expired'],
  ['of a consumer that is off', { consumerDisabled: true }, 'consumer_disabled'],
  ['for another address', { addresses: parseAddressRanges(['10.0.0.0/8']) }, 'address_not_allowed'],
  ['for an address that does not parse', { addresses: parseAddressRanges(['everywhere']) }, 'address_not_allowed'],
] as const) {
  test(`one that is ${what} is refused, and it is said whose it is`, () => {
    const changed = credentialRecord({ ...fields, ...change } as CredentialFields)
    const verified = judgeCredential(changed, facts(), NOW_MS)
    assert.equal(verified.kind, 'denied')
    assert.equal(verified.kind === 'denied' && verified.reason, reason)
    assert.equal(verified.principal?.credentialId, 'crd_1')
  })
}

test('one that ends a millisecond later, and from an address of its own, is good', () => {
  const bound = credentialRecord({
    ...fields,
    expiresAtMs: NOW_MS + 1,
    addresses: parseAddressRanges([`${facts().address}/32`]),
  })
  assert.equal(judgeCredential(bound, facts(), NOW_MS).kind, 'proven')
})
