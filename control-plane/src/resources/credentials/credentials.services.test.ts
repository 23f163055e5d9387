import type { Call } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test, { after, before } from 'node:test'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { environmentId, insertAgent, setHolding } from '#control-plane/fakes/records.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

let controlPlane: TestControlPlane
let place: Place

before(async () => {
  controlPlane = await startControlPlane()
  place = await newPlace(controlPlane.owner.client)
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client
const publicKey = (type: 'ed25519' | 'ed448') =>
  (type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ed448')).publicKey.export({
    type: 'spki',
    format: 'pem',
  })

type Body = Call<'createCredential'>['body']
const owned = { consumer: 'alice', create_consumer: true }
const certificate = (value: string): Body => ({ kind: 'certificate', ...owned, identity: { kind: 'uri', value } })
const signing = (key_id: string, public_key = publicKey('ed25519')): Body => ({
  kind: 'signing_key',
  ...owned,
  key_id,
  algorithm: 'ed25519',
  public_key,
})
const shared = (key_id: string): Body => ({
  kind: 'signing_key',
  ...owned,
  key_id,
  algorithm: 'hmac-sha256',
  secret: 'file:///run/secrets/acme',
})

const create = (body: Body, params = place) => client().call('createCredential', { params, body })

test('201 each kind of credential is shown as it was given, without fields of the others', async () => {
  const made = await create({ ...certificate('spiffe://acme/ci'), scopes: ['b', 'a', 'b'], addresses: ['10.0.0.0/8'] })
  assert.match(made.id, /^crd_/)
  assert.deepEqual(
    [made.kind, made.identity, made.key_id, made.algorithm, made.public_key, made.secret],
    ['certificate', { kind: 'uri', value: 'spiffe://acme/ci' }, null, null, null, null],
  )
  assert.deepEqual(
    [made.scopes, made.addresses, made.state, made.last_used],
    [['a', 'b'], ['10.0.0.0/8'], 'active', null],
  )
  const public_key = publicKey('ed25519')
  const signs = await create(signing('k1', public_key))
  assert.deepEqual([signs.key_id, signs.algorithm, signs.public_key, signs.secret], ['k1', 'ed25519', public_key, null])
  const shares = await create(shared('k2'))
  assert.deepEqual(
    [shares.algorithm, shares.public_key, shares.secret],
    ['hmac-sha256', null, 'file:///run/secrets/acme'],
  )
  const { receipt, ...shown } = shares
  assert.equal(receipt, null)
  assert.deepEqual(await client().call('getCredential', { params: { ...place, credential: shares.id } }), shown)
})

test('422 for what would prove nothing: a key of another kind, a private key, a wrong identity, an end in the past', async () => {
  const pointer = async (body: Body) => (await refusal(create(body))).errors?.[0]?.pointer
  assert.equal(await pointer(signing('x', publicKey('ed448'))), '/public_key')
  const { privateKey } = generateKeyPairSync('ed25519')
  assert.equal(await pointer(signing('x', privateKey.export({ type: 'pkcs8', format: 'pem' }))), '/public_key')
  assert.equal(await pointer(signing('x', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----')), '/public_key')
  assert.equal(await pointer(signing('a "b"')), '/key_id')
  assert.equal(await pointer(certificate('no scheme')), '/identity/value')
  assert.equal(await pointer({ ...shared('x'), secret: 'hunter2' } as Body), '/secret')
  assert.equal(await pointer({ ...shared('x'), expires_at: new Date(Date.now() - 1_000).toISOString() }), '/expires_at')
  assert.equal(await pointer({ ...shared('x'), addresses: ['10.0.0.1/8'] }), '/addresses/0')
})

test('409 for an identity or key id that another one has; it can be given again once that one is revoked', async () => {
  const first = await create(certificate('spiffe://acme/again'))
  await create(signing('again'))
  assert.equal((await refusal(create(certificate('spiffe://acme/again')))).code, 'name_taken')
  assert.equal((await refusal(create(shared('again')))).code, 'name_taken')
  const params = { ...place, credential: first.id }
  await client().call('updateCredential', { params, body: { disabled: true } })
  assert.equal((await refusal(create(certificate('spiffe://acme/again')))).code, 'name_taken')
  await client().call('revokeCredential', { params })
  assert.notEqual((await create(certificate('spiffe://acme/again'))).id, first.id)
  // Nor does it matter to another environment.
  assert.equal((await create(certificate('spiffe://acme/again'), await newPlace(client()))).state, 'active')
})

test('200 a credential is changed, switched off and on, and revoked for good; each raises the directory by one', async () => {
  const { id } = await create(certificate('spiffe://acme/life'))
  const read = async () => (await client().call('getEnvironment', { params: place })).directory_sequence
  const start = await read()
  const params = { ...place, credential: id }
  const changed = await client().call('updateCredential', { params, body: { scopes: ['orders:read'], name: 'CI' } })
  assert.deepEqual([changed.scopes, changed.name], [['orders:read'], 'CI'])
  assert.equal((await client().call('updateCredential', { params, body: { disabled: true } })).state, 'disabled')
  assert.equal((await client().call('updateCredential', { params, body: { disabled: false } })).state, 'active')
  await client().call('updateCredential', { params, body: {} })
  const revoked = await client().call('revokeCredential', { params })
  assert.equal(revoked.state, 'revoked')
  assert.deepEqual(await client().call('revokeCredential', { params }), revoked)
  assert.equal(await read(), start + 4)
  const again = client().call('updateCredential', { params, body: { disabled: false } })
  assert.equal((await refusal(again)).code, 'state_conflict')
})

test('200 lists are filtered by consumer, kind and state', async () => {
  const params = await newPlace(client())
  const a = await create({ ...certificate('spiffe://acme/a'), consumer: 'a' }, params)
  const b = await create({ ...shared('b'), consumer: 'b' }, params)
  await client().call('revokeCredential', { params: { ...params, credential: b.id } })
  const ids = async (query: Call<'listCredentials'>['query']) =>
    (await client().call('listCredentials', { params, ...(query === undefined ? {} : { query }) })).data.map(
      ({ id }) => id,
    )
  assert.deepEqual(await ids({}), [a.id, b.id])
  assert.deepEqual(await ids({ consumer: 'a' }), [a.id])
  assert.deepEqual(await ids({ kind: 'signing_key' }), [b.id])
  assert.deepEqual(await ids({ state: 'active' }), [a.id])
  assert.deepEqual(await ids({ state: 'revoked', consumer: 'a' }), [])
  assert.equal((await refusal(client().call('listCredentials', { params, query: { consumer: 'nobody' } }))).status, 404)
})

test('204 a deleted consumer takes its credentials with it', async () => {
  const params = await newPlace(client())
  const { id } = await create(certificate('spiffe://acme/gone'), params)
  await client().call('deleteConsumer', { params: { ...params, consumer: 'alice' } })
  assert.equal((await client().call('getCredential', { params: { ...params, credential: id } })).state, 'revoked')
})

test('404 for a credential of another environment, by every operation on it', async () => {
  const { id } = await create(certificate('spiffe://acme/mine'))
  const params = { ...(await newPlace(client())), credential: id }
  assert.equal((await refusal(client().call('getCredential', { params }))).status, 404)
  assert.equal((await refusal(client().call('updateCredential', { params, body: { disabled: true } }))).status, 404)
  assert.equal((await refusal(client().call('revokeCredential', { params }))).status, 404)
})

test('every change is written down, with what it was before and is after', async () => {
  const params = await newPlace(client())
  const { id } = await create(certificate('spiffe://acme/audited'), params)
  await client().call('updateCredential', { params: { ...params, credential: id }, body: { scopes: ['x'] } })
  await client().call('revokeCredential', { params: { ...params, credential: id } })
  const entries = await controlPlane.app.db.auditEntry.findMany({ where: { targetId: id }, orderBy: { id: 'asc' } })
  assert.deepEqual(
    entries.map(({ action, targetName }) => [action, targetName]),
    ['credential.create', 'credential.update', 'credential.revoke'].map((action) => [
      action,
      'uri:spiffe://acme/audited',
    ]),
  )
  const scopes = (state: unknown) => (state as Record<string, unknown>)['scopes']
  assert.deepEqual([scopes(entries[1]?.before), scopes(entries[1]?.after)], [[], ['x']])
})

test('200 with wait the receipt names the agents that act on a revocation', async () => {
  const { id } = await create(certificate('spiffe://acme/receipt'))
  const { db } = controlPlane.app
  await client().call('createAgentGroup', { body: { name: 'receipts', environments: [place] } })
  const agent = await insertAgent(db, { group: 'receipts', name: 'quick', connected: true })
  await setHolding(db, agent, await environmentId(db, place), { directorySequence: 1_000_000n })
  const { receipt } = await client().call('revokeCredential', {
    params: { ...place, credential: id },
    query: { wait: 'true', timeout_ms: 200 },
  })
  assert.deepEqual(
    receipt?.acked.map(({ name }) => name),
    ['quick'],
  )
})
