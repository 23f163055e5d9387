/**
 * The serving threads of an agent, from outside: what a rolling restart, an end and a large release cost those who call.
 *
 * The steps build on each other and run in order.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startAgent } from './harness/agent.ts'
import { snapshotBytes, snapshotObject, startFakeControlPlane } from './harness/fake-control-plane.ts'
import { createFolder } from './harness/folder.ts'
import { get } from './harness/http.ts'
import { type LoadResult, startLoad } from './harness/load.ts'
import { until } from './harness/until.ts'
import { startUpstream } from './harness/upstream.ts'

/** Half of them on new connections. A machine that does nothing else takes 1,000 as well. */
const RATE_PER_S = 400

const resources = new AsyncDisposableStack()
after(() => resources.disposeAsync())
const folder = resources.use(await createFolder('workers'))
const upstream = resources.use(await startUpstream())
const fake = resources.use(await startFakeControlPlane())
const agent = resources.use(
  await startAgent({
    name: 'threaded',
    joinToken: fake.joinToken,
    directory: folder.path,
    env: { HEADGATE_WORKERS: '2', HEADGATE_RECORDS_ALLOWED_PER_S: '0' },
  }),
)
await until('the agent to connect', () => fake.connected && fake.hellos.length > 0)

const environmentId = newId('env', Date.now())
let number = 0n

/** Publishes so many more routes beside the open one; resolves with the agent's answer. */
async function publish(more = 0): Promise<void> {
  number += 1n
  const routes = Array.from({ length: more }, (_, index) =>
    snapshotObject('route', `r${String(index).padStart(5, '0')}`, {
      service: 'orders',
      path: `/other/${index % 100}/${index}/{id}`,
    }),
  )
  const objects = [
    snapshotObject('policy', 'open', {
      type: 'access',
      on: { service: 'orders' },
      public: { owner: 'shop team', reason: 'a test needs it' },
    }),
    snapshotObject('route', 'orders', { service: 'orders', path: '/orders', match: 'prefix' }),
    ...routes,
    snapshotObject('service', 'orders', { owner: 'shop team', targets: [{ url: upstream.url }] }),
  ]
  const snapshot = snapshotBytes({ environmentId, number, objects })
  const outcome = await fake.push({ case: 'snapshot', value: fake.signer.sign(snapshot) })
  assert.deepEqual([outcome.accepted, outcome.reasons], [true, []])
}

await fake.push({ case: 'assignment', value: { environmentIds: [environmentId] } })
await publish()

interface State {
  readonly workers: readonly { readonly state: string; readonly up_ms: number }[]
}

async function workers(): Promise<State['workers']> {
  return ((await get(agent.adminPort, '/state')).json() as State).workers
}

function startLoadOn(port: number) {
  return startLoad({ ratePerS: RATE_PER_S, targets: [{ host: '127.0.0.1', port, path: '/orders/1' }] })
}

function show(what: string, { sent, p50Ms, p99Ms, maxMs, seconds }: LoadResult): void {
  console.log(`# ${what}: ${sent} requests in ${seconds} s, p50 ${p50Ms} ms, p99 ${p99Ms} ms, max ${maxMs} ms`)
}

test('two threads serve, and /state says so without any secret', async () => {
  assert.deepEqual(
    (await workers()).map(({ state }) => state),
    ['serving', 'serving'],
  )
  const text = (await get(agent.adminPort, '/state')).body
  assert.ok(!text.includes(fake.joinToken) && !/PRIVATE|hgj_|hgk_/.test(text))
})

test('not one request fails while all threads are replaced under load', async () => {
  const load = startLoadOn(agent.httpPort)
  await until('load to flow', () => load.result().answered > 300)
  const startedAtMs = performance.now()
  process.kill(agent.program.pid, 'SIGHUP')
  await until(
    'both threads to be new',
    async () => {
      const age = performance.now() - startedAtMs
      const now = await workers()
      return now.length === 2 && now.every(({ state, up_ms: upMs }) => state === 'serving' && upMs < age)
    },
    { timeoutMs: 30_000 },
  )
  const result = await load.stop()
  show('replacing all threads', result)
  assert.deepEqual(result.outcomes, { 200: result.sent })
})

test('a release of ten thousand routes acts on every thread when it is acknowledged, and no request fails', async () => {
  const load = startLoadOn(agent.httpPort)
  await until('load to flow', () => load.result().answered > 300)
  await publish(10_000)
  for (let index = 0; index < 20; index++) assert.equal((await agent.get(`/other/99/9999/${index}`)).status, 200)
  await until('load to go on', () => load.result().seconds > 4)
  const result = await load.stop()
  show('publishing 10,000 routes', result)
  assert.deepEqual(result.outcomes, { 200: result.sent })
})

test('at its end, whatever was taken is answered', async () => {
  const load = startLoadOn(agent.httpPort)
  await until('load to flow', () => load.result().answered > 300)
  const exit = await agent.program.end('SIGTERM')
  const result = await load.stop()
  show('ending', result)
  assert.deepEqual(exit, { code: 0, signal: null })
  // A connection that is refused was never taken: a balancer goes elsewhere.
  const { ECONNREFUSED: refused = 0, 200: answered = 0, ...others } = result.outcomes
  assert.deepEqual(others, {})
  assert.equal(answered + refused, result.sent)
})
