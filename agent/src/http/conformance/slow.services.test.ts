/**
 * A thousand clients of each hostile kind: they are let go, others are served meanwhile, and the memory stays bounded.
 *
 * A file of its own because it takes half a minute and thousands of descriptors. Clients, agent and service share one
 * process, so the bounds on memory and time include what the clients themselves cost.
 */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { HOST } from './cases/case.ts'
import { echo } from './testing/recorder.ts'
import { openStand, type Stand } from './testing/stand.ts'

const CLIENTS = 1_000
/** Where they all come from. Others come from elsewhere: connections to a service are shared by source address. */
const CROWD = '127.0.0.2'
/** Clients that connect at once: more would be about the backlog of the system. */
const AT_ONCE = 100
/** The promise. */
const FREED_MS = 15_000
const MEMORY_MIB = 128
/** What the agent waits for a client in this test, in milliseconds. */
const PATIENCE_MS = 1_500
/** Far fewer than clients, so that they get into each other's way. */
const UPSTREAM_CONNECTIONS = 128
/**
 * Share of other clients' requests that may be late while answers flow that nobody reads: the service shares the process
 * and takes one connection in each of its turns, so who is among the first waits for many that are long.
 */
const LATE_SHARE_MAX = 0.02
const LARGE = 'z'.repeat(65_536)
/** Pieces of an answer that no buffer of the system swallows. */
const PIECES = 256
const PIECE = Buffer.from(LARGE)

interface Kind {
  readonly title: string
  readonly clients: number
  /** Written at once. */
  readonly bytes: string
  /** Written every `DRIP_MS`; empty: nothing more is. */
  readonly drip: string
  readonly reads: boolean
  readonly finally: 'stays' | 'ends' | 'resets'
}

const DRIP_MS = 300

const BASE = { clients: CLIENTS, drip: '', reads: true, finally: 'stays' } as const
/** Whoever reads nothing learns that it was let go when it writes. */
const DEAF = { ...BASE, drip: '\r\n', reads: false } as const
const GET = `GET /x HTTP/1.1\r\n${HOST}\r\n`

const kinds: readonly Kind[] = [
  { ...BASE, title: 'say nothing', bytes: '' },
  { ...BASE, title: 'say a byte of a head now and then', bytes: 'GET / HTTP/1.1\r\nX: ', drip: 'y' },
  { ...BASE, title: 'say a field of a head now and then', bytes: 'GET / HTTP/1.1\r\n', drip: 'X: y\r\n' },
  { ...BASE, title: 'say a blank line now and then', bytes: '\r\n', drip: '\r\n' },
  {
    ...BASE,
    title: 'promise a body and say nothing',
    bytes: `POST /x HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`,
  },
  {
    ...BASE,
    title: 'say a byte of a body now and then',
    bytes: `POST /x HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`,
    drip: 'y',
  },
  {
    ...BASE,
    title: 'say a chunk now and then',
    bytes: `POST /x HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`,
    drip: '1\r\ny\r\n',
  },
  {
    ...BASE,
    title: 'ask to continue and say nothing',
    bytes: `POST /x HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n`,
  },
  {
    ...BASE,
    title: 'say a byte of a refused body now and then',
    bytes: `POST /%2e HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`,
    drip: 'y',
  },
  { ...BASE, title: 'ask once and stay', bytes: GET },
  { ...DEAF, title: 'ask for much and read nothing', bytes: `GET /huge HTTP/1.1\r\n${HOST}\r\n` },
  // Fewer: what the system's buffers swallow of their answers, 2 MiB each, costs the service in this process dearly.
  {
    ...DEAF,
    title: 'ask 200 times for much and read nothing',
    clients: 200,
    bytes: `GET /large HTTP/1.1\r\n${HOST}\r\n`.repeat(200),
  },
  { ...BASE, title: 'end in the middle of a head', bytes: 'GET / HTTP/1.1\r\nHo', finally: 'ends' },
  {
    ...BASE,
    title: 'end in the middle of a body',
    bytes: `POST /x HTTP/1.1\r\n${HOST}Content-Length: 100\r\n\r\nabc`,
    finally: 'ends',
  },
  { ...BASE, title: 'ask and end', bytes: GET, finally: 'ends' },
  { ...BASE, title: 'ask and reset', bytes: GET, finally: 'resets' },
  {
    ...BASE,
    title: 'reset in the middle of a body',
    bytes: `POST /x HTTP/1.1\r\n${HOST}Content-Length: 100\r\n\r\nabc`,
    finally: 'resets',
  },
]

interface Crowd {
  /** Connections that the agent has not let go. */
  left(): number
  leave(): void
}

function open(url: URL, kind: Kind, onGone: () => void): Socket {
  const socket = connect({ host: url.hostname, port: Number(url.port), localAddress: CROWD, noDelay: true })
  socket.on('error', () => {})
  socket.on('close', onGone)
  if (kind.reads) socket.on('end', onGone).resume()
  else socket.pause()
  if (kind.reads) socket.on('connect', () => ask(socket, kind))
  return socket
}

function ask(socket: Socket, kind: Kind): void {
  socket.write(kind.bytes, 'latin1', () => {
    if (kind.finally === 'ends') socket.end()
    if (kind.finally === 'resets') setTimeout(() => socket.resetAndDestroy(), 20)
  })
}

async function gather(stand: Stand, kind: Kind): Promise<Crowd> {
  const url = new URL(stand.agent.http)
  const gone = new Set<Socket>()
  const sockets: Socket[] = []
  for (let made = 0; made < kind.clients; made += AT_ONCE) {
    for (let index = 0; index < AT_ONCE; index++) {
      const socket: Socket = open(url, kind, () => gone.add(socket))
      sockets.push(socket)
    }
    await sleep(10)
    // The runtime takes one connection in each turn: whoever comes behind the crowd would wait for its turns only.
    for (let turn = 0; turn < AT_ONCE; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
  if (!kind.reads) for (const socket of sockets) ask(socket, kind)
  const drip = setInterval(() => {
    for (const socket of sockets) {
      if (kind.drip !== '' && socket.writable && !gone.has(socket)) socket.write(kind.drip, 'latin1')
    }
  }, DRIP_MS)
  return {
    left: () => sockets.length - gone.size,
    leave: () => {
      clearInterval(drip)
      for (const socket of sockets) socket.destroy()
    },
  }
}

interface Probes {
  /** Milliseconds of each answer. */
  readonly times: readonly number[]
  /** What was wrong with those that were not answered well. */
  readonly failed: readonly string[]
}

/** Asks again and again until it is told to stop. */
async function probeUntil(stand: Stand, stopped: () => boolean): Promise<Probes> {
  const times: number[] = []
  const failed: string[] = []
  while (!stopped()) {
    const startedMs = performance.now()
    const odd = await stand.probe()
    times.push(performance.now() - startedMs)
    if (odd !== null) failed.push(odd)
    await sleep(20)
  }
  return { times: times.toSorted((a, b) => a - b), failed }
}

/** The memory of the process without what a collection frees: the least of a few looks, in MiB. */
async function memoryMib(): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let look = 0; look < 3; look++) {
    least = Math.min(least, process.memoryUsage.rss() / 1_048_576)
    await sleep(5)
  }
  return least
}

/** Sockets of the agent's side: what the service and the clients do not hold themselves. */
async function serviceIsFree(stand: Stand): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < FREED_MS; waitedMs += 50) {
    if (stand.service.unfinished() === 0) return true
    await sleep(50)
  }
  return false
}

/** As fast as it is taken, so that the service's own memory does not count. */
function sendHuge(socket: Socket): null {
  let left = PIECES
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${PIECES * PIECE.length}\r\n\r\n`)
  const more = (): void => {
    while (left > 0 && socket.writable) {
      left -= 1
      if (!socket.write(PIECE)) {
        socket.once('drain', more)
        return
      }
    }
  }
  more()
  return null
}

let stand: Stand

before(async () => {
  stand = await openStand({
    settings: {
      headTimeoutMs: PATIENCE_MS,
      clientIdleMs: PATIENCE_MS,
      keepAliveMs: PATIENCE_MS,
      connectionsMax: 10 * CLIENTS,
      connectionsPerSourceMax: 0,
      upstreamConnectionsMax: UPSTREAM_CONNECTIONS,
      recordsAllowedPerS: 0,
    },
    answer: (seen, connection) => {
      if (seen.target === '/huge') return sendHuge(connection.socket)
      return seen.target === '/large'
        ? `HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n${LARGE}`
        : echo(seen)
    },
  })
  for (let warm = 0; warm < 50; warm++) assert.equal(await stand.probe(), null)
})

after(async () => await stand[Symbol.asyncDispose]())

for (const kind of kinds) {
  test(`${kind.clients} clients that ${kind.title} are let go, and others are served`, async (t) => {
    const memoryBefore = await memoryMib()
    const startedMs = performance.now()
    const crowd = await gather(stand, kind)
    let isOver = false
    const probing = probeUntil(stand, () => isOver)
    let memoryMost = 0
    while (crowd.left() > 0 && performance.now() - startedMs < FREED_MS) {
      memoryMost = Math.max(memoryMost, await memoryMib())
      await sleep(50)
    }
    const [left, tookMs] = [crowd.left(), performance.now() - startedMs]
    isOver = true
    crowd.leave()
    const { times, failed } = await probing
    const p99 = times[Math.floor(times.length * 0.99)] ?? 0
    t.diagnostic(
      `freed in ${Math.round(tookMs)} ms; ${times.length} probes, p99 ${Math.round(p99)} ms; +${Math.round(memoryMost - memoryBefore)} MiB`,
    )
    const most = kind.reads ? 0 : Math.ceil(LATE_SHARE_MAX * times.length)
    assert.ok(failed.length <= most, `${failed.length} of ${times.length} probes failed: ${failed[0]?.slice(0, 500)}`)
    assert.equal(left, 0, `${left} connections are held after ${FREED_MS} ms`)
    assert.ok(memoryMost - memoryBefore < MEMORY_MIB, `+${Math.round(memoryMost - memoryBefore)} MiB`)
    assert.ok(await serviceIsFree(stand), 'a half request is left at the service')
    assert.deepEqual(stand.service.violations, [])
    stand.service.forget()
    assert.equal(stand.agent.app.slots.malformed.get('internal_error'), undefined)
  })
}
