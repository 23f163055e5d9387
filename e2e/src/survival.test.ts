/**
 * What agents survive, and what the control plane never loses: `kill -9` of everything behind the agents under load,
 * and of the control plane in the middle of writes.
 *
 * The steps of the first part build on each other and run in order.
 *
 * @module
 */
import { type Client, ConnectionError, ProblemError } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from './harness/agent.ts'
import { type ConfigDocument, createKey, limit, orders, release } from './harness/configuration.ts'
import { type LoadResult, startLoad } from './harness/load.ts'
import { sql, startKillableDatabase } from './harness/postgres.ts'
import { SHOP, startStack } from './harness/stack.ts'
import { until } from './harness/until.ts'

/** How long each part stays away under load, in milliseconds. */
const OUTAGE_MS = 3_000

/** The promise: from the start of the process to the first answered request, in milliseconds. */
const COLD_START_MS = 2_000

const stack = await startStack({ agents: 3, database: startKillableDatabase })
after(() => stack[Symbol.asyncDispose]())
const { client, upstream, controlPlane, database } = stack
const [first, second, third] = stack.agents
assert.ok(first !== undefined && second !== undefined && third !== undefined)

await release(client, SHOP, orders(upstream.url))
const { key } = await createKey(client, SHOP, 'alice')
const headers = { 'x-api-key': key }

function assertNoLoss({ outcomes, sent, skipped, ...rest }: LoadResult): void {
  console.log(
    `# ${sent} requests in ${rest.seconds} s: p50 ${rest.p50Ms} ms, p99 ${rest.p99Ms} ms, max ${rest.maxMs} ms`,
  )
  assert.deepEqual({ outcomes, skipped }, { outcomes: { 200: sent }, skipped: 0 })
}

test('not one request fails while control plane and Postgres are killed, and a killed agent is back within 2 s', async () => {
  const load = startLoad({
    ratePerS: 200,
    targets: [first, second].map(({ httpPort: port }) => ({ host: '127.0.0.1', port, path: '/orders/1', headers })),
  })
  await until('load to flow', () => load.result().answered > 100)
  await controlPlane.kill()
  await sleep(OUTAGE_MS)
  await database.kill()

  await third.program.end('SIGKILL')
  third.restart()
  await until('the restarted agent to serve', async () => (await third.get('/orders/1', headers)).status === 200, {
    everyMs: 10,
  })
  const coldStartMs = performance.now() - third.program.startedAtMs
  console.log(`# an agent serves ${Math.round(coldStartMs)} ms after its start, with nothing behind it`)
  assert.equal((await third.get('/orders/1')).status, 401)

  await sleep(OUTAGE_MS)
  assertNoLoss(await load.stop())
  assert.ok(coldStartMs < COLD_START_MS, `it took ${coldStartMs} ms`)
})

test('an agent that never had a release answers 503 not_ready, never 404 and never openly', async () => {
  await using fresh = await startAgent({ name: 'fresh', directory: stack.directory })
  const answer = await until('it to listen', async () => fresh.get('/orders/1', headers))
  for (const { status, json } of [answer, await fresh.get('/'), await fresh.get('/nowhere')]) {
    assert.deepEqual([status, (json() as { code: string }).code], [503, 'not_ready'])
  }
  assert.equal(await fresh.isReady(), false)
})

test('while Postgres is away, writes answer 503 and nothing else is lost', async () => {
  // Control plane up, database down: it starts as soon as the database does.
  await database.restart()
  await controlPlane.restart()
  await connected()
  await database.kill()
  const refused = await problemOf(client.call('createConsumer', { params: SHOP, body: { name: 'nobody' } }))
  assert.equal(refused, 'database_unavailable')
  assert.equal((await first.get('/orders/1', headers)).status, 200)
  await database.restart()
  await until('writes to work again', () => client.call('createConsumer', { params: SHOP, body: { name: 'somebody' } }))
})

test('after everything is back, agents reconnect by themselves and a publish reaches all', async () => {
  await connected()
  const published = await release(client, SHOP, [...orders(upstream.url), limit(100_000, 60_000)])
  assert.deepEqual(published.deliveries.map(({ agent, state }) => `${agent} ${state}`).toSorted(), [
    'agent-1 live',
    'agent-2 live',
    'agent-3 live',
  ])
  for (const agent of stack.agents)
    assert.match((await agent.get('/orders/1', headers)).header('ratelimit') ?? '', /orders\.limit/)
})

function connected(): Promise<unknown> {
  return until('all agents to be connected', async () => {
    const { data } = await client.call('listAgents')
    return data.every(({ state }) => state === 'connected')
  })
}

async function problemOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'none'
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown.problem.code
    throw thrown
  }
}

/** What the control plane has acknowledged. */
interface Acknowledged {
  readonly keys: string[]
  readonly objects: string[]
  readonly releases: number[]
}

const WRITES = 300
const CLIENTS = 6

test('kill -9 in the middle of writes loses no acknowledged change, and none is doubled', async () => {
  const acknowledged: Acknowledged = { keys: [], objects: [], releases: [] }
  let [started, done] = [0, 0]
  const killed = until('half of the writes', () => done > WRITES / 2, { everyMs: 1, timeoutMs: 60_000 }).then(
    async () => {
      await controlPlane.kill()
      await controlPlane.restart()
    },
  )
  const writer = async (): Promise<void> => {
    while (started < WRITES) {
      const index = started++
      try {
        await write(client, index, acknowledged)
        done += 1
      } catch (thrown) {
        if (!isExpected(thrown)) throw thrown
        await killed
      }
    }
  }
  await Promise.all([killed, ...Array.from({ length: CLIENTS }, writer)])
  const { keys, objects, releases } = acknowledged
  console.log(`# acknowledged: ${keys.length} keys, ${objects.length} objects, ${releases.length} releases`)

  await assertPresent('select id from api_keys', keys)
  await assertPresent("select kind || '/' || name as id from config_objects", objects)
  const numbers = (await sql<{ number: number }>(database.url, 'select number from releases order by number')).map(
    ({ number }) => number,
  )
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
    'release numbers have no gap and no double',
  )
  for (const number of releases) assert.ok(numbers.includes(number), `release ${number}`)
  assert.equal(new Set(releases).size, releases.length)
  await assertAudited(objects)

  await connected()
  const newest = numbers.at(-1)
  await until('all agents to act on the newest release', async () => {
    const { deliveries } = await client.call('getRelease', { params: { ...SHOP, number: 'live' } })
    return deliveries.length === 3 && deliveries.every(({ release_number }) => release_number === newest)
  })
})

/** One write out of a mix; two of five are publishes. */
async function write(operator: Client, index: number, acknowledged: Acknowledged): Promise<void> {
  if (index % 5 < 2) {
    const body = { consumer: `c-${index % 7}`, create_consumer: true, scopes: ['orders:read'] }
    acknowledged.keys.push((await operator.call('createKey', { params: SHOP, body })).id)
    return
  }
  const name = `w-${index}`
  const object: ConfigDocument = {
    kind: 'service',
    name,
    spec: { owner: 'shop team', targets: [{ url: upstream.url }] },
  }
  await operator.call('applyObjects', { params: SHOP, body: { objects: [object] } })
  acknowledged.objects.push(`service/${name}`)
  if (index % 5 === 2) return
  acknowledged.releases.push((await operator.call('publishRelease', { params: SHOP, body: { comment: name } })).number)
}

/** The kill itself, and what another client was faster with. */
function isExpected(thrown: unknown): boolean {
  if (thrown instanceof ConnectionError) return true
  return (
    thrown instanceof ProblemError && ['nothing_to_publish', 'name_taken', 'draining'].includes(thrown.problem.code)
  )
}

async function assertPresent(query: string, ids: readonly string[]): Promise<void> {
  const present = new Set((await sql<{ id: string }>(database.url, query)).map(({ id }) => id))
  assert.deepEqual(
    ids.filter((id) => !present.has(id)),
    [],
  )
}

/** Each row has the audit entry of its creation, and each such entry its row; each object the entry of its write. */
async function assertAudited(objects: readonly string[]): Promise<void> {
  const audited = async (kind: string, action: string): Promise<string[]> => {
    const rows = await sql<{ id: string }>(
      database.url,
      'select target_id as id from audit_entries where target_kind = $1 and action = $2',
      [kind, action],
    )
    return rows.map(({ id }) => id).toSorted()
  }
  const present = async (table: string): Promise<string[]> =>
    (await sql<{ id: string }>(database.url, `select id from ${table}`)).map(({ id }) => id).toSorted()
  assert.deepEqual(await audited('api_key', 'api_key.create'), await present('api_keys'))
  assert.deepEqual(await audited('release', 'release.publish'), await present('releases'))
  const applied = await sql<{ after: unknown }>(
    database.url,
    "select after from audit_entries where action = 'draft.apply'",
  )
  const text = JSON.stringify(applied)
  assert.deepEqual(
    objects.filter((name) => !text.includes(`"${name.replace('service/', '')}"`) && !text.includes(`"${name}"`)),
    [],
  )
}
