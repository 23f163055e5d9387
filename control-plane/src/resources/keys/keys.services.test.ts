import { parseApiKey } from '@headgate/core'
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { environmentId, insertAgent, setHolding } from '#control-plane/fakes/records.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'
import { hashKey } from './create.ts'

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
const db = () => controlPlane.app.db

let consumers = 0
async function create(body: { scopes?: string[]; addresses?: string[]; expires_at?: string } = {}) {
  consumers += 1
  return client().call('createKey', {
    params: place,
    body: { consumer: `c-${consumers}`, create_consumer: true, ...body },
  })
}

const inFuture = (ms: number): string => new Date(Date.now() + ms).toISOString()

test('201 a key is shown once, names its environment, and is stored as its SHA-256 alone', async () => {
  const created = await create({ scopes: ['b', 'a', 'b'], addresses: ['10.0.0.0/8'] })
  assert.deepEqual(parseApiKey(created.key), { kind: 'api_key', environment: 'dev', last4: created.hint.slice(1) })
  assert.deepEqual(created.scopes, ['a', 'b'])
  const row = await db().apiKey.findFirstOrThrow({ where: { id: created.id } })
  assert.deepEqual(row.sha256, hashKey(created.key))
  const [dump] = await db().$queryRaw<{ text: string }[]>`select string_agg(t::text, '') as text from (
    select to_jsonb(k) as t from api_keys k union all select to_jsonb(a) from audit_entries a) rows`
  const random = created.key.split('_')[2] ?? ''
  assert.equal(dump?.text.includes(random), false)
  const shown = await client().call('getKey', { params: { ...place, key: created.id } })
  assert.equal(JSON.stringify(shown).includes(random), false)
})

test('404 for a consumer that does not exist, unless it is to be created; 422 when that is no name', async () => {
  const call = (consumer: string, create_consumer: boolean) =>
    client().call('createKey', { params: place, body: { consumer, create_consumer } })
  assert.equal((await refusal(call('nobody', false))).status, 404)
  assert.equal((await refusal(call('Not-A-Name', true))).errors?.[0]?.pointer, '/consumer')
  assert.equal((await call('somebody', true)).consumer, 'somebody')
})

test('422 for an end in the past and for ranges that agents would not understand', async () => {
  assert.equal((await refusal(create({ expires_at: inFuture(-1000) }))).errors?.[0]?.pointer, '/expires_at')
  for (const address of ['10.0.0.1/8', '::1/64', '1.2.3.4/33', 'localhost']) {
    assert.match(
      (await refusal(create({ addresses: ['::1', address] }))).errors?.[0]?.pointer ?? '',
      /^\/addresses\/1/,
      address,
    )
  }
})

test('200 every change raises the sequence of the directory by one, and stamps what it changed', async () => {
  const read = async () => (await client().call('getEnvironment', { params: place })).directory_sequence
  const created = await create()
  const start = await read()
  const params = { ...place, key: created.id }
  await client().call('updateKey', { params, body: { scopes: ['x'] } })
  await client().call('updateKey', { params, body: { disabled: true } })
  await client().call('revokeKey', { params })
  await client().call('updateConsumer', { params: { ...place, consumer: created.consumer }, body: { disabled: true } })
  assert.equal(await read(), start + 4)
  const key = await db().apiKey.findFirstOrThrow({ where: { id: created.id }, include: { consumer: true } })
  assert.equal(Number(key.sequence), start + 3)
  assert.equal(Number(key.consumer.sequence), start + 4)
})

// Guards the delta protocol: an agent that saw sequence n must never miss a change with a lower one.
test('sequences of changes at the same moment are all different and end at the environment’s', async () => {
  const other = await newPlace(client())
  const keys = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      client().call('createKey', { params: other, body: { consumer: `c-${index}`, create_consumer: true } }),
    ),
  )
  const rows = await db().apiKey.findMany({ where: { id: { in: keys.map(({ id }) => id) } } })
  assert.deepEqual(
    rows.map(({ sequence }) => Number(sequence)).toSorted((a, b) => a - b),
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
  assert.equal((await client().call('getEnvironment', { params: other })).directory_sequence, 20)
})

test('200 a revoked key stays revoked: repeating it changes nothing, and 409 for every other change', async () => {
  const { id } = await create()
  const params = { ...place, key: id }
  const first = await client().call('revokeKey', { params })
  assert.equal(first.state, 'revoked')
  assert.deepEqual(await client().call('revokeKey', { params }), first)
  assert.equal(
    (await refusal(client().call('updateKey', { params, body: { disabled: false } }))).code,
    'state_conflict',
  )
  assert.equal((await refusal(client().call('rotateKey', { params, body: {} }))).code, 'state_conflict')
})

test('200 a key is switched off and on again', async () => {
  const { id } = await create()
  const params = { ...place, key: id }
  assert.equal((await client().call('updateKey', { params, body: { disabled: true } })).state, 'disabled')
  assert.equal((await client().call('updateKey', { params, body: { disabled: false } })).state, 'active')
})

test('201 a rotated key names its successor, which has the same rights, and ends after the overlap', async () => {
  const old = await create({ scopes: ['orders:read'], addresses: ['::1'] })
  const params = { ...place, key: old.id }
  const rotated = await client().call('rotateKey', { params, body: { overlap_ms: 60_000 } })
  assert.equal(rotated.old.successor_id, rotated.new.id)
  const endsIn = Date.parse(rotated.old.expires_at ?? '') - Date.now()
  assert.ok(endsIn > 50_000 && endsIn <= 60_000)
  assert.equal(rotated.old.state, 'active')
  assert.deepEqual(
    [rotated.new.scopes, rotated.new.addresses, rotated.new.consumer],
    [old.scopes, old.addresses, old.consumer],
  )
  assert.equal(rotated.new.expires_at, null)
  assert.notEqual(rotated.new.key, old.key)
  assert.equal((await refusal(client().call('rotateKey', { params, body: {} }))).code, 'state_conflict')
})

test('201 an overlap never lengthens the life of a key, and one of 0 ends it at once', async () => {
  const short = await create({ expires_at: inFuture(30_000) })
  const rotated = await client().call('rotateKey', {
    params: { ...place, key: short.id },
    body: { overlap_ms: 86_400_000 },
  })
  assert.equal(rotated.old.expires_at, short.expires_at)
  const other = await create()
  const ended = await client().call('rotateKey', { params: { ...place, key: other.id }, body: { overlap_ms: 0 } })
  assert.equal(ended.old.state, 'expired')
})

test('204 a deleted consumer takes its keys with it, and its name may be given again', async () => {
  const created = await create()
  const params = { ...place, consumer: created.consumer }
  await client().call('deleteConsumer', { params })
  assert.equal((await client().call('getKey', { params: { ...place, key: created.id } })).state, 'revoked')
  assert.equal((await refusal(client().call('getConsumer', { params }))).status, 404)
  const again = await client().call('createConsumer', { params: place, body: { name: created.consumer } })
  const { data } = await client().call('listKeys', { params: place, query: { consumer: again.id } })
  assert.deepEqual(data, [])
})

test('409 for a consumer whose name is taken; 412 for one that changed meanwhile', async () => {
  await client().call('createConsumer', { params: place, body: { name: 'alice' } })
  assert.equal(
    (await refusal(client().call('createConsumer', { params: place, body: { name: 'alice' } }))).code,
    'name_taken',
  )
  const params = { ...place, consumer: 'alice' }
  assert.equal(
    (await refusal(client().call('updateConsumer', { params, body: { disabled: true }, ifMatch: 9 }))).code,
    'revision_stale',
  )
  assert.equal((await client().call('updateConsumer', { params, body: { disabled: true }, ifMatch: 1 })).revision, 2)
})

test('404 for a key of another environment, by every operation on keys', async () => {
  const { id } = await create()
  const params = { ...(await newPlace(client())), key: id }
  assert.equal((await refusal(client().call('getKey', { params }))).status, 404)
  assert.equal((await refusal(client().call('updateKey', { params, body: { disabled: true } }))).status, 404)
  assert.equal((await refusal(client().call('revokeKey', { params }))).status, 404)
  assert.equal((await refusal(client().call('rotateKey', { params, body: {} }))).status, 404)
  assert.equal((await client().call('getKey', { params: { ...place, key: id } })).state, 'active')
})

test('200 with wait the receipt names agents that act on the change, have not answered, or are away', async () => {
  const created = await create()
  await client().call('createAgentGroup', { body: { name: 'receipts', environments: [place] } })
  const environment = await environmentId(db(), place)
  const insert = (name: string, connected: boolean) => insertAgent(db(), { group: 'receipts', name, connected })
  await setHolding(db(), await insert('quick', true), environment, { directorySequence: 1_000_000n })
  await insert('slow', true)
  await insert('away', false)
  const { receipt } = await client().call('revokeKey', {
    params: { ...place, key: created.id },
    query: { wait: 'true', timeout_ms: 200 },
  })
  const names = (refs: readonly { name: string }[] = []) => refs.map(({ name }) => name)
  assert.deepEqual(
    [names(receipt?.acked), names(receipt?.pending), names(receipt?.unreachable)],
    [['quick'], ['slow'], ['away']],
  )
  assert.ok((receipt?.waited_ms ?? 0) >= 200)
})
