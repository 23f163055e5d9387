/**
 * Limits as they apply, and the ones that environments begin with.
 */
import assert from 'node:assert/strict'
import test, { after, before } from 'node:test'
import { errorBound, plainLimit } from '@headgate/core'
import { newPlace, objects } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { insertAgent } from '#control-plane/fakes/records.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

let controlPlane: TestControlPlane

before(async () => {
  controlPlane = await startControlPlane()
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const client = () => controlPlane.owner.client

const shared = {
  kind: 'policy' as const,
  name: 'all.shared',
  spec: {
    type: 'limit',
    on: { environment: true },
    exposure: 'internal',
    algorithm: 'sliding_window',
    requests: 1000,
    window_ms: 60_000,
    key: ['tenant'],
    shared: {},
    shadow: true,
  },
}
const quota = {
  kind: 'policy' as const,
  name: 'public.quota',
  spec: { type: 'limit', on: { service: 'orders' }, exposure: 'public', algorithm: 'quota', bytes: 5, period: 'day' },
}

test('200 limits say where they count and how exact they are, over the agents that are connected', async () => {
  const params = await newPlace(client())
  await client().call('applyObjects', { params, body: { objects: [...objects, shared, quota] } })
  const group = `serves-${params.tenant}`
  await client().call('createAgentGroup', { body: { name: group, environments: [params] } })
  const { db } = controlPlane.app
  for (const name of ['a', 'b']) await insertAgent(db, { group, name: `${group}-${name}` })
  await insertAgent(db, { group, name: `${group}-c`, connected: false })
  const { data, groups, release } = await client().call('listLimits', { params, query: { release: 'draft' } })
  assert.deepEqual([groups, release], [1, 'draft'])
  assert.deepEqual(
    data.map((limit) => [limit.policy, limit.on, limit.exposure, limit.routes.names, limit.shadow]),
    [
      ['all.shared', 'environment', 'internal', ['orders'], true],
      ['orders.limit', 'route/orders', null, ['orders'], false],
      ['public.quota', 'service/orders', 'public', [], false],
    ],
  )
  const [first, second, third] = data
  const compiled = plainLimit({
    algorithm: 'sliding_window',
    amount: 1000,
    burst: 1000,
    shared: { mode: 'leased', onFailure: 'local_share' },
  })
  const { over, under, whileAway } = errorBound(compiled, 2)
  assert.deepEqual({ ...first?.error_bound, text: '' }, { agents: 2, over, under, while_away: whileAway, text: '' })
  assert.match(
    first?.error_bound.text ?? '',
    new RegExp(`^At most ${over} more than 1000 in any minute over 2 agents; `),
  )
  assert.match(second?.error_bound.text ?? '', /^Exactly 10 per 10 seconds on each agent/)
  assert.deepEqual(
    [third?.unit, third?.period, third?.zone, third?.window_ms, third?.burst],
    ['bytes', 'day', 'UTC', null, null],
  )
})

test('200 without a release there are no limits to be met', async () => {
  const params = await newPlace(client())
  assert.deepEqual(await client().call('listLimits', { params }), { release: 'none', groups: 0, data: [] })
})

test('422 for the limits of a draft that cannot be a release', async () => {
  const params = await newPlace(client())
  const lost = { kind: 'route' as const, name: 'lost', spec: { service: 'nowhere', path: '/' } }
  await client().call('applyObjects', { params, body: { objects: [lost] } })
  const call = client().call('listLimits', { params, query: { release: 'draft' } })
  assert.equal((await refusal(call)).code, 'release_refused')
})

test('201 a new environment begins with limits of its stage in its draft, unless they are not wanted', async () => {
  const { tenant } = await newPlace(client())
  const create = (body: { name: string; stage?: 'staging'; default_limits?: boolean }) =>
    client().call('createEnvironment', { params: { tenant }, body })
  const amounts = async (environment: string) => {
    const params = { tenant, environment }
    const { data } = await client().call('listLimits', { params, query: { release: 'draft' } })
    return data.map(({ policy, exposure, amount, origin }) => [policy, exposure, amount, origin])
  }
  const production = await create({ name: 'live' })
  assert.deepEqual([production.stage, production.draft_revision], ['production', 1])
  assert.deepEqual(await amounts('live'), [
    ['default.internal', 'internal', 30_000, 'defaults'],
    ['default.public', 'public', 3_000, 'defaults'],
  ])
  assert.equal((await create({ name: 'other', stage: 'staging' })).stage, 'staging')
  assert.deepEqual((await amounts('other'))[1], ['default.public', 'public', 1_200, 'defaults'])
  assert.equal((await create({ name: 'bare', default_limits: false })).draft_revision, 0)
  assert.deepEqual(await amounts('bare'), [])
  const params = { tenant, environment: 'live' }
  const { data } = await client().call('listObjects', { params })
  assert.deepEqual(
    data.map(({ kind, name }) => `${kind}/${name}`),
    ['policy/default.internal', 'policy/default.public'],
  )
})
