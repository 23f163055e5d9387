import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { after, before } from 'node:test'
import { type Place, newPlace, objects, publishedPlace } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { environmentId, insertDecision } from '#control-plane/fakes/records.ts'
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
const record = async (place: Place, fields: object = {}) =>
  insertDecision(db(), await environmentId(db(), place), { ...fields })
const explain = (params: Place, body: Parameters<typeof explainBody>[0]) =>
  client().call('explain', { params, body: explainBody(body) })
const explainBody = (body: {
  request_id?: string
  request?: { target: string; method?: string; headers?: { name: string; value: string }[]; as_key?: string }
  release?: string
}) => body

test('200 a refused request is explained: gate, rule, needed, had, fix', async () => {
  const place = await publishedPlace(client())
  const id = await record(place)
  const explanation = await explain(place, { request_id: id })
  assert.equal(explanation.source, 'recorded')
  assert.equal(explanation.release, 'r1')
  assert.equal(explanation.agrees, true)
  assert.deepEqual(
    explanation.gates.map(({ outcome }) => outcome),
    ['passed', 'passed', 'passed', 'passed', 'stopped', 'not_reached', 'not_reached'],
  )
  assert.deepEqual(
    [explanation.rule?.name, explanation.needed, explanation.had],
    ['orders.access', ['orders:read'], []],
  )
  assert.deepEqual(explanation.fixes, [
    { description: 'Give the key the scope', command: 'headgate keys grant key_1 --scope orders:read' },
  ])
})

test('200 a request is explained on the release that decided it, not on the live one', async () => {
  const place = await publishedPlace(client())
  const id = await record(place)
  const open = {
    kind: 'policy' as const,
    name: 'orders.access',
    spec: { type: 'access', on: { service: 'orders' }, public: { owner: 'team', reason: 'test' } },
  }
  await client().call('applyObjects', { params: place, body: { objects: [open] } })
  await client().call('publishRelease', { params: place, body: {} })
  const explanation = await explain(place, { request_id: id })
  assert.deepEqual([explanation.release, explanation.agrees, explanation.reason], ['r1', true, 'scope_missing'])
})

test('200 a record that the evaluator does not come to is shown as recorded, and said to disagree', async () => {
  const place = await publishedPlace(client())
  const id = await record(place, { path: '/elsewhere' })
  const explanation = await explain(place, { request_id: id })
  assert.equal(explanation.agrees, false)
  assert.equal(explanation.reason, 'scope_missing')
  assert.deepEqual(
    explanation.gates.map(({ outcome }) => outcome),
    ['passed', 'passed', 'passed', 'passed', 'stopped', 'not_reached', 'not_reached'],
  )
})

test('200 a service that failed stands at the last gate; an allowed request shows its answer', async () => {
  const place = await publishedPlace(client())
  const principal = {
    consumer: 'alice',
    consumer_id: 'cns_1',
    credential_id: 'key_1',
    credential_kind: 'api_key',
    hint: '…Qd4x',
    scopes: ['orders:read'],
  }
  const upstream = { target: 'http://127.0.0.1:9', status: 0, duration_ms: 2 }
  const failed = await explain(place, {
    request_id: await record(place, { reason: 'upstream_unreachable', status: 502, principal, upstream }),
  })
  assert.deepEqual(
    [failed.agrees, failed.gates.at(-1)?.outcome, failed.fixes[0]?.command],
    [true, 'stopped', 'headgate services get orders'],
  )
  const allowed = await explain(place, {
    request_id: await record(place, {
      outcome: 'allow',
      reason: 'allowed',
      status: 201,
      principal,
      upstream: { ...upstream, status: 201 },
      tls: 'TLSv1.3',
    }),
  })
  assert.deepEqual(
    allowed.gates.map(({ outcome }) => outcome),
    Array.from({ length: 7 }, () => 'passed'),
  )
  assert.equal(allowed.gates[0]?.detail, 'TLSv1.3')
  assert.match(allowed.gates.at(-1)?.detail ?? '', /answered 201/)
  assert.deepEqual(allowed.fixes, [])
})

test('200 what was refused for a part that is not recorded stands at its gate', async () => {
  const place = await publishedPlace(client())
  const fields = { reason: 'target_invalid', status: 400, route: null, service: null, rule: null, principal: null }
  const explanation = await explain(place, { request_id: await record(place, fields) })
  assert.deepEqual([explanation.agrees, explanation.gates[1]?.outcome], [true, 'stopped'])
})

test('200 a record that is still on its way is waited for; 404 when it does not come', async () => {
  const place = await publishedPlace(client())
  const late = record(place, { request_id: 'req_unknown' })
  const waiting = client().call('getDecision', { params: { ...place, request_id: 'req_later' } })
  await late
  await sleep(300)
  await record(place, { request_id: 'req_later' })
  assert.equal((await waiting).request_id, 'req_later')
  const started = performance.now()
  assert.equal(
    (await refusal(client().call('getDecision', { params: { ...place, request_id: 'req_never' } }))).status,
    404,
  )
  const tookMs = performance.now() - started
  assert.ok(tookMs >= 1_900 && tookMs < 15_000, `${tookMs} ms`)
})

test('200 `last` is the request that was just made, even when its record comes a moment later', async () => {
  const place = await publishedPlace(client())
  await record(place, { request_id: 'req_before', at: new Date(Date.now() - 10_000).toISOString() })
  const asked = client().call('getDecision', { params: { ...place, request_id: 'last' } })
  await sleep(400)
  await record(place, { request_id: 'req_just_now' })
  assert.equal((await asked).request_id, 'req_just_now')
  await record(place, {
    request_id: 'req_allowed',
    outcome: 'allow',
    reason: 'allowed',
    status: 200,
    at: new Date(Date.now() + 1000).toISOString(),
  })
  assert.equal(
    (await client().call('getDecision', { params: { ...place, request_id: 'last-refused' } })).request_id,
    'req_just_now',
  )
})

test('404 for a record of another environment', async () => {
  const id = await record(await newPlace(client()))
  const place = await newPlace(client())
  assert.equal((await refusal(client().call('getDecision', { params: { ...place, request_id: id } }))).status, 404)
  assert.equal((await refusal(explain(place, { request_id: id }))).status, 404)
})

test('200 records are listed newest first, filtered, and paged without doubles', async () => {
  const place = await newPlace(client())
  const at = new Date().toISOString()
  for (let index = 0; index < 7; index += 1)
    await record(place, {
      request_id: `req_${index}`,
      at,
      reason: index % 2 === 0 ? 'scope_missing' : 'credential_missing',
    })
  await record(place, { request_id: 'req_ok', outcome: 'allow', reason: 'allowed', status: 200 })
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await client().call('listDecisions', {
      params: place,
      query: { limit: 3, outcome: 'deny', ...(cursor === undefined ? {} : { cursor }) },
    })
    ids.push(...page.data.map(({ request_id }) => request_id))
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  assert.deepEqual(
    ids,
    [6, 5, 4, 3, 2, 1, 0].map((index) => `req_${index}`),
  )
  const { data } = await client().call('listDecisions', {
    params: place,
    query: { reason: 'credential_missing', route: 'orders', consumer: 'alice' },
  })
  assert.equal(data.length, 3)
})

test('200 a simulated request proves the credential in it, and neither stores nor logs it', async () => {
  const place = await publishedPlace(client())
  const { key, id } = await client().call('createKey', {
    params: place,
    body: { consumer: 'alice', create_consumer: true, scopes: ['orders:read'] },
  })
  const asked = await explain(place, {
    request: { target: '/orders/1?token=x', headers: [{ name: 'X-Api-Key', value: key }] },
  })
  assert.deepEqual(
    [asked.outcome, asked.principal?.consumer, asked.limits[0]?.remaining, asked.path],
    ['allow', 'alice', 9, '/orders/1'],
  )
  assert.equal(JSON.stringify(asked).includes(key), false)
  assert.equal(await db().auditEntry.count({ where: { action: { contains: 'explain' } } }), 0)
  const same = await explain(place, { request: { target: '/orders/1', as_key: id } })
  assert.deepEqual({ ...same, at: '' }, { ...asked, at: '' })
  await client().call('revokeKey', { params: { ...place, key: id } })
  const revoked = await explain(place, { request: { target: '/orders/1', as_key: id } })
  assert.deepEqual(
    [revoked.reason, revoked.fixes[0]?.command],
    ['credential_revoked', 'headgate keys create --consumer alice --scope orders:read'],
  )
  assert.equal((await refusal(explain(place, { request: { target: '/orders/1', as_key: 'key_no' } }))).status, 404)
})

test('200 a simulated request on the draft shows what publishing would change; 422 when it would be refused', async () => {
  const place = await publishedPlace(client())
  const request = { target: '/orders/1', method: 'GET' }
  assert.equal((await explain(place, { request })).reason, 'credential_missing')
  await client().call('applyObjects', {
    params: place,
    body: { objects: objects.filter(({ name }) => name !== 'orders.access'), prune: true },
  })
  const draft = await explain(place, { request, release: 'draft' })
  assert.deepEqual([draft.release, draft.reason, draft.status], ['draft', 'access_undecided', 403])
  await client().call('putObject', {
    params: { ...place, kind: 'route', name: 'lost' },
    body: { spec: { service: 'no', path: '/' } },
  })
  assert.equal((await refusal(explain(place, { request, release: 'draft' }))).code, 'release_refused')
})

test('200 before anything is published, a simulated request meets "not ready"', async () => {
  const explanation = await explain(await newPlace(client()), { request: { target: '/' } })
  assert.deepEqual(
    [explanation.release, explanation.reason, explanation.gates[2]?.outcome],
    ['none', 'not_ready', 'stopped'],
  )
})

test('422 unless exactly one of a request id and a request is given', async () => {
  const place = await newPlace(client())
  for (const body of [{}, { request_id: 'last', request: { target: '/' } }, { request_id: 'last', release: 'live' }]) {
    assert.equal((await refusal(explain(place, body))).status, 422)
  }
})

test('200 traffic adds up agents and routes by minute, and leaves out minutes without a request', async () => {
  const place = await newPlace(client())
  const environment = await environmentId(db(), place)
  const minute = new Date(Math.floor(Date.now() / 60_000) * 60_000)
  const old = new Date(minute.getTime() - 10 * 60_000)
  const row = { environmentId: environment, minute, route: 'orders', durationMsSum: 10 }
  await db().requestMetric.createMany({
    data: [
      { ...row, agentId: 'agt_1', reason: 'allowed', statusClass: 2, requests: 5n },
      { ...row, agentId: 'agt_2', reason: 'allowed', statusClass: 2, requests: 3n },
      { ...row, agentId: 'agt_1', reason: 'scope_missing', statusClass: 4, requests: 1n },
      { ...row, agentId: 'agt_1', reason: 'upstream_timeout', statusClass: 5, requests: 1n },
      { ...row, agentId: 'agt_1', minute: old, reason: 'allowed', statusClass: 2, requests: 9n },
    ],
  })
  const { data } = await client().call('getTraffic', { params: place, query: { minutes: 5 } })
  assert.deepEqual(data, [{ minute: minute.toISOString(), requests: 10, refused: 1, failed: 1, duration_ms_mean: 4 }])
  assert.equal((await client().call('getTraffic', { params: place, query: { minutes: 60 } })).data.length, 2)
})
