import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Call } from '@headgate/admin-api'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { environmentId, insertAgent, setHolding } from '#control-plane/fakes/records.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'
import { createContentStore } from '#control-plane/fleet/content/store.ts'

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
const create = (body: Call<'createBan'>['body'], params = place) => client().call('createBan', { params, body })
const source = (range: string) => ({ source: range, reason: 'guesses keys' })
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString()

test('a range is shut out until a time, and shown with who did it and why', async () => {
  const expires_at = inSeconds(3_600)
  const { receipt, ...made } = await create({ ...source('203.0.113.0/24'), expires_at })
  assert.match(made.id, /^ban_/)
  assert.equal(receipt, null)
  assert.deepEqual(
    [made.source, made.consumer, made.reason, made.state, made.expires_at],
    ['203.0.113.0/24', null, 'guesses keys', 'active', expires_at],
  )
  assert.deepEqual(await client().call('getBan', { params: { ...place, ban: made.id } }), made)
})

test('what is no range, too wide, in the past, of nobody or of two is refused at its place', async () => {
  const pointer = async (body: Call<'createBan'>['body']) => (await refusal(create(body))).errors?.[0]?.pointer
  assert.equal(await pointer(source('203.0.113.1/24')), '/source')
  assert.equal(await pointer(source('0.0.0.0/0')), '/source')
  assert.equal(await pointer(source('2001::/15')), '/source')
  assert.equal(await pointer({ ...source('203.0.113.0/24'), expires_at: inSeconds(-1) }), '/expires_at')
  assert.equal(await pointer({ reason: 'x' }), '/source')
  assert.equal(await pointer({ ...source('203.0.113.0/24'), consumer: 'alice' }), '/source')
  assert.equal((await refusal(create({ consumer: 'nobody', reason: 'x' }))).status, 404)
})

test('a ban is lifted once, and its life is audited', async () => {
  const { id } = await create(source('198.51.100.7'))
  const params = { ...place, ban: id }
  const lifted = await client().call('liftBan', { params })
  assert.equal(lifted.state, 'lifted')
  assert.deepEqual(await client().call('liftBan', { params }), lifted)
  const entries = await controlPlane.app.db.auditEntry.findMany({ where: { targetId: id }, orderBy: { id: 'asc' } })
  assert.deepEqual(
    entries.map(({ action, targetName }) => [action, targetName]),
    [
      ['ban.create', '198.51.100.7'],
      ['ban.lift', '198.51.100.7'],
    ],
  )
})

test('lists have those in force, and all where that is asked for, the newest first, in pages', async () => {
  const params = await newPlace(client())
  const a = await create(source('10.1.0.0/16'), params)
  const b = await create(source('10.2.0.0/16'), params)
  const c = await create(source('10.3.0.0/16'), params)
  await client().call('liftBan', { params: { ...params, ban: b.id } })
  const ids = async (query: Call<'listBans'>['query']) =>
    (await client().call('listBans', { params, query: query ?? {} })).data.map(({ id }) => id)
  assert.deepEqual(await ids({}), [c.id, a.id])
  assert.deepEqual(await ids({ state: 'all' }), [c.id, b.id, a.id])
  const first = await client().call('listBans', { params, query: { state: 'all', limit: 2 } })
  assert.deepEqual(await ids({ state: 'all', limit: 2, cursor: first.next_cursor ?? '' }), [a.id])
})

test('agents are sent what is in force, and are told what has ended', async () => {
  const params = await newPlace(client())
  const id = await environmentId(controlPlane.app.db, params)
  const content = createContentStore(controlPlane.app.db)
  await client().call('createConsumer', { params, body: { name: 'mallory' } })
  const range = await create(source('10.1.0.0/16'), params)
  const before = (await content.readDirectory(id))?.sequence ?? 0n
  const consumer = await create({ consumer: 'mallory', reason: 'abuse' }, params)
  await client().call('liftBan', { params: { ...params, ban: range.id } })
  const whole = await content.readDirectory(id)
  assert.deepEqual(
    whole?.bans.map((ban) => [ban.id, ban.who.case]),
    [[consumer.id, 'consumerId']],
  )
  const delta = await content.readDelta(id, before)
  assert.deepEqual([delta?.bans.map((ban) => ban.id), delta?.deletedBanIds], [[consumer.id], [range.id]])
})

test('what has ended by time is taken away with the next ban', async () => {
  const params = await newPlace(client())
  const { db } = controlPlane.app
  const { id } = await create({ ...source('10.1.0.0/16'), expires_at: inSeconds(3_600) }, params)
  await db.ban.update({ where: { id }, data: { expiresAt: new Date(Date.now() - 1_000) } })
  assert.equal((await client().call('getBan', { params: { ...params, ban: id } })).state, 'expired')
  const environment = await environmentId(db, params)
  const before = (await createContentStore(db).readDirectory(environment))?.sequence ?? 0n
  await create(source('10.2.0.0/16'), params)
  const delta = await createContentStore(db).readDelta(environment, before)
  assert.deepEqual(delta?.deletedBanIds, [id])
  assert.equal((await client().call('getBan', { params: { ...params, ban: id } })).state, 'expired')
})

test('with wait the answer says which agents act on it', async () => {
  const { db } = controlPlane.app
  await client().call('createAgentGroup', { body: { name: 'bans', environments: [place] } })
  const agent = await insertAgent(db, { group: 'bans', name: 'quick', connected: true })
  await setHolding(db, agent, await environmentId(db, place), { directorySequence: 1_000_000n })
  const { receipt } = await client().call('createBan', {
    params: place,
    query: { wait: 'true', timeout_ms: 200 },
    body: source('192.0.2.0/24'),
  })
  assert.deepEqual(
    receipt?.acked.map(({ name }) => name),
    ['quick'],
  )
})

test('a ban of another environment cannot be seen or lifted', async () => {
  const { id } = await create(source('192.0.2.9'))
  const params = { ...(await newPlace(client())), ban: id }
  assert.equal((await refusal(client().call('getBan', { params }))).status, 404)
  assert.equal((await refusal(client().call('liftBan', { params }))).status, 404)
})
