/**
 * Limits and decoys of keys, and which keys should be looked at.
 */
import type { Answer, Call } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { type Place, newPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { insertAgent } from '#control-plane/fakes/records.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

const DAY_MS = 86_400_000

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
const ago = (days: number) => new Date(Date.now() - days * DAY_MS)

type KeyBody = Omit<Call<'createKey'>['body'], 'consumer'>
const create = (body: KeyBody = {}, params = place): Promise<Answer<'createKey'>> =>
  client().call('createKey', { params, body: { consumer: 'alice', create_consumer: true, ...body } })

const limits = [
  { requests: 100, window_ms: 60_000 },
  { requests: 10_000, window_ms: 86_400_000, burst: 500 },
]

test('201 a key has limits of its own, which are changed, and which its successor has too', async () => {
  const created = await create({ limits })
  assert.deepEqual(created.limits, limits)
  const params = { ...place, key: created.id }
  const rotated = await client().call('rotateKey', { params, body: {} })
  assert.deepEqual(rotated.new.limits, limits)
  const changed = await client().call('updateKey', { params, body: { limits: [] } })
  assert.deepEqual(changed.limits, [])
})

test('422 for limits that are none, or more than eight', async () => {
  const pointer = async (given: typeof limits) => (await refusal(create({ limits: given }))).errors?.[0]?.pointer
  assert.equal(await pointer([{ requests: 0, window_ms: 1_000 }]), '/limits/0/requests')
  assert.equal(await pointer([{ requests: 1, window_ms: 99 }]), '/limits/0/window_ms')
  assert.equal(await pointer(Array(9).fill({ requests: 1, window_ms: 1_000 })), '/limits')
})

// Guards against a key that an older agent would let through without limit.
test('409 for a key with limits while an agent of the environment would not count them', async () => {
  const params = await newPlace(client())
  await client().call('createAgentGroup', { body: { name: 'old', environments: [params] } })
  await insertAgent(db(), { group: 'old', name: 'old-1', capability: 1 })
  const problem = await refusal(create({ limits }, params))
  assert.deepEqual([problem.code, problem.errors?.[0]?.pointer], ['agents_too_old', '/agents/old-1'])
  const { id } = await create({}, params)
  const change = client().call('updateKey', { params: { ...params, key: id }, body: { limits } })
  assert.equal((await refusal(change)).code, 'agents_too_old')
})

test('201 a decoy looks like a key, says what it is to operators, and 409 when it is rotated', async () => {
  const decoy = await create({ decoy: true })
  assert.deepEqual([decoy.decoy, decoy.state, decoy.scopes], [true, 'active', []])
  const rotate = client().call('rotateKey', { params: { ...place, key: decoy.id }, body: {} })
  assert.equal((await refusal(rotate)).code, 'state_conflict')
})

test('200 the old key of a rotation says whether it is still used', async () => {
  const old = await create()
  await db().apiKey.update({ where: { id: old.id }, data: { lastUsedAt: ago(1), lastUsedAgent: 'eu-1' } })
  const params = { ...place, key: old.id }
  assert.equal((await client().call('getKey', { params })).rotation, null)
  const rotated = await client().call('rotateKey', { params, body: {} })
  assert.deepEqual(rotated.old.rotation, {
    successor_id: rotated.new.id,
    rotated_at: rotated.new.created_at,
    old_still_used: false,
  })
  const lastUsedAt = new Date(Date.now() + 1_000)
  await db().apiKey.update({ where: { id: old.id }, data: { lastUsedAt, lastUsedAddress: '192.0.2.1' } })
  const shown = await client().call('getKey', { params })
  assert.equal(shown.rotation?.old_still_used, true)
  assert.deepEqual(shown.last_used, { at: lastUsedAt.toISOString(), agent: 'eu-1', address: '192.0.2.1' })
})

interface Cast {
  readonly place: Place
  /** Id to what the key is there for. */
  readonly names: ReadonlyMap<string, string>
}

/** One key of each kind that matters. */
async function cast(): Promise<Cast> {
  const params = await newPlace(client())
  const names = new Map<string, string>()
  const key = async (name: string, body: KeyBody, data: { lastUsedAt?: Date; createdAt?: Date; state?: string }) => {
    const { id } = await create(body, params)
    names.set(id, name)
    await db().apiKey.update({ where: { id }, data })
    return id
  }
  const inDays = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString()
  await key('new', {}, {})
  await key('never used', {}, { createdAt: ago(200) })
  await key('busy', {}, { lastUsedAt: ago(1), createdAt: ago(200) })
  await key('unused', {}, { lastUsedAt: ago(100), createdAt: ago(200) })
  await key('longer unused', {}, { lastUsedAt: ago(150), createdAt: ago(200) })
  await key('expiring', { expires_at: inDays(10) }, { lastUsedAt: ago(1) })
  await key('expiring later', { expires_at: inDays(100) }, { lastUsedAt: ago(1) })
  await key('disabled', {}, { state: 'disabled', createdAt: ago(200) })
  await key('decoy', { decoy: true }, { createdAt: ago(200) })
  const quiet = await key('rotated, quiet', {}, { lastUsedAt: ago(1) })
  const loud = await key('rotated, used', {}, { lastUsedAt: ago(1) })
  for (const id of [quiet, loud]) {
    const rotated = await client().call('rotateKey', { params: { ...params, key: id }, body: {} })
    names.set(rotated.new.id, `successor of ${names.get(id)}`)
    await db().apiKey.update({ where: { id: rotated.new.id }, data: { lastUsedAt: ago(0) } })
  }
  await db().apiKey.update({ where: { id: loud }, data: { lastUsedAt: new Date(Date.now() + 1_000) } })
  return { place: params, names }
}

test('200 the report names the keys that nobody uses, that end soon, and whose rotation is not finished', async () => {
  const { place: params, names } = await cast()
  const report = await client().call('reportKeys', { params })
  const named = ({ keys }: { keys: readonly { id: string }[] }) => keys.map(({ id }) => names.get(id))
  assert.equal(report.active, 11)
  assert.deepEqual([report.never_used.count, named(report.never_used)], [2, ['never used', 'new']])
  assert.deepEqual([report.unused.count, named(report.unused)], [2, ['longer unused', 'unused']])
  assert.deepEqual([report.expiring.count, named(report.expiring)], [1, ['expiring']])
  assert.deepEqual(
    [report.rotating.count, report.rotating.still_used, named(report.rotating)],
    [2, 1, ['rotated, quiet', 'rotated, used']],
  )
  const query = { unused_for_days: 120, expiring_within_days: 200, limit: 1 }
  const other = await client().call('reportKeys', { params, query })
  assert.deepEqual([other.unused.count, named(other.unused)], [1, ['longer unused']])
  assert.deepEqual([other.expiring.count, named(other.expiring)], [2, ['expiring']])
  const empty = await client().call('reportKeys', { params: await newPlace(client()) })
  assert.deepEqual([empty.active, empty.never_used, empty.rotating.still_used], [0, { count: 0, keys: [] }, 0])
})

test('200 a list of keys is filtered by state, use and end, all of them together', async () => {
  const { place: params, names } = await cast()
  const list = async (query: Call<'listKeys'>['query']) =>
    (await client().call('listKeys', { params, query: { limit: 200, ...query } })).data.map(({ id }) => names.get(id))
  assert.deepEqual(await list({ state: 'disabled' }), ['disabled'])
  assert.deepEqual(await list({ state: 'expired' }), [])
  assert.deepEqual(await list({ unused_for_days: 90 }), ['never used', 'unused', 'longer unused', 'disabled', 'decoy'])
  assert.deepEqual(await list({ unused_for_days: 90, state: 'disabled' }), ['disabled'])
  assert.deepEqual(await list({ expiring_within_days: 30 }), ['expiring', 'rotated, quiet', 'rotated, used'])
  assert.deepEqual(await list({ expiring_within_days: 200, unused_for_days: 90 }), [])
  const days = client().call('listKeys', { params, query: { unused_for_days: 0 } })
  assert.equal((await refusal(days)).errors?.[0]?.pointer, 'unused_for_days')
})
