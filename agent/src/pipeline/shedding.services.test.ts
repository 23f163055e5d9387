/**
 * A real service that can do so much, through a real agent, with more load than that.
 */
import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from '#agent/testing/agent.ts'
import { serveNode } from '#agent/testing/node-service.ts'
import type { ConcurrencyState } from '#agent/upstream/overload/concurrency-state.ts'

/** What the service does at once, and how long it takes for each, in milliseconds. */
const SERVERS = 20
const WORK_MS = 100
/** Callers from outside: far more than the service works on. */
const CROWD = 150
/** How long those wait who were refused, in milliseconds. */
const PAUSE_MS = 500
const INSIDE = 3
const LOAD_MS = 4_000
const WAIT_MS_MAX = 60_000

/** Works on so many at once; the others wait in line. */
async function startBusyService() {
  const line: (() => void)[] = []
  const load = { working: 0, arrived: 0, waiting: 0 }
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
    load.arrived += 1
    load.waiting += line.length + load.working
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
  const concurrency = async (): Promise<ConcurrencyState> => {
    const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as {
      services: { concurrency: ConcurrencyState }[]
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
      if (answer.status === 503) await sleep(PAUSE_MS)
    }
    return answers
  })
  // Until the crowd has been noticed, and as few of it wait as the service can do with.
  await until(async () => {
    await sleep(50)
    const { limit, waiting } = await concurrency()
    return limit !== null && limit <= 3 * SERVERS && waiting <= limit
  })
  const inside = Array.from({ length: INSIDE }, async () => {
    const answers: Answer[] = []
    while (isLoaded) answers.push(await ask(sockets, agent.http, '/inside'))
    return answers
  })
  const before = { ...service.load }
  await sleep(LOAD_MS)
  const { load } = service
  const waited = (load.waiting - before.waiting) / (load.arrived - before.arrived)
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
  const served = within.filter(({ status }) => status === 200).length
  const servedOutside = outside.filter(({ status }) => status === 200).length
  assert.ok(served / within.length > 0.8, `${served} of ${within.length}`)
  assert.ok(served / within.length > servedOutside / outside.length, `${servedOutside} of ${outside.length}`)
  // All would be there at once.
  assert.ok(waited < CROWD / 2, `${waited}`)
  const { shed: counted } = await concurrency()
  assert.equal(counted.normal, shed.length)
  assert.equal(counted.high, within.length - served)

  let passedInARow = 0
  await until(async () => {
    passedInARow = (await ask(sockets, agent.http, '/outside')).status === 200 ? passedInARow + 1 : 0
    return passedInARow >= 20
  })
})
