/**
 * Bounds by source on real sockets: whatever is spoken, and whatever carries it.
 */
import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BroadcastChannel } from 'node:worker_threads'
import { connect as connectTls } from 'node:tls'
import { parseAddressRanges } from '@headgate/core'
import type { AgentSettings } from '#agent/config.ts'
import { openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import type { Fault } from '#agent/testing/faulty-thread.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { ca, certificate, issue, shake } from '#agent/testing/tls.ts'
import { startThreads } from '#agent/testing/threads.ts'
import { whyNoRing } from './uring/testing/ring-here.ts'

const noRing = await whyNoRing()
const keyed = await issue('one.test')
const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'
const MOST = 5

/** What became of a connection. */
interface Tried {
  readonly socket: Socket
  /** Resolves to why it ended: `reset`, or `ended`. */
  readonly over: Promise<'reset' | 'ended'>
}

/** Whatever error came before. */
async function closed(emitter: EventEmitter): Promise<void> {
  await new Promise<void>((resolve) => emitter.once('close', () => resolve()))
}

/** @param from address of this machine. */
async function open(url: string, from = '127.0.0.1'): Promise<Tried> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port), localAddress: from })
  let isReset = false
  socket.on('error', (error: NodeJS.ErrnoException) => (isReset ||= error.code === 'ECONNRESET'))
  const over = closed(socket).then(() => (isReset ? 'reset' : 'ended'))
  // A connection that is reset at once may never be told to be there.
  await Promise.race([once(socket, 'connect').catch(() => {}), over])
  return { socket: socket.resume(), over }
}

async function isOver({ over }: Tried): Promise<boolean> {
  return await Promise.race([over.then(() => true), sleep(300).then(() => false)])
}

async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    assert.ok(looks < 1_000)
    await sleep(5)
  }
}

async function startTls(url: string, settings: Partial<AgentSettings>): Promise<TestAgent> {
  const agent = await startAgent({ settings })
  setRelease(agent.app.live, [...openRelease(url), await certificate('one', 'one.test', keyed)])
  await agent.app.certificates.settled()
  return agent
}

const refused = (agent: TestAgent, what: string): number => agent.app.slots.events.get(`source_refused  ${what}`) ?? 0

for (const [io, listener, skip] of [
  ['net', 'http', false],
  ['net', 'https', false],
  ['net', 'h2c', false],
  ['uring', 'http', noRing],
] as const) {
  test(
    `${listener} over ${io}: what one address has beyond its bound is reset, and others are served`,
    { skip },
    async () => {
      await using agent = await startAgent({ settings: { io, connectionsPerSourceMax: MOST } })
      const url = agent[listener]
      const held: Tried[] = []
      for (let count = 0; count < MOST; count++) held.push(await open(url))
      await until(() => !held.some(({ socket }) => socket.connecting))
      const beyond = await open(url)
      assert.equal(await beyond.over, 'reset')
      assert.equal(refused(agent, 'connection'), 1)
      assert.match(agent.logged(), /as many connections as one may/)
      const other = await open(url, '127.0.0.2')
      assert.equal(await isOver(other), false)
      for (const one of held) assert.equal(one.socket.destroyed, false)
      // What has ended makes room.
      for (const { socket } of [...held, other]) socket.destroy()
      await sleep(100)
      const again = await open(url)
      assert.equal(await isOver(again), false)
      again.socket.destroy()
    },
  )
}

test('connections of one address count together, whichever listener they came to', async () => {
  await using agent = await startAgent({ settings: { connectionsPerSourceMax: 2 } })
  const [first, second] = [await open(agent.http), await open(agent.https)]
  assert.equal(await (await open(agent.h2c)).over, 'reset')
  for (const { socket } of [first, second]) socket.destroy()
})

for (const [io, skip] of [
  ['net', false],
  ['uring', noRing],
] as const) {
  test(`${io}: connections that were used and ended leave no count behind, HTTP/2 among them`, { skip }, async () => {
    await using service = await startService()
    await using agent = await startAgent({
      objects: openRelease(service.url),
      settings: { io, httpH2c: true, connectionsPerSourceMax: MOST },
    })
    for (let count = 0; count < 4 * MOST; count++) {
      assert.equal((await sendRaw(agent.http, GET)).status, 200)
      const session = connectHttp2(agent.http)
      const stream = session.request({ ':path': '/', ':authority': 'api.example.com' })
      const [fields] = (await once(stream, 'response')) as [Record<string, unknown>]
      assert.equal(fields[':status'], 200)
      session.destroy()
      // The agent notices the end a moment later.
      await sleep(20)
    }
    assert.equal(refused(agent, 'connection'), 0)
  })
}

test('handshakes that were made and ended leave no count behind', async () => {
  await using service = await startService()
  await using agent = await startTls(service.url, { connectionsPerSourceMax: MOST })
  for (let count = 0; count < 4 * MOST; count++) {
    assert.equal((await shake(agent.https, 'one.test')).status, 200)
    await sleep(10)
  }
  assert.equal(refused(agent, 'connection'), 0)
})

test('a declared proxy may have as many connections as there are, and those behind it are not refused', async () => {
  await using agent = await startAgent({
    settings: { connectionsPerSourceMax: 1, trustedProxies: parseAddressRanges(['127.0.0.0/8']) },
  })
  const held = [await open(agent.http), await open(agent.http), await open(agent.http)]
  for (const one of held) assert.equal(await isOver(one), false)
  for (const { socket } of held) socket.destroy()
})

// Else a client would have a hundred times as many requests under way by speaking HTTP/2.
test('streams of HTTP/2 count beside connections, and the one too many is refused so that it may be sent again', async () => {
  await using service = await startService(() => null)
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { connectionsPerSourceMax: 4 } })
  const session = connectHttp2(agent.h2c).on('error', () => {})
  const streams = Array.from({ length: 4 }, () => session.request({ ':path': '/', ':authority': 'api.example.com' }))
  for (const stream of streams) stream.on('error', () => {})
  const last = streams[3]
  assert.ok(last !== undefined)
  await closed(last)
  // REFUSED_STREAM.
  assert.equal(last.rstCode, 7)
  assert.equal(refused(agent, 'stream'), 1)
  assert.equal(await (await open(agent.http)).over, 'reset')
  // A stream that ends makes room.
  streams[0]?.close(8)
  await sleep(200)
  const next = await open(agent.http)
  assert.equal(await isOver(next), false)
  next.socket.destroy()
  session.destroy()
})

test('handshakes of one address beyond their rate are reset before they begin, and others are made', async () => {
  await using service = await startService()
  await using agent = await startTls(service.url, { handshakesPerSourcePerS: 1, handshakesPerSourceBurst: 3 })
  for (let count = 0; count < 3; count++) assert.equal((await shake(agent.https, 'one.test')).status, 200)
  await assert.rejects(shake(agent.https, 'one.test'))
  assert.equal(agent.app.slots.events.get('handshake_refused  source'), 1)
  // Plain connections make no handshake.
  assert.equal((await sendRaw(agent.http, GET)).status, 200)
  const { hostname: host, port } = new URL(agent.https)
  const from = { host, port: Number(port), localAddress: '127.0.0.2', servername: 'one.test', ca }
  const other = connectTls(from)
  await once(other, 'secureConnect')
  other.destroy()
  await sleep(1_100)
  assert.equal((await shake(agent.https, 'one.test')).status, 200)
})

test('threads count together, and one that dies gives back what it held', async () => {
  const entry = new URL('../testing/faulty-thread.ts', import.meta.url)
  await using agent = await startThreads({ workers: 2, connectionsPerSourceMax: 8 }, entry)
  // The kernel deals them out.
  const held = await Promise.all(Array.from({ length: 8 }, async () => await open(agent.http)))
  for (const one of held) assert.equal(await isOver(one), false)
  assert.equal(await (await open(agent.http)).over, 'reset')
  const faults = new BroadcastChannel('faults')
  for (const worker of [1, 2]) faults.postMessage({ worker, what: 'exit' } satisfies Fault)
  for (const { over } of held) await over
  faults.close()
  const isServing = async (): Promise<boolean> => {
    const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as { workers: { state: string }[] }
    return state.workers.filter((worker) => worker.state === 'serving').length === 2
  }
  for (let looks = 0; !(await isServing()); looks++) {
    assert.ok(looks < 1_000)
    await sleep(10)
  }
  // Those that serve may be the ones that are about to end.
  let again: Tried[] = []
  for (let looks = 0; ; looks++) {
    assert.ok(looks < 50)
    again = await Promise.all(Array.from({ length: 8 }, async () => await open(agent.http)))
    const over = await Promise.all(again.map(isOver))
    if (!over.includes(true)) break
    for (const { socket } of again) socket.destroy()
    await sleep(100)
  }
  assert.equal(await (await open(agent.http)).over, 'reset')
  for (const { socket } of again) socket.destroy()
})
