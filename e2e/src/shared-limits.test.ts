/**
 * Four agents of two workers each, one limit for all, and a real Redis that is paused, killed and started again.
 *
 * What is measured is the promise of `errorBound`: over any stretch, the agents together admit no more than the plain
 * model of the limit and the bound that is shown for it. Totals over stretches are compared, whose length is measured
 * around them, so that a busy machine makes the promise wider and never narrower.
 */
import { type CompiledLimit, errorBound, plainLimit } from '@headgate/core'
import { newId } from '@headgate/kit/ids.ts'
import { redisProgram, startTestRedis } from '@headgate/kit/redis-testing.ts'
import assert from 'node:assert/strict'
import { Agent, request as httpRequest } from 'node:http'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type TestAgent, startAgent } from './harness/agent.ts'
import { snapshotBytes, snapshotObject, startFakeControlPlane } from './harness/fake-control-plane.ts'
import { createFolder } from './harness/folder.ts'
import { get } from './harness/http.ts'
import { until } from './harness/until.ts'
import { startUpstream } from './harness/upstream.ts'

const AGENTS = 4
/** Ten times the default: what is promised does not depend on it, and the machine has other work. */
const DEADLINE_MS = 200
/** Twenty a second, eighty at once: less than what is asked for. */
const RATE = { requests: 1_200, window_ms: 60_000, burst: 80 } as const
/** Pause between two requests to each limit, in milliseconds, where agents are fast enough. */
const PAUSE_MS = 15
/** Requests to one limit that may be unanswered at once. */
const IN_FLIGHT_MAX = 16
const MODES = ['each', 'leased'] as const

const program = redisProgram()
const resources = new AsyncDisposableStack()
after(() => resources.disposeAsync())

interface World {
  readonly redis: Awaited<ReturnType<typeof startTestRedis>>
  readonly agents: readonly TestAgent[]
}

async function startWorld(): Promise<World> {
  if (program === undefined) throw new Error('skipped without redis-server')
  const folder = resources.use(await createFolder('shared-limits'))
  const upstream = resources.use(await startUpstream())
  const redis = resources.use(await startTestRedis(program))
  const environmentId = newId('env', Date.now())
  const objects = [
    ...MODES.map((mode) =>
      snapshotObject('policy', `limit-${mode}`, {
        type: 'limit',
        on: { route: mode },
        ...RATE,
        key: ['route'],
        shared: { mode },
      }),
    ),
    snapshotObject('policy', 'open', {
      type: 'access',
      on: { service: 'orders' },
      public: { owner: 'shop team', reason: 'a test needs it' },
    }),
    ...MODES.map((mode) => snapshotObject('route', mode, { service: 'orders', path: `/${mode}`, exposure: 'public' })),
    snapshotObject('service', 'orders', { owner: 'shop team', targets: [{ url: upstream.url }] }),
  ]
  const start = async (name: string): Promise<TestAgent> => {
    const fake = resources.use(await startFakeControlPlane())
    const agent = resources.use(
      await startAgent({
        name,
        joinToken: fake.joinToken,
        directory: folder.path,
        env: {
          HEADGATE_WORKERS: '2',
          HEADGATE_RECORDS_ALLOWED_PER_S: '0',
          HEADGATE_HTTPS_LISTEN: 'off',
          HEADGATE_REDIS_URL: redis.url,
          HEADGATE_REDIS_DEADLINE_MS: String(DEADLINE_MS),
        },
      }),
    )
    await until(`${name} to connect`, () => fake.connected && fake.hellos.length > 0, { timeoutMs: 30_000 })
    await fake.push({ case: 'assignment', value: { environmentIds: [environmentId] } })
    const snapshot = snapshotBytes({ environmentId, number: 1n, objects })
    const outcome = await fake.push({ case: 'snapshot', value: fake.signer.sign(snapshot) })
    assert.deepEqual([outcome.accepted, outcome.reasons], [true, []])
    return agent
  }
  const agents: TestAgent[] = []
  // One after the other: eight threads that read their sources at once would be taken for stuck on two cores.
  for (let index = 1; index <= AGENTS; index++) agents.push(await start(`shared-${index}`))
  await until('all agents to know of each other', async () => {
    const states = await Promise.all(agents.map(storeOf))
    return states.every((store) => store.state === 'up' && store.agents === AGENTS)
  })
  return { redis, agents }
}

interface Store {
  readonly state: string
  readonly agents: number
  readonly calls: number
  readonly call_ms_longest: number
}

async function storeOf(agent: TestAgent): Promise<Store> {
  return ((await get(agent.adminPort, '/state')).json() as { limit_store: Store }).limit_store
}

/** The limit as agents have it. */
function compiled(mode: (typeof MODES)[number]): CompiledLimit {
  const { requests: amount, window_ms: windowMs, burst } = RATE
  return plainLimit({ amount, windowMs, burst, shared: { mode, onFailure: 'local_share' } })
}

/** Requests to one limit, to the agents in turn. */
class Asking {
  readonly outcomes: Record<string, number> = {}
  readonly #kept = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT_MAX })
  readonly #agents: readonly TestAgent[]
  readonly #path: string
  readonly #timer: NodeJS.Timeout
  #sent = 0
  #inFlight = 0

  constructor(agents: readonly TestAgent[], path: string) {
    this.#agents = agents
    this.#path = path
    this.#timer = setInterval(() => this.#ask(), PAUSE_MS)
  }

  get admitted(): number {
    return this.outcomes['200'] ?? 0
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await until('the last answers', () => this.#inFlight === 0)
    this.#kept.destroy()
  }

  #ask(): void {
    const port = this.#agents[this.#sent % this.#agents.length]?.httpPort
    if (this.#inFlight >= IN_FLIGHT_MAX) return
    this.#sent += 1
    this.#inFlight += 1
    const end = (outcome: string): void => {
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
      this.#inFlight -= 1
    }
    const request = httpRequest({ host: '127.0.0.1', port, path: this.#path, agent: this.#kept }, (response) => {
      response.resume()
      response.once('end', () => end(String(response.statusCode)))
    })
    request.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    request.end()
  }
}

test(
  'four agents admit what the limit says together, within its bound, also while Redis is paused, killed and started again',
  { skip: program === undefined && 'no redis-server' },
  async () => {
    const { redis, agents } = await startWorld()
    const startedMs = performance.now()
    const loads = { each: new Asking(agents, '/each'), leased: new Asking(agents, '/leased') }
    const perMs = RATE.requests / RATE.window_ms
    const check = (what: string): void => {
      const elapsedMs = performance.now() - startedMs
      for (const mode of MODES) {
        const { outcomes, admitted: count } = loads[mode]
        // Every answer is a decision about the limit.
        assert.deepEqual(
          Object.keys(outcomes).filter((outcome) => !['200', '429'].includes(outcome)),
          [],
        )
        const bound = errorBound(compiled(mode), AGENTS)
        const most = RATE.burst + perMs * elapsedMs + (what === 'steady' ? bound.over : (bound.whileAway ?? Infinity))
        console.log(`# ${what}, ${mode}: ${count} admitted in ${Math.round(elapsedMs)} ms, ${Math.floor(most)} at most`)
        assert.ok(count <= most, `${mode}, ${what}: ${count} of ${most}`)
      }
    }
    const states = async (): Promise<readonly string[]> =>
      (await Promise.all(agents.map(storeOf))).map(({ state }) => state)

    await sleep(3_500)
    check('steady')
    for (const mode of MODES) assert.ok(loads[mode].admitted >= RATE.burst / 2, mode)
    redis.pause()
    await until('all agents to say so', async () => (await states()).every((state) => state === 'away'))
    await sleep(2_500)
    check('paused')
    redis.resume()
    await until('all agents to be back', async () => (await states()).every((state) => state === 'up'))
    await sleep(3_500)
    check('back after the pause')

    await redis.kill()
    await until('all agents to say so', async () => (await states()).every((state) => state === 'away'))
    for (const agent of agents) assert.ok(await agent.isReady(), 'an agent without Redis is ready')
    await sleep(2_000)
    check('killed')
    await redis.restart()
    await until('all agents to be back', async () => (await states()).every((state) => state === 'up'))
    await sleep(3_500)
    check('back after the kill')

    for (const mode of MODES) await loads[mode].stop()
    const stores = await Promise.all(agents.map(storeOf))
    console.log(`# calls: ${JSON.stringify(stores)}`)
    // The agents' own measure. Beyond the deadline is what a busy machine takes to look at the clock.
    for (const store of stores) assert.ok(store.call_ms_longest < DEADLINE_MS + 400, JSON.stringify(store))
    const metrics = (await get(agents[0]?.adminPort ?? 0, '/metrics')).body
    assert.match(metrics, /^headgate_limit_store_up(?:\{[^}]*\})? 1$/m)
    assert.match(metrics, /^headgate_limit_store_away_total(?:\{[^}]*\})? [1-9][0-9]*$/m)
    const log = agents[0]?.program.output ?? ''
    assert.match(log, /the store of shared limits is away/)
    assert.match(log, /the store of shared limits is back/)
  },
)
