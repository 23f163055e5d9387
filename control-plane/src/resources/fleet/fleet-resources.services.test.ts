import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { newPlace, publishedPlace } from '#control-plane/fakes/configuration.ts'
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

let groups = 0
async function newGroup(environments: { tenant: string; environment: string }[] = []) {
  groups += 1
  return client().call('createAgentGroup', { body: { name: `group-${groups}`, region: 'eu', environments } })
}

test('201 a group serves environments of several tenants, named by name or id', async () => {
  const [first, second] = [await newPlace(client()), await newPlace(client())]
  const id = await environmentId(db(), second)
  const group = await newGroup([first, { tenant: second.tenant, environment: id }])
  assert.deepEqual(group.environments, [first, second])
  assert.equal(group.agents, 0)
})

test('409 for a group whose name is taken; 404 for an environment that is not there; 422 for one that is listed twice', async () => {
  const place = await newPlace(client())
  const { name } = await newGroup()
  const create = (body: { name: string; environments: { tenant: string; environment: string }[] }) =>
    refusal(client().call('createAgentGroup', { body }))
  assert.equal((await create({ name, environments: [] })).code, 'name_taken')
  assert.equal((await create({ name: 'new', environments: [{ tenant: place.tenant, environment: 'no' }] })).status, 404)
  assert.equal((await create({ name: 'new', environments: [place, place] })).errors?.[0]?.pointer, '/environments/1')
})

test('200 a group takes and drops environments; what is not named stays', async () => {
  const [first, second] = [await newPlace(client()), await newPlace(client())]
  const { id: group } = await newGroup([first])
  const patch = (body: object) => client().call('updateAgentGroup', { params: { group }, body })
  assert.deepEqual((await patch({ environments: [second] })).environments, [second])
  const moved = await patch({ region: 'us' })
  assert.deepEqual([moved.region, moved.environments], ['us', [second]])
  assert.deepEqual((await patch({ environments: [] })).environments, [])
})

test('409 when two environments with the same host would be served by one group', async () => {
  const [first, second] = [
    await publishedPlace(client(), ['one.example.net']),
    await publishedPlace(client(), ['*.example.net']),
  ]
  assert.equal((await refusal(newGroup([first, second]))).code, 'host_conflict')
  const { name: group } = await newGroup([first])
  const problem = await refusal(
    client().call('updateAgentGroup', { params: { group }, body: { environments: [first, second] } }),
  )
  assert.equal(problem.errors?.[0]?.pointer, '/environments')
  assert.deepEqual((await client().call('getAgentGroup', { params: { group } })).environments, [first])
})

test('201 a join token is shown once and stored as a hash; 200 it is listed and revoked, once', async () => {
  const { name: group } = await newGroup()
  const created = await client().call('createJoinToken', { params: { group }, body: { expires_in_ms: 60_000 } })
  assert.match(created.token, /^hgj_[A-Za-z0-9_-]{90,}$/)
  const { data } = await client().call('listJoinTokens', { params: { group } })
  assert.equal(data[0]?.id, created.id)
  assert.equal(JSON.stringify(data).includes(created.token), false)
  const params = { group, token: created.id }
  const revoked = await client().call('revokeJoinToken', { params })
  assert.ok(revoked.revoked_at !== null)
  assert.deepEqual(await client().call('revokeJoinToken', { params }), revoked)
})

test('409 for revoking a join token that let an agent in; 404 for one of another group', async () => {
  const { name: group } = await newGroup()
  const { id: token } = await client().call('createJoinToken', { params: { group }, body: {} })
  const agentId = await insertAgent(db(), { group, name: 'let-in' })
  const { name: other } = await newGroup()
  assert.equal((await refusal(client().call('revokeJoinToken', { params: { group: other, token } }))).status, 404)
  await db().joinToken.update({ where: { id: token }, data: { usedAt: new Date(), agentId } })
  assert.equal((await refusal(client().call('revokeJoinToken', { params: { group, token } }))).code, 'state_conflict')
  assert.equal((await client().call('listJoinTokens', { params: { group } })).data[0]?.agent, 'let-in')
})

test('200 an agent shows what it acts on, and whether it can be reached', async () => {
  const place = await newPlace(client())
  const { name: group } = await newGroup([place])
  const id = await insertAgent(db(), { group, name: 'shown' })
  await setHolding(db(), id, await environmentId(db(), place), {
    releaseNumber: 3,
    directorySequence: 7n,
    refusedNumber: 4,
    refusedReasons: ['no'],
  })
  const agent = await client().call('getAgent', { params: { agent: 'shown' } })
  assert.equal(agent.state, 'connected')
  assert.deepEqual(agent.holdings, [
    { ...place, release_number: 3, directory_sequence: 7, refused_number: 4, refused_reasons: ['no'] },
  ])
  // Its row says connected, but nothing was heard of it: its control plane died.
  await db().agent.update({ where: { id }, data: { seenAt: new Date(Date.now() - 31_000) } })
  assert.equal((await client().call('getAgent', { params: { agent: id } })).state, 'unreachable')
  const { data } = await client().call('listAgents', { query: { group } })
  assert.deepEqual(
    data.map(({ name }) => name),
    ['shown'],
  )
})

test('200 a revoked agent stays revoked and leaves its group and its releases', async () => {
  const place = await publishedPlace(client(), ['revoked.example.net'])
  const { name: group } = await newGroup([place])
  const agent = await insertAgent(db(), { group, name: 'gone' })
  const revoked = await client().call('revokeAgent', { params: { agent } })
  assert.equal(revoked.state, 'revoked')
  assert.deepEqual(await client().call('revokeAgent', { params: { agent } }), revoked)
  assert.equal((await client().call('getAgentGroup', { params: { group } })).agents, 0)
  assert.deepEqual((await client().call('getRelease', { params: { ...place, number: 'live' } })).deliveries, [])
})
