import { SnapshotSchema } from '@headgate/proto'
import { fromBinary } from '@bufbuild/protobuf'
import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import test, { after, before } from 'node:test'
import {
  type Place,
  newPlace,
  objects,
  publishedPlace,
  service,
  withHosts,
} from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { environmentId, insertAgent, setHolding } from '#control-plane/fakes/records.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client
const db = () => controlPlane.app.db
const publish = (params: Place, query = {}) => client().call('publishRelease', { params, query, body: {} })

/** Changes the draft, so that there is something to publish. */
async function edit(params: Place, owner: string): Promise<void> {
  await client().call('applyObjects', { params, body: { objects: [{ ...service, spec: { ...service.spec, owner } }] } })
}

let groups = 0
async function groupOf(...environments: Place[]): Promise<string> {
  groups += 1
  const name = `group-${groups}`
  await client().call('createAgentGroup', { body: { name, environments: [...environments] } })
  return name
}

test('201 a release is numbered from 1, signed, and holds the draft byte for byte as agents will read it', async () => {
  const params = await newPlace(client())
  await client().call('applyObjects', { params, body: { objects } })
  const published = await client().call('publishRelease', { params, body: { comment: 'first' } })
  assert.equal(published.number, 1)
  assert.equal(published.live, true)
  assert.equal(published.comment, 'first')
  assert.equal(published.created_by, 'first')
  assert.equal(published.changes.length, 4)
  const row = await db().release.findFirstOrThrow({ where: { id: published.id } })
  const key = await db().sealedKey.findFirstOrThrow({ where: { purpose: 'snapshot_signing' } })
  const publicKey = createPublicKey({ key: Buffer.from(key.public), format: 'der', type: 'spki' })
  assert.ok(
    verify(null, Buffer.concat([Buffer.from('headgate snapshot v1\0'), row.snapshot]), publicKey, row.signature),
  )
  const snapshot = fromBinary(SnapshotSchema, row.snapshot)
  assert.equal(snapshot.number, 1n)
  assert.equal(snapshot.environmentId, row.environmentId)
  assert.equal(snapshot.objects.length, 4)
  assert.equal((await client().call('getEnvironment', { params })).release_number, 1)
})

test('409 when the draft equals the live release, and when it is empty', async () => {
  const params = await newPlace(client())
  assert.equal((await refusal(publish(params))).code, 'nothing_to_publish')
  await edit(params, 'a')
  await publish(params)
  assert.equal((await refusal(publish(params))).code, 'nothing_to_publish')
})

test('422 names everything that is wrong, with pointers into the objects', async () => {
  const params = await newPlace(client())
  const broken = [
    { kind: 'route' as const, name: 'lost', spec: { service: 'nowhere', path: '/a' } },
    {
      kind: 'policy' as const,
      name: 'stray',
      spec: { type: 'limit', on: { route: 'none' }, requests: 1, window_ms: 1000 },
    },
  ]
  await client().call('applyObjects', { params, body: { objects: broken } })
  const problem = await refusal(publish(params))
  assert.equal(problem.code, 'release_refused')
  assert.deepEqual(problem.errors?.map(({ pointer }) => pointer).toSorted(), [
    '/policy/stray/spec/on/route',
    '/route/lost/spec/service',
  ])
  assert.equal((await client().call('getEnvironment', { params })).release_number, 0)
})

test('201 two publishes at once become two releases or one, never one number twice', async () => {
  const params = await publishedPlace(client(), ['twice.example.com'])
  await edit(params, 'a')
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => publish(params)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
  const { data } = await client().call('listReleases', { params })
  assert.deepEqual(
    data.map(({ number }) => number),
    [2, 1],
  )
})

test('412 when the draft moved on since base_revision', async () => {
  const params = await newPlace(client())
  await edit(params, 'a')
  const problem = await refusal(client().call('publishRelease', { params, body: { base_revision: 0 } }))
  assert.equal(problem.code, 'revision_stale')
  assert.equal((await client().call('publishRelease', { params, body: { base_revision: 1 } })).number, 1)
})

test('201 a rollback brings earlier content back under a new number and leaves the draft as it is', async () => {
  const params = await newPlace(client())
  await edit(params, 'one')
  await publish(params)
  await edit(params, 'two')
  await publish(params)
  await edit(params, 'three')
  const back = await client().call('rollbackRelease', { params: { ...params, number: 'r1' }, body: { comment: 'bad' } })
  assert.equal(back.number, 3)
  assert.equal(back.rollback_of, 1)
  assert.deepEqual(
    back.changes.map(({ pointers }) => pointers),
    [['/owner']],
  )
  const { objects: live } = await client().call('getReleaseObjects', { params: { ...params, number: 'live' } })
  assert.equal(live[0]?.spec['owner'], 'one')
  const draft = await client().call('exportObjects', { params })
  assert.equal(draft.objects[0]?.spec['owner'], 'three')
})

test('409 for a rollback to the live release, 404 to one that never was or to the draft', async () => {
  const params = await publishedPlace(client(), ['back.example.com'])
  const rollback = (number: string) =>
    refusal(client().call('rollbackRelease', { params: { ...params, number }, body: {} }))
  assert.equal((await rollback('r1')).code, 'state_conflict')
  for (const number of ['r9', 'draft', '2147483648']) assert.equal((await rollback(number)).status, 404, number)
})

test('200 a diff names what changed by pointer, between any two', async () => {
  const params = await newPlace(client())
  const none = await client().call('diffReleases', { params })
  assert.deepEqual([none.from, none.to, none.changes], ['none', 'draft', []])
  await edit(params, 'one')
  await publish(params)
  await edit(params, 'two')
  const draft = await client().call('diffReleases', { params })
  assert.deepEqual([draft.from, draft.to], ['r1', 'draft'])
  assert.deepEqual(
    draft.changes.map(({ change, pointers }) => [change, pointers]),
    [['changed', ['/owner']]],
  )
  await publish(params)
  const between = await client().call('diffReleases', { params, query: { from: '2', to: 'r1' } })
  assert.equal(between.changes[0]?.after?.['owner'], 'one')
})

test('200 a release shows where it is live, refused, pending and unreachable', async () => {
  const params = await publishedPlace(client(), ['fleet.example.com'])
  const group = await groupOf(params)
  const environment = await environmentId(db(), params)
  const insert = (name: string, connected = true) => insertAgent(db(), { group, name: `${group}-${name}`, connected })
  await setHolding(db(), await insert('live'), environment, { releaseNumber: 1 })
  await setHolding(db(), await insert('refused'), environment, { refusedNumber: 1, refusedReasons: ['unknown kind'] })
  await insert('pending')
  await setHolding(db(), await insert('away', false), environment, { releaseNumber: 1 })
  const { deliveries } = await client().call('getRelease', { params: { ...params, number: 'live' } })
  assert.deepEqual(
    deliveries.map(({ agent, state, reasons }) => [agent.replace(`${group}-`, ''), state, reasons]),
    [
      ['away', 'unreachable', []],
      ['live', 'live', []],
      ['pending', 'pending', []],
      ['refused', 'refused', ['unknown kind']],
    ],
  )
})

test('409 when agents are too old for the release, which are named', async () => {
  const params = await newPlace(client())
  await edit(params, 'a')
  const group = await groupOf(params)
  const id = await insertAgent(db(), { group, name: `${group}-old` })
  await publish(params)
  // 0 stands for an agent that has not said yet.
  await db().agent.update({ where: { id }, data: { capability: 1 } })
  await edit(params, 'b')
  const problem = await refusal(publish(params))
  assert.equal(problem.code, 'agents_too_old')
  assert.equal(problem.errors?.[0]?.pointer, `/agents/${group}-old`)
})

test('409 when a host would belong to two environments of one group, whatever pattern names it', async () => {
  const first = await publishedPlace(client(), ['api.example.org'])
  const second = await newPlace(client())
  await groupOf(first, second)
  for (const hosts of [['api.example.org'], ['*.example.org'], []]) {
    await client().call('applyObjects', { params: second, body: { objects: withHosts(hosts), prune: true } })
    const problem = await refusal(publish(second))
    assert.equal(problem.code, 'host_conflict', String(hosts))
    assert.equal(JSON.stringify(problem).includes(first.tenant), false, 'the name of another tenant got out')
  }
  await client().call('applyObjects', { params: second, body: { objects: withHosts(['other.example.org']) } })
  assert.equal((await publish(second)).number, 1)
})

// Guards against two publishes that each see only the other's past.
test('409 for one of two environments of a group that claim a host at the same moment', async () => {
  const first = await newPlace(client())
  const second = await newPlace(client())
  await groupOf(first, second)
  for (const params of [first, second])
    await client().call('applyObjects', { params, body: { objects: withHosts(['race.example.org']) } })
  const outcomes = await Promise.allSettled([publish(first), publish(second)])
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('201 with wait answers when the time is over, and says who has not answered', async () => {
  const params = await publishedPlace(client(), ['wait.example.com'])
  const group = await groupOf(params)
  await insertAgent(db(), { group, name: `${group}-slow` })
  await edit(params, 'a')
  const started = performance.now()
  const published = await publish(params, { wait: 'true', timeout_ms: 300 })
  assert.ok(performance.now() - started >= 300)
  assert.equal(published.deliveries[0]?.state, 'pending')
})

test('a stored release cannot be changed or removed', async () => {
  const params = await publishedPlace(client(), ['immutable.example.com'])
  const where = { environmentId: await environmentId(db(), params) }
  await assert.rejects(db().release.updateMany({ where, data: { comment: 'x' } }))
  await assert.rejects(db().release.deleteMany({ where }))
  assert.equal((await db().release.findFirstOrThrow({ where })).comment, '')
})
