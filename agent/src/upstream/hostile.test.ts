/**
 * A service that does everything wrong, under load, next to one that does not.
 *
 * The bar: the right status in time, nobody waits for ever, each request is told once, and callers of the other service
 * notice nothing.
 */
import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from '#agent/testing/agent.ts'
import { openRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'

/** What the agent waits for a service that is to be too slow, and for one that is to be in time on any machine. */
const TIMES = {
  short: { response_timeout_ms: 500, request_timeout_ms: 1_000 },
  long: { response_timeout_ms: 30_000, request_timeout_ms: 60_000 },
}
/** Callers of the hostile service at a time, and requests of each. */
const CALLERS = 8
const REQUESTS = 3
/** Within this every caller of the hostile service must have an end: times, second attempts, and a busy machine. */
const PATIENCE_MS = 25_000

/** `end`: the connection ended before the response was whole. */
type Outcome = number | 'end'

interface Way {
  readonly title: string
  /** What is done when a request has arrived. */
  readonly act: (socket: Socket) => void
  /** The agent gives it the short times: it is to be too slow. */
  readonly isSlow?: true
  /** The first one happens; others may. */
  readonly outcomes: readonly Outcome[]
}

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

function every(socket: Socket, ms: number, write: () => void): void {
  const timer = setInterval(() => {
    if (socket.writable) write()
  }, ms)
  socket.on('close', () => clearInterval(timer))
}

const ways: readonly Way[] = [
  { title: 'resets', act: (socket) => socket.resetAndDestroy(), outcomes: [502] },
  { title: 'hangs', act: () => {}, isSlow: true, outcomes: [504] },
  {
    title: 'drips its head',
    act: (socket) => {
      const head = 'HTTP/1.1 200 OK\r\nx: y'
      let at = 0
      every(socket, 10, () => socket.write(head[at++] ?? 'y'))
    },
    isSlow: true,
    outcomes: [504],
  },
  {
    title: 'drips its body',
    act: (socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
      every(socket, 10, () => socket.write('x'))
    },
    isSlow: true,
    // On a busy machine even its head may be late.
    outcomes: ['end', 504],
  },
  {
    title: 'promises more than it sends',
    act: (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'),
    outcomes: ['end'],
  },
  {
    title: 'sends more than it promises',
    act: (socket) => socket.write(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong`),
    outcomes: [200],
  },
  {
    title: 'floods interim responses',
    act: (socket) => every(socket, 1, () => socket.write('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n'.repeat(50))),
    outcomes: [502],
  },
  {
    title: 'closes connections just as they are used again',
    act: (socket) => {
      socket.write(OK)
      setTimeout(() => socket.destroy(), 1)
    },
    outcomes: [200],
  },
]

/** One caller: so many requests, one after the other. */
async function call(url: string, path: string, requests: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  while (outcomes.length < requests) {
    await using client = await openRaw(url)
    try {
      while (outcomes.length < requests) {
        client.write(`GET ${path} HTTP/1.1\r\nHost: api.example.com\r\n\r\n`)
        let response = await client.read()
        while (response.status < 200) response = await client.read()
        outcomes.push(response.status)
      }
    } catch {
      outcomes.push('end')
    }
  }
  return outcomes
}

test('a hostile service ends as it should and in time, and harms no caller of another one', async (t) => {
  let act: Way['act'] = () => {}
  const hostile = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => act(socket))
  })
  await new Promise<void>((resolve) => {
    hostile.listen(0, '127.0.0.1', () => resolve())
  })
  await using calm = await startService()
  const { port } = hostile.address() as AddressInfo
  const service = (name: string, url: string, spec: object) => ({
    kind: 'service',
    name,
    spec: { owner: 'team', targets: [{ url }], ...spec },
  })
  // A usual budget would be used up by the first of the ways, and the others be judged without one.
  const retries = { budget_percent: 100 }
  await using agent = await startAgent({
    settings: { recordsAllowedPerS: 1_000_000 },
    objects: [
      service('slow', `http://127.0.0.1:${port}`, { ...TIMES.short, retries }),
      service('hostile', `http://127.0.0.1:${port}`, { ...TIMES.long, retries }),
      service('refusing', 'http://127.0.0.1:1', { ...TIMES.long, retries }),
      service('calm', calm.url, {}),
      ...['slow', 'hostile', 'refusing', 'calm'].map((name) => ({
        kind: 'route',
        name,
        spec: { service: name, path: `/${name}` },
      })),
      {
        kind: 'policy',
        name: 'open',
        spec: { type: 'access', on: { environment: true }, public: { owner: 'team', reason: 'a test' } },
      },
    ],
  })

  /** Calls the calm service until told to stop. @returns how long each request took, in milliseconds, in order. */
  async function watch(stopped: () => boolean): Promise<number[]> {
    const took: number[] = []
    await using client = await openRaw(agent.http)
    while (!stopped()) {
      const startedMs = performance.now()
      client.write('GET /calm HTTP/1.1\r\nHost: api.example.com\r\n\r\n')
      assert.equal((await client.read()).status, 200)
      took.push(performance.now() - startedMs)
      await sleep(1)
    }
    return took.toSorted((a, b) => a - b)
  }

  const all: Way[] = [...ways, { title: 'refuses', act: () => {}, outcomes: [502] }]
  for (const way of all) {
    await t.test(way.title, async () => {
      act = way.act
      const path = way.title === 'refuses' ? '/refusing' : way.isSlow === true ? '/slow' : '/hostile'
      const before = agent.records.length
      let stopped = false
      const calmly = watch(() => stopped)
      const startedMs = performance.now()
      const outcomes = await Promise.all(
        Array.from({ length: CALLERS }, async () => await call(agent.http, path, REQUESTS)),
      )
      const tookMs = performance.now() - startedMs
      stopped = true
      const calmMs = await calmly
      const seen = new Set(outcomes.flat())
      assert.ok(
        seen.has(way.outcomes[0] ?? 0) && seen.isSubsetOf(new Set(way.outcomes)),
        `${[...seen].join(' and ')} instead of ${way.outcomes.join(' or ')}`,
      )
      assert.ok(tookMs < PATIENCE_MS, `${tookMs} ms`)
      // Its callers share a process and a machine with everybody else here: only a stall would be told by this.
      const p99 = calmMs[Math.floor(calmMs.length * 0.99)] ?? 0
      assert.ok(p99 < 2_000, `${p99} ms`)
      const records = agent.records.slice(before).filter((record) => record.path === path)
      assert.equal(records.length, CALLERS * REQUESTS)
    })
  }

  await t.test('and nothing is left of it', async () => {
    act = (socket) => void socket.write(OK)
    assert.deepEqual(await call(agent.http, '/hostile', 3), [200, 200, 200])
    const open = await new Promise<number>((resolve) => {
      hostile.getConnections((_error, count) => resolve(count))
    })
    assert.ok(open <= 2, `${open} connections`)
  })
  hostile.close()
})
