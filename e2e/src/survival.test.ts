/**
 * What agents survive: `kill -9` of everything behind them, under load. The steps build on each other and run in order.
 *
 * @module
 */
import { ProblemError } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from './harness/agent.ts'
import { createKey, limit, orders, release } from './harness/configuration.ts'
import { type LoadResult, startLoad } from './harness/load.ts'
import { startKillableDatabase } from './harness/postgres.ts'
import { Program } from './harness/program.ts'
import { SHOP, startStack } from './harness/stack.ts'
import { until } from './harness/until.ts'

/** How long each part stays away under load, in milliseconds. */
const OUTAGE_MS = 3_000

/** The promise: from the start of the process to the first answered request, in milliseconds. */
const COLD_START_MS = 2_000

/** Where the program alone takes long to be loaded, the promise is this many times what that takes. */
const COLD_START_LOADS = 6

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
  const loadMs = await loadingMs()
  third.restart()
  await until('the restarted agent to serve', async () => (await third.get('/orders/1', headers)).status === 200, {
    everyMs: 10,
  })
  const coldStartMs = performance.now() - third.program.startedAtMs
  console.log(
    `# an agent serves ${Math.round(coldStartMs)} ms after its start, with nothing behind it; it is loaded in ${Math.round(loadMs)} ms`,
  )
  assert.equal((await third.get('/orders/1')).status, 401)

  await sleep(OUTAGE_MS)
  assertNoLoss(await load.stop())
  const boundMs = Math.max(COLD_START_MS, COLD_START_LOADS * loadMs)
  assert.ok(coldStartMs < boundMs, `it took ${coldStartMs} ms of ${boundMs} ms`)
})

/** How long this machine takes now to load the program of an agent, in milliseconds. */
async function loadingMs(): Promise<number> {
  const program = new Program({ name: 'version', script: 'agent/src/main.ts', args: ['--version'], env: {} })
  program.start()
  await program.exited
  return performance.now() - program.startedAtMs
}

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
