/**
 * The engine on real sockets, with wrapped handles and without, plain and TLS: the same bytes, and the same patience.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { createServer as createSecureServer, request as requestSecure } from 'node:https'
import { connect as connectHttp2, performServerHandshake } from 'node:http2'
import { type AddressInfo, connect, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { pem } from '@headgate/kit/pki.ts'
import { Arena } from '#agent/http/arena.ts'
import { createEngine, createSharedParts } from '#agent/http/engine.ts'
import { testSettings } from '#agent/testing/agent.ts'
import { ca, issue } from '#agent/testing/tls.ts'
import { serviceReference, upstreamsOptions } from '#agent/testing/upstream.ts'
import { createUpstreams } from '#agent/upstream/forward.ts'
import { admissionMemoryFor, createAdmission } from './admission.ts'
import { canWrapHandles } from './handles.ts'
import { listenHttp } from './listeners.ts'
import { NetIo } from './net-io.ts'

const MIB = 1024 * 1024

const keyed = await issue('localhost')
const identity = { cert: pem('CERTIFICATE', keyed.certificate), key: pem('PRIVATE KEY', keyed.privateKey) }

async function listen(server: Server, scheme: string): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `${scheme}://localhost:${(server.address() as AddressInfo).port}`
}

/** A service that answers with what it was sent. */
async function startEcho(scheme: 'http' | 'https'): Promise<{ url: string } & AsyncDisposable> {
  const server =
    scheme === 'http'
      ? createServer((incoming, response) => incoming.pipe(response))
      : createSecureServer(identity, (incoming, response) => incoming.pipe(response))
  return {
    url: await listen(server, scheme),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
}

interface Proxy extends AsyncDisposable {
  readonly http: string
  readonly https: string
  readonly connections: () => number
}

async function startProxy(wraps: boolean, target: string, onPreface?: (socket: Socket) => void): Promise<Proxy> {
  const settings = testSettings()
  const log = createLog({ name: 'test', level: 'fatal' })
  const arena = new Arena()
  const io = new NetIo(arena, wraps)
  const shared = createSharedParts(settings, systemClock, arena)
  const upstreams = createUpstreams(shared, { http1: io, http2: io }, upstreamsOptions())
  const service = serviceReference([target], target.startsWith('https:') ? { tls: { ca } } : {})
  const onMalformed = (reason: string): void => assert.fail(reason)
  const engine = createEngine(shared, {
    log,
    upstreams,
    requestId: () => 'req',
    handle: (exchange) => {
      const { method, target: path } = exchange.head
      exchange.forward({
        service,
        consumer: null,
        method,
        target: path,
        withheldHeaders: [],
        requestFields: [],
        responseFields: [],
        trailers: false,
        bodyBytesMax: Infinity,
        websocket: false,
        answering: () => {},
        ended: (_, { kind }) => assert.equal(kind, 'answered'),
      })
    },
    onMalformed,
  })
  const seat = { memory: admissionMemoryFor(settings, 1), thread: 0 }
  const admission = createAdmission({ settings, seat, clock: systemClock, log, onRefused: onMalformed })
  const listening = {
    ...settings,
    engine,
    admission,
    io,
    clock: systemClock,
    log,
    reusePort: false,
    onMalformed,
    onPreface,
  }
  const listener = await listenHttp({ host: '127.0.0.1', port: 0 }, listening)
  const secure = createTlsServer({ ...identity, allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = engine.accept(io, 'https', '127.0.0.1', socket.getProtocol())
    assert.ok(connection !== null)
    io.acceptSecure(connection, socket)
  })
  return {
    http: listener.url,
    https: await listen(secure, 'https'),
    connections: () => engine.connections,
    [Symbol.asyncDispose]: async () => {
      listener.close()
      secure.close()
      await engine.drain(0)
      upstreams.destroy()
      engine[Symbol.dispose]()
    },
  }
}

for (const wraps of [true, false]) {
  test(`a connection that begins with HTTP/2 is let go with every byte, ${wraps ? 'wrapped' : 'with events'}`, async () => {
    let sockets = 0
    await using proxy = await startProxy(wraps, 'http://127.0.0.1:9', (socket) => {
      sockets += 1
      socket.on('close', () => (sockets -= 1))
      performServerHandshake(socket).on('stream', (stream) => {
        stream.respond()
        stream.pipe(stream)
      })
    })
    const session = connectHttp2(proxy.http)
    const body = randomBytes(MIB)
    const stream = session.request({ ':method': 'POST' })
    stream.end(body)
    const got: Buffer[] = []
    for await (const piece of stream as AsyncIterable<Buffer>) got.push(piece)
    assert.ok(Buffer.concat(got).equals(body))
    assert.deepEqual([sockets, proxy.connections()], [1, 0])
    session.close()
    while (sockets > 0) await sleep(2)
  })
}

/** Sends random bytes, reads the answer now and then slowly, and compares. */
async function echo(url: string, pieces: number, pauseMs: number): Promise<void> {
  const sent = createHash('sha256')
  const outgoing = url.startsWith('https:')
    ? requestSecure(url, { method: 'POST', ca, agent: false })
    : request(url, { method: 'POST' })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve).on('error', reject)
  })
  const sending = (async () => {
    for (let index = 0; index < pieces; index++) {
      const piece = randomBytes(1 + Math.floor(Math.random() * MIB))
      sent.update(piece)
      if (!outgoing.write(piece)) await new Promise((drained) => outgoing.once('drain', drained))
    }
    outgoing.end()
  })()
  const got = createHash('sha256')
  for await (const piece of (await answered) as AsyncIterable<Buffer>) {
    got.update(piece)
    if (pauseMs > 0 && Math.random() < 0.05) await systemClock.sleep(pauseMs)
  }
  await sending
  assert.equal(got.digest('hex'), sent.digest('hex'))
}

test('handles of accepted sockets can be wrapped here', async () => {
  assert.equal(await canWrapHandles(), true)
})

/** One request on a connection. @returns the status. */
async function ask(socket: Socket): Promise<number> {
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return Number(/^HTTP\/1.1 (\d{3})/.exec(answer.toString('latin1'))?.[1])
}

async function openSecure(proxy: Proxy, maxVersion: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3'): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: Number(new URL(proxy.https).port),
    servername: 'localhost',
    ca,
    maxVersion,
  })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

async function settled(proxy: Proxy, connections: number): Promise<void> {
  for (let look = 0; proxy.connections() !== connections && look < 200; look++) await systemClock.sleep(10)
  assert.equal(proxy.connections(), connections)
}

for (const wraps of [true, false]) {
  const how = `${wraps ? 'with' : 'without'} wrapped handles`

  // Guards against memory that changes while somebody still holds it.
  for (const [title, client, server] of [
    ['plain', 'http', 'http'],
    ['TLS on both sides', 'https', 'https'],
  ] as const) {
    test(`bodies stay what they are when nobody keeps pace, ${title}, ${how}`, async () => {
      await using service = await startEcho(server)
      await using proxy = await startProxy(wraps, service.url)
      // More than there are places of output to lend.
      await Promise.all(Array.from({ length: 40 }, async (_, index) => await echo(proxy[client], 2, index % 4)))
    })
  }

  test(`what is not TLS ends the connection after a good handshake, and no other, ${how}`, async () => {
    await using service = await startEcho('http')
    await using proxy = await startProxy(wraps, service.url)
    const other = await openSecure(proxy)
    assert.equal(await ask(other), 200)
    const raw = connect({ host: '127.0.0.1', port: Number(new URL(proxy.https).port) })
    const secured = connectTls({ socket: raw, servername: 'localhost', ca })
    secured.on('error', () => {})
    await once(secured, 'secureConnect')
    assert.equal(await ask(secured), 200)
    raw.write('no record of TLS at all, but a few bytes of text')
    await settled(proxy, 1)
    assert.equal(await ask(other), 200)
    other.destroy()
    await settled(proxy, 0)
  })

  // Guards against a handle that tells of a second handshake to a socket that knows nothing of TLS.
  test(`a client that renegotiates does not bring the process down, ${how}`, async () => {
    await using service = await startEcho('http')
    await using proxy = await startProxy(wraps, service.url)
    const socket = await openSecure(proxy, 'TLSv1.2')
    assert.equal(await ask(socket), 200)
    await new Promise<void>((resolve) => {
      socket.on('close', resolve)
      socket.renegotiate({}, () => resolve())
    })
    socket.destroy()
    await settled(proxy, 0)
    const next = await openSecure(proxy)
    assert.equal(await ask(next), 200)
    next.destroy()
  })

  test(`a client that ends its side of TLS is answered first, ${how}`, async () => {
    await using service = await startEcho('http')
    await using proxy = await startProxy(wraps, service.url)
    for (const ends of [true, false]) {
      const socket = await openSecure(proxy)
      assert.equal(await ask(socket), 200)
      if (ends) socket.end()
      else socket.destroy()
      await settled(proxy, 0)
    }
  })
}
