/**
 * A real service that can do so much, through a real agent, with more load than that.
 */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from '#agent/testing/agent.ts'
import { serveNode } from '#agent/testing/node-service.ts'

/** What the service does at once, and how long it takes for each, in milliseconds. */
const SERVERS = 10
const WORK_MS = 40
/** Callers from outside: twenty times as many as the service works on. */
const CROWD = 200
const INSIDE = 4
const LOAD_MS = 6_000
const WAIT_MS_MAX = 30_000

/** Works on so many at once; the others wait in line. */
async function startBusyService() {
  const line: (() => void)[] = []
  const load = { working: 0, peak: 0 }
  const next = (): void => {
    if (load.working >= SERVERS) return
    const work = line.shift()
    if (work === undefined) return
    load.working += 1
    setTimeout(() => {
      load.working -= 1
      work()
      next()
    }, WORK_MS)
  }
  const server = await serveNode((_, response) => {
    line.push(() => response.end('ok'))
    load.peak = Math.max(load.peak, line.length + load.working)
    next()
  })
  return { ...server, load, [Symbol.asyncDispose]: async () => await server[Symbol.asyncDispose]() }
}

interface Answer {
  readonly status: number
  readonly code: string
  readonly retryAfter: string | undefined
}

async function ask(agent: Agent, url: string, path: string): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request(`${url}${path}`, { agent, headers: { host: 'api.example.com' } }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => (body += text))
      response.on('end', () => {
        const code = /"code":"([a-z_]+)"/.exec(body)?.[1] ?? ''
        resolve({ status: response.statusCode ?? 0, code, retryAfter: response.headers['retry-after'] })
      })
    })
    asked.on('error', reject).end()
  })
}

const OBJECTS = (url: string) => [
  {
    kind: 'service',
    name: 'shop',
    spec: { owner: 'team', targets: [{ url }], overload: { concurrency_min: SERVERS } },
  },
  { kind: 'route', name: 'outside', spec: { service: 'shop', path: '/outside', exposure: 'public' } },
  { kind: 'route', name: 'inside', spec: { service: 'shop', path: '/inside', exposure: 'internal' } },
  {
    kind: 'policy',
    name: 'open',
    spec: { type: 'access', on: { environment: true }, public: { owner: 'team', reason: 'a test' } },
  },
]

test('503 load_shed goes to the crowd outside while callers inside keep their share, the service is spared, and all pass again', async (t) => {
  await using service = await startBusyService()
  await using agent = await startAgent({
    objects: OBJECTS(service.url),
    // All is on one thread here, and it may be late.
    settings: { overloadDelayMs: 0, adminListen: { host: '127.0.0.1', port: 0 } },
  })
  const sockets = new Agent({ keepAlive: true })
  t.after(() => sockets.destroy())
  const concurrency = async (): Promise<{
    state: string
    baseline_ms: number | null
    shed: Record<string, number>
  }> => {
    const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as {
      services: { concurrency: { state: string; baseline_ms: number | null; shed: Record<string, number> } }[]
    }
    const [shop] = state.services
    assert.ok(shop !== undefined)
    return shop.concurrency
  }
  const until = async (what: () => Promise<boolean>): Promise<void> => {
    const endMs = performance.now() + WAIT_MS_MAX
    while (!(await what())) assert.ok(performance.now() < endMs, 'it took too long')
  }

  // So that is known what answers take when nobody waits.
  await until(async () => {
    await Promise.all(Array.from({ length: SERVERS / 2 }, async () => await ask(sockets, agent.http, '/outside')))
    return (await concurrency()).baseline_ms !== null
  })

  let isLoaded = true
  const crowd = Array.from({ length: CROWD }, async () => {
    const answers: Answer[] = []
    while (isLoaded) {
      const answer = await ask(sockets, agent.http, '/outside')
      answers.push(answer)
      if (answer.status === 503) await sleep(250)
    }
    return answers
  })
  // Until the crowd has been noticed.
  await until(async () => {
    await sleep(50)
    return (await concurrency()).state === 'throttled'
  })
  const inside = Array.from({ length: INSIDE }, async () => {
    const answers: Answer[] = []
    while (isLoaded) answers.push(await ask(sockets, agent.http, '/inside'))
    return answers
  })
  await sleep(LOAD_MS / 2)
  service.load.peak = 0
  await sleep(LOAD_MS / 2)
  const { peak } = service.load
  isLoaded = false
  const outside = (await Promise.all(crowd)).flat()
  const within = (await Promise.all(inside)).flat()

  const shed = outside.filter(({ code }) => code === 'load_shed')
  assert.ok(shed.length > 100, `${shed.length}`)
  assert.ok(shed.every(({ status, retryAfter }) => status === 503 && /^[1-4]$/.test(retryAfter ?? '')))
  assert.ok(
    outside.every(({ status, code }) => status === 200 || code === 'load_shed'),
    'nothing else is refused',
  )
  // Somebody of the crowd is served all the time.
  assert.ok(outside.filter(({ status }) => status === 200).length > 50)
  const served = within.filter(({ status }) => status === 200).length
  assert.ok(served / within.length > 0.95, `${served} of ${within.length}`)
  // Of two hundred that would, so many are there at once: what the service works on, and a short line.
  assert.ok(peak < 6 * SERVERS, `${peak}`)
  const { shed: counted } = await concurrency()
  assert.equal(counted['normal'], shed.length)
  assert.equal(counted['high'], within.length - served)

  let passedInARow = 0
  await until(async () => {
    passedInARow = (await ask(sockets, agent.http, '/outside')).status === 200 ? passedInARow + 1 : 0
    return passedInARow >= 20
  })
})
