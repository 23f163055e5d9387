import { CredentialState, type Directory, type DirectoryDelta } from '@headgate/proto'
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import test, { after, before } from 'node:test'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { environmentId } from '#control-plane/fakes/records.ts'
import { createContentStore } from './store.ts'

let controlPlane: TestControlPlane
let place: Place
let environment: string

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client
const store = () => createContentStore(controlPlane.app.db)

async function start(): Promise<void> {
  place = await newPlace(client())
  environment = await environmentId(controlPlane.app.db, place)
}

async function directory(): Promise<Directory> {
  const read = await store().readDirectory(environment)
  assert.ok(read !== null)
  return read
}

async function delta(from: bigint): Promise<DirectoryDelta> {
  const read = await store().readDelta(environment, from)
  assert.ok(read !== null)
  return read
}

const createKey = (body: { limits?: { requests: number; window_ms: number; burst?: number }[]; decoy?: boolean }) =>
  client().call('createKey', { params: place, body: { consumer: 'alice', create_consumer: true, ...body } })

const certificate = (value: string) => ({
  kind: 'certificate' as const,
  consumer: 'alice',
  create_consumer: true,
  identity: { kind: 'uri' as const, value },
})

test('a directory holds roles, limits and every kind of credential', async () => {
  await start()
  const params = place
  const role = { kind: 'role' as const, name: 'reader', spec: { scopes: ['orders:read'] } }
  await client().call('applyObjects', { params, body: { objects: [role] } })
  await client().call('createConsumer', { params, body: { name: 'alice', roles: ['reader'] } })
  await createKey({
    limits: [
      { requests: 10, window_ms: 60_000 },
      { requests: 2, window_ms: 1_000, burst: 4 },
    ],
  })
  const common = { consumer: 'alice', scopes: ['orders:read'], addresses: ['10.0.0.0/8'] }
  await client().call('createCredential', { params, body: { ...certificate('spiffe://acme/ci'), ...common } })
  const public_key = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' })
  const signing = { kind: 'signing_key' as const, consumer: 'alice' }
  await client().call('createCredential', {
    params,
    body: { ...signing, key_id: 'a', algorithm: 'ed25519', public_key },
  })
  await client().call('createCredential', {
    params,
    body: { ...signing, key_id: 'b', algorithm: 'hmac-sha256', secret: 'env://SECRET' },
  })

  const { consumers, apiKeys, credentials } = await directory()
  assert.deepEqual(
    consumers.map(({ name, roles }) => [name, roles]),
    [['alice', ['reader']]],
  )
  assert.deepEqual(
    apiKeys[0]?.limits.map(({ requests, windowMs, burst }) => [requests, windowMs, burst]),
    [
      [10n, 60_000n, 0n],
      [2n, 1_000n, 4n],
    ],
  )
  assert.deepEqual(
    credentials.map(({ proof }) =>
      proof.case === 'signingKey' ? [proof.value.keyId, proof.value.key] : [proof.case, proof.value?.identity],
    ),
    [
      ['certificate', 'uri:spiffe://acme/ci'],
      ['a', { case: 'ed25519PublicKey', value: public_key }],
      ['b', { case: 'hmacSecret', value: 'env://SECRET' }],
    ],
  )
  const [first] = credentials
  assert.deepEqual(
    [first?.scopes, first?.addresses, first?.state, first?.expiresAtMs],
    [['orders:read'], ['10.0.0.0/8'], CredentialState.ACTIVE, 0n],
  )
})

// An agent that does not know of decoys would let in whoever has one.
test('a decoy is sent as revoked, and is a decoy no more once it is switched off or revoked', async () => {
  await start()
  const { id } = await createKey({ decoy: true })
  const read = async () => {
    const [key] = (await directory()).apiKeys
    return [key?.decoy, key?.state]
  }
  assert.deepEqual(await read(), [true, CredentialState.REVOKED])
  const params = { ...place, key: id }
  await client().call('updateKey', { params, body: { disabled: true } })
  assert.deepEqual(await read(), [false, CredentialState.DISABLED])
  await client().call('revokeKey', { params })
  assert.deepEqual(await read(), [false, CredentialState.REVOKED])
})

test('a delta holds exactly the credentials that changed, and names those whose consumer is gone', async () => {
  await start()
  const first = await client().call('createCredential', { params: place, body: certificate('spiffe://acme/a') })
  await client().call('createCredential', { params: place, body: certificate('spiffe://acme/b') })
  const { sequence } = await directory()
  await client().call('revokeCredential', { params: { ...place, credential: first.id } })
  const revoked = await delta(sequence)
  assert.deepEqual(
    revoked.credentials.map(({ id, state }) => [id, state]),
    [[first.id, CredentialState.REVOKED]],
  )
  assert.deepEqual([revoked.fromSequence, revoked.toSequence], [sequence, sequence + 1n])

  await client().call('deleteConsumer', { params: { ...place, consumer: 'alice' } })
  const gone = await delta(revoked.toSequence)
  assert.deepEqual(
    [gone.credentials.length, gone.deletedConsumerIds.length, gone.deletedCredentialIds.length],
    [0, 1, 1],
  )
  assert.deepEqual((await directory()).credentials, [])
})

// Guards against an agent that finds the revoked one of two with the same name.
test('an identity that is given again belongs to the new credential alone, in a delta and in a whole directory', async () => {
  await start()
  const first = await client().call('createCredential', { params: place, body: certificate('spiffe://acme/a') })
  await client().call('revokeCredential', { params: { ...place, credential: first.id } })
  const { sequence } = await directory()
  const second = await client().call('createCredential', { params: place, body: certificate('spiffe://acme/a') })
  const again = await delta(sequence)
  const ids = (credentials: readonly { id: string }[]) => credentials.map(({ id }) => id)
  assert.deepEqual([ids(again.credentials), again.deletedCredentialIds], [[second.id], [first.id]])
  assert.deepEqual(ids((await directory()).credentials), [second.id])
  await client().call('revokeCredential', { params: { ...place, credential: second.id } })
  assert.deepEqual(ids((await directory()).credentials), [first.id, second.id])
})

test('a use that an agent tells of does not change the directory', async () => {
  await start()
  const { id } = await createKey({})
  const { sequence } = await directory()
  await controlPlane.app.db.apiKey.update({ where: { id }, data: { lastUsedAt: new Date() } })
  assert.deepEqual((await delta(sequence)).apiKeys, [])
})
