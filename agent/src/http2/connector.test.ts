/**
 * HTTP/2 to services: sessions that are shared, what a service may refuse, and what becomes of requests then.
 */
import assert from 'node:assert/strict'
import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { pem } from '@headgate/kit/pki.ts'
import { Wheel } from '#agent/http/wheel.ts'
import { startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { openRaw, type RawResponse, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { ca, issue } from '#agent/testing/tls.ts'
import { shop } from '#agent/upstream/testing/shop.ts'
import { type ServiceSession, ServiceSessions } from './service-sessions.ts'
import { settings } from './testing/frames.ts'

const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const post = (text: string): string => `POST / HTTP/1.1\r\n${HEAD}Content-Length: ${text.length}\r\n\r\n${text}`

interface Http2Service extends AsyncDisposable {
  readonly url: string
  readonly sessions: readonly ServerHttp2Session[]
  /** Requests that were begun. */
  readonly begun: number
  /** Most streams of one session at a time. */
  readonly most: number
}

type Handler = (stream: ServerHttp2Stream, fields: Record<string, unknown>, session: ServerHttp2Session) => void

async function serve(
  handler: Handler,
  options: ServerOptions = {},
  secure: object | null = null,
): Promise<Http2Service> {
  const sessions: ServerHttp2Session[] = []
  const counts = { begun: 0, most: 0 }
  const server: Http2Server = secure === null ? createServer(options) : createSecureServer({ ...options, ...secure })
  server.on('session', (session) => {
    let open = 0
    sessions.push(session)
    session.on('error', () => {})
    session.on('stream', (stream, fields) => {
      counts.begun += 1
      counts.most = Math.max(counts.most, ++open)
      stream.on('error', () => {}).on('close', () => (open -= 1))
      handler(stream, fields, session)
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const { port } = server.address() as AddressInfo
  return {
    url: secure === null ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    sessions,
    get begun() {
      return counts.begun
    },
    get most() {
      return counts.most
    },
    [Symbol.asyncDispose]: async () => {
      for (const session of sessions) session.destroy()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

const echo: Handler = (stream, fields) => {
  let text = ''
  stream.on('data', (piece: Buffer) => (text += piece.toString()))
  stream.on('end', () => {
    if (stream.destroyed) return
    stream.respond({ ':status': 200, 'x-path': String(fields[':path']), 'set-cookie': ['a=1', 'b=2'] })
    stream.end(text)
  })
}

/** An agent in front of it. @param more about the service. */
async function agentFor(url: string, more: object = {}): Promise<TestAgent> {
  return await startAgent({ objects: shop([url], { protocol: 'http2', ...more }), settings: { drainMs: 20 } })
}

const codeOf = ({ body }: RawResponse): unknown => (JSON.parse(body) as Record<string, unknown>)['code']

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 5) {
    if (condition()) return
    await sleep(5)
  }
  assert.fail(`waited in vain for ${what}`)
}

test('requests of HTTP/1.1 reach a service of HTTP/2, over one session', async () => {
  let seen: Record<string, unknown> = {}
  await using service = await serve((stream, fields, session) => {
    seen = fields
    echo(stream, fields, session)
  })
  await using agent = await agentFor(service.url)
  assert.equal((await sendRaw(agent.http, GET)).status, 200)
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => await sendRaw(agent.http, post(`body ${index}`))),
  )
  assert.deepEqual(
    answers.map(({ body }) => body),
    answers.map((_, index) => `body ${index}`),
  )
  assert.deepEqual(answers[0]?.fields.filter(([name]) => name === 'set-cookie').length, 2)
  assert.equal(service.sessions.length, 1)
  assert.deepEqual(
    [seen[':method'], seen[':scheme'], seen[':path'], seen[':authority'], seen['content-length'], seen['connection']],
    ['POST', 'http', '/', new URL(service.url).host, '7', undefined],
  )
  assert.equal(seen['x-forwarded-host'], 'api.example.com')
  const chunked = await sendRaw(
    agent.http,
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  )
  assert.equal(chunked.body, 'abc')
  assert.equal((await sendRaw(agent.http, `HEAD / HTTP/1.1\r\n${HEAD}\r\n`, 'HEAD')).status, 200)
  assert.ok(agent.records.every(({ status }) => status === 200))
})

test('a service is sent no more streams than it takes, and gets more sessions instead', async () => {
  await using service = await serve(
    (stream) => void setTimeout(() => !stream.destroyed && stream.respond({ ':status': 204 }, { endStream: true }), 50),
    {
      settings: { maxConcurrentStreams: 2 },
    },
  )
  await using agent = await agentFor(service.url)
  await sendRaw(agent.http, GET)
  const answers = await Promise.all(Array.from({ length: 8 }, async () => await sendRaw(agent.http, GET)))
  assert.ok(answers.every(({ status }) => status === 204))
  assert.ok(service.most <= 2, `${service.most} at a time`)
  assert.ok(service.sessions.length >= 4 && service.sessions.length <= 8, `${service.sessions.length} sessions`)
})

test('a stream that the service has not looked at is begun again, with its body', async (t) => {
  await t.test('by REFUSED_STREAM', async () => {
    await using service = await serve((stream, fields, session) => {
      if (session === service.sessions[0]) stream.close(constants.NGHTTP2_REFUSED_STREAM)
      else echo(stream, fields, session)
    })
    await using agent = await agentFor(service.url)
    const answer = await sendRaw(agent.http, post('hello'))
    assert.deepEqual([answer.status, answer.body, service.begun], [200, 'hello', 2])
  })
  await t.test('by GOAWAY', async () => {
    await using service = await serve((stream, fields, session) => {
      if (stream.id === 3 && session === service.sessions[0]) session.goaway(constants.NGHTTP2_NO_ERROR, 1)
      else echo(stream, fields, session)
    })
    await using agent = await agentFor(service.url)
    await sendRaw(agent.http, GET)
    const answer = await sendRaw(agent.http, post('hello'))
    assert.deepEqual([answer.status, answer.body, service.sessions.length], [200, 'hello', 2])
  })
  await t.test('and not for ever', async () => {
    await using service = await serve((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM))
    await using agent = await agentFor(service.url)
    const answer = await sendRaw(agent.http, post('hello'))
    assert.deepEqual([answer.status, codeOf(answer)], [502, 'upstream_failed'])
    assert.ok(service.begun <= 2)
  })
})

test('what is in flight when a service sends GOAWAY is finished, and what comes next goes elsewhere', async () => {
  const waiting: ServerHttp2Stream[] = []
  await using service = await serve((stream, fields, session) => {
    if (session === service.sessions[0]) waiting.push(stream)
    else echo(stream, fields, session)
  })
  await using agent = await agentFor(service.url)
  const first = sendRaw(agent.http, GET)
  await until('the first request', () => waiting.length === 1)
  service.sessions[0]?.close()
  await sleep(30)
  assert.equal((await sendRaw(agent.http, post('next'))).body, 'next')
  waiting[0]?.respond({ ':status': 200 })
  waiting[0]?.end('late')
  assert.equal((await first).body, 'late')
})

test('a stream that was looked at and reset is 502, and is not sent twice', async () => {
  await using service = await serve((stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR))
  await using agent = await agentFor(service.url)
  const answer = await sendRaw(agent.http, post('hello'))
  assert.deepEqual([answer.status, codeOf(answer), service.begun], [502, 'upstream_failed', 1])
})

for (const [title, stop] of [
  ['a session that ends', (session: ServerHttp2Session) => session.destroy()],
  ['a connection that breaks', (session: ServerHttp2Session) => void session.socket.destroy()],
] as const) {
  test(`a response that stops short with ${title} does not look whole`, async () => {
    await using service = await serve((stream, _fields, session) => {
      stream.respond({ ':status': 200 })
      stream.write('abc')
      setTimeout(() => stop(session), 20)
    })
    await using agent = await agentFor(service.url)
    await using client = await openRaw(agent.http)
    client.write(GET)
    const text = await client.ended()
    assert.match(text, /abc/)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/)
  })
}

test('a client that leaves resets its stream, and no other', async () => {
  let reset: number | undefined
  await using service = await serve((stream, fields, session) => {
    if (fields[':path'] === '/slow') stream.on('close', () => (reset = stream.rstCode))
    else echo(stream, fields, session)
  })
  await using agent = await agentFor(service.url)
  const client = await openRaw(agent.http)
  client.write(`GET /slow HTTP/1.1\r\n${HEAD}\r\n`)
  await until('the request', () => service.begun === 1)
  client.socket.destroy()
  await until('the reset', () => reset !== undefined)
  assert.equal(reset, constants.NGHTTP2_CANCEL)
  assert.equal((await sendRaw(agent.http, GET)).status, 200)
  assert.equal(service.sessions.length, 1)
})

test('a client that takes nothing slows the service down', async () => {
  let written = 0
  await using service = await serve((stream) => {
    stream.respond({ ':status': 200 })
    const more = (): void => {
      for (let room = true; room && written < 64 * 1024 * 1024; written += 65_536)
        room = stream.write(Buffer.alloc(65_536))
    }
    stream.on('drain', more)
    more()
  })
  await using agent = await agentFor(service.url)
  await using client = await openRaw(agent.http)
  client.socket.pause()
  client.write(GET)
  let before = -1
  await until('the service to stop', () => {
    const isStill = written > 0 && written === before
    before = written
    return isStill
  })
  await sleep(100)
  assert.ok(written < 32 * 1024 * 1024)
})

test('a service that speaks HTTP/1.1 only is 502, whatever was said about it', async () => {
  await using plain = await startService()
  await using agent = await agentFor(plain.url, { connect_timeout_ms: 500 })
  assert.equal(codeOf(await sendRaw(agent.http, post('hello'))), 'upstream_unreachable')
  assert.equal(plain.arrived.filter(({ line }) => line.startsWith('POST')).length, 0)
})

test('over TLS a service is asked only when it agrees on HTTP/2 and its certificate is for its name', async (t) => {
  const keyed = await issue('localhost')
  const pair = { cert: pem('CERTIFICATE', keyed.certificate), key: pem('PRIVATE KEY', keyed.privateKey) }
  await using service = await serve(echo, {}, pair)
  await t.test('agrees', async () => {
    await using agent = await agentFor(service.url, { tls: { ca } })
    assert.equal((await sendRaw(agent.http, post('hello'))).body, 'hello')
  })
  await t.test('for another name', async () => {
    const url = service.url.replace('localhost', '127.0.0.1')
    await using agent = await agentFor(url, { tls: { ca } })
    assert.equal(codeOf(await sendRaw(agent.http, GET)), 'upstream_unreachable')
  })
  await t.test('knows HTTP/1.1 only', async () => {
    const server = createTlsServer({ ...pair, ALPNProtocols: ['http/1.1'] }).on('tlsClientError', () => {})
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve())
    })
    const url = `https://localhost:${(server.address() as AddressInfo).port}`
    await using agent = await agentFor(url, { tls: { ca } })
    assert.equal(codeOf(await sendRaw(agent.http, GET)), 'upstream_unreachable')
    server.close()
  })
})

// Guards against one client that cancels its calls, and so has a service end the session of all others.
test('a session on which many streams were reset takes no more, and what is in flight on it is finished', async () => {
  await using service = await serve(echo)
  using wheel = new Wheel(() => 1_000)
  const sessions = new ServiceSessions(wheel)
  const address = { host: '127.0.0.1', port: Number(new URL(service.url).port), serverName: null, tls: null }
  const placed = async (): Promise<ServiceSession> =>
    await new Promise((resolve) => void sessions.seek(address, { placed: resolve, unplaced: () => {} }, null))
  const session = await placed()
  const stream = session.http2?.request([':method', 'POST', ':path', '/'])
  assert.ok(stream !== undefined)
  await until('the stream', () => service.begun === 1)
  assert.equal(await placed(), session)
  for (let resets = 0; resets < 500; resets++) session.countReset()
  assert.notEqual(await placed(), session)
  stream.end('late')
  const [piece] = await stream.toArray()
  assert.equal(String(piece), 'late')
  sessions.destroy()
})

// Guards against a service that is gone without a word: its requests would wait for ever.
test('a session on which nothing comes is asked for a sign of life, and given up without one', async () => {
  const sockets: Socket[] = []
  const server = createTcpServer((socket) => {
    sockets.push(socket.on('error', () => {}).resume())
    socket.write(settings())
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  let nowMs = 1_000
  using wheel = new Wheel(() => nowMs)
  const sessions = new ServiceSessions(wheel)
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port, serverName: null, tls: null }
  let [isPlaced, isOver] = [false, false]
  const session = sessions.seek(address, { placed: () => (isPlaced = true), unplaced: () => {} }, null)
  await until('a place', () => isPlaced)
  session.http2
    ?.request([':method', 'GET', ':path', '/'])
    .on('error', () => {})
    .on('close', () => (isOver = true))
  for (let checks = 0; checks < 3; checks++) {
    nowMs += 5_100
    wheel.turn()
    await sleep(10)
  }
  await until('the end of the stream', () => isOver)
  assert.equal(session.hasRoom, false)
  sessions.destroy()
  for (const socket of sockets) socket.destroy()
  server.close()
})
