/**
 * HTTP/2 from clients, through a whole agent to a service that speaks HTTP/1.1.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { startService } from '#agent/testing/service.ts'
import { ca, certificate, issue } from '#agent/testing/tls.ts'
import { data, GET, headers, openFrames, ping, POST, rst, types, windowUpdate } from './testing/frames.ts'
import { serveNode } from '#agent/testing/node-service.ts'

const MIB = 1024 * 1024

interface Answer {
  readonly status: number
  readonly fields: IncomingHttpHeaders
  readonly body: string
  /** Statuses of interim responses. */
  readonly interim: readonly number[]
  /** Error code with which the stream was closed. */
  readonly code: number
}

async function ask(client: ClientHttp2Session, fields: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer> {
  const stream = client.request({ ':authority': 'api.example.com', ...fields }, { endStream: body === undefined })
  const interim: number[] = []
  const pieces: Buffer[] = []
  let got: IncomingHttpHeaders = {}
  stream.on('headers', (early) => interim.push(Number(early[':status'])))
  stream.on('response', (response) => (got = response))
  stream.on('data', (piece: Buffer) => pieces.push(piece))
  stream.on('error', () => {})
  if (body !== undefined) stream.end(body)
  await new Promise<void>((resolve) => stream.on('close', () => resolve()))
  const { rstCode: code } = stream
  return { status: Number(got[':status']), fields: got, body: Buffer.concat(pieces).toString(), interim, code }
}

function open(url: string): ClientHttp2Session & AsyncDisposable {
  // Uploads wait in the memory of the session.
  const client = connect(url, { maxSessionMemory: 100 })
  client.on('error', () => {})
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await Promise.resolve()
    },
  })
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 5) {
    if (condition()) return
    await sleep(5)
  }
  assert.fail(`waited in vain for ${what}`)
}

test('a request arrives as one of HTTP/1.1, and its answer as one of HTTP/2', async (t) => {
  await using service = await startService(({ line }) =>
    line.startsWith('GET /same')
      ? 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\n\r\n'
      : 'HTTP/1.1 200 OK\r\nConnection: x-hop\r\nX-Hop: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok',
  )
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = open(agent.h2c)

  await t.test('a body of unknown length is sent in chunks', async () => {
    const answer = await ask(client, { ':method': 'POST', ':path': '/a?b=c', 'x-test': 'y' }, 'hello')
    assert.deepEqual([answer.status, answer.body, answer.code], [200, 'ok', constants.NGHTTP2_NO_ERROR])
    const arrived = service.arrived.at(-1)
    assert.equal(arrived?.line, 'POST /a?b=c HTTP/1.1')
    assert.deepEqual(
      [arrived?.body, arrived?.field('transfer-encoding'), arrived?.field('x-test')],
      ['hello', 'chunked', 'y'],
    )
    assert.equal(arrived?.field('x-forwarded-host'), 'api.example.com')
    assert.equal(agent.records.at(-1)?.status, 200)
  })
  await t.test('a body of a known length keeps it', async () => {
    await ask(client, { ':method': 'PUT', ':path': '/', 'content-length': 5 }, 'hello')
    const arrived = service.arrived.at(-1)
    assert.deepEqual([arrived?.body, arrived?.field('content-length')], ['hello', '5'])
  })
  await t.test('cookies that were split for compression are one field again', async () => {
    await ask(client, { cookie: ['a=1', 'b=2'] })
    assert.equal(service.arrived.at(-1)?.field('cookie'), 'a=1; b=2')
  })
  await t.test('what belongs to a connection of the service ends here', async () => {
    const { fields } = await ask(client, {})
    assert.deepEqual([fields.connection, fields['x-hop'], fields['set-cookie']], [undefined, undefined, ['a=1', 'b=2']])
  })
  await t.test('HEAD and 304 have no body', async () => {
    assert.deepEqual(await ask(client, { ':method': 'HEAD' }).then(({ status, body }) => [status, body]), [200, ''])
    assert.deepEqual(await ask(client, { ':path': '/same' }).then(({ status, body }) => [status, body]), [304, ''])
  })
  await t.test('a refusal is a problem document, and does not end the connection', async () => {
    for (const [fields, status, code] of [
      [{ ':path': '/%2e' }, 400, 'path_ambiguous'],
      [{ ':authority': 'api example' }, 400, 'host_invalid'],
      [{ ':method': 'BREW' }, 400, 'method_invalid'],
      [{ ':path': '/a#b' }, 400, 'target_invalid'],
    ] as const) {
      const answer = await ask(client, fields)
      if (answer.code !== constants.NGHTTP2_NO_ERROR) continue
      assert.equal(answer.fields['content-type'], 'application/problem+json')
      assert.deepEqual([answer.status, JSON.parse(answer.body).code], [status, code])
    }
    assert.equal((await ask(client, {})).status, 200)
  })
})

test('interim responses cross, and a service is told to go on', async () => {
  await using service = await serveNode((incoming, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' })
    incoming.resume().on('end', () => response.end('ok'))
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = open(agent.h2c)
  const answer = await ask(client, { ':method': 'POST', expect: '100-continue' }, 'hello')
  assert.deepEqual([answer.status, answer.body], [200, 'ok'])
  assert.ok(answer.interim.includes(103))
})

test('uploads and downloads cross whole, many at a time, and no faster than they are taken', async () => {
  const [body, hash] = [randomBytes(4 * MIB), createHash('sha256')]
  const sum = hash.update(body).digest('hex')
  await using service = await serveNode((incoming, response) => {
    const arrived = createHash('sha256')
    incoming.on('data', (piece: Buffer) => arrived.update(piece))
    incoming.on('end', () => {
      response.setHeader('x-sum', arrived.digest('hex'))
      response.end(body)
    })
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = open(agent.h2c)
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const stream = client.request({ ':authority': 'api.example.com', ':method': 'POST', ':path': '/' })
      const arrived = createHash('sha256')
      let theirs: unknown
      stream.on('response', (fields) => (theirs = fields['x-sum']))
      stream.end(body)
      for await (const piece of stream as AsyncIterable<Buffer>) arrived.update(piece)
      assert.deepEqual([theirs, arrived.digest('hex')], [sum, sum])
    }),
  )
})

test('a client that takes nothing slows the service down, and other streams go on', async () => {
  let written = 0
  await using service = await serveNode((incoming, response) => {
    if (incoming.url === '/small') {
      response.end('ok')
      return
    }
    const more = (): void => {
      for (let room = true; room && written < 64 * MIB; written += MIB) room = response.write(Buffer.alloc(MIB))
    }
    response.on('drain', more)
    more()
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = open(agent.h2c)
  client.request({ ':authority': 'api.example.com' }).pause()
  await until('the service to begin', () => written > 0)
  await sleep(200)
  const before = written
  assert.equal((await ask(client, { ':path': '/small' })).body, 'ok')
  await sleep(100)
  assert.equal(written, before)
  assert.ok(written < 32 * MIB, `${written / MIB} MiB`)
})

test('the first bytes of an event stream are not held back', async () => {
  let saidMs = 0
  await using service = await serveNode((_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    setTimeout(() => {
      saidMs = performance.now()
      response.write('data: 1\n\n')
    }, 50)
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = open(agent.h2c)
  const stream = client.request({ ':authority': 'api.example.com' })
  await new Promise<void>((resolve) => stream.on('response', () => resolve()))
  assert.equal(saidMs, 0)
  await new Promise<void>((resolve) => stream.once('data', () => resolve()))
  assert.ok(performance.now() - saidMs < 2_000)
})

// Clients of gRPC measure the round trip with a PING for nearly every piece that they are sent.
test('a client that answers all that it is sent with a PING and window updates is not taken for a flood', async () => {
  await using service = await serveNode((_incoming, response) => {
    let pieces = 0
    const timer = setInterval(() => {
      if (++pieces === 300) response.end()
      else response.write('x')
      if (pieces === 300) clearInterval(timer)
    }, 1)
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = await openFrames(agent.h2c)
  let told = 0
  client.socket.on('data', () => {
    for (; told < client.of(types.data).length; told++) client.write(ping(), windowUpdate(0, 1), windowUpdate(1, 1))
  })
  client.write(headers(1, GET))
  assert.ok(await client.until(() => client.closed || client.of(types.data).some(({ flags }) => flags === 1)))
  assert.equal(client.closed, false)
})

test('a stream that is reset takes its request to the service along, and a truncated body never looks whole', async () => {
  await using service = await startService(() => null)
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  // CANCEL, and NO_ERROR, which is no error and yet no end of a body.
  for (const code of [8, 0]) {
    await using client = await openFrames(agent.h2c)
    client.write(headers(1, POST, 0), data(1, Buffer.alloc(16_384, 0x78)), data(1, Buffer.alloc(10_000, 0x78)))
    await until('the service to be asked', () => service.connections.open === 1)
    client.write(rst(1, code))
    await until('the service to be let go', () => service.connections.open === 0)
  }
  assert.equal(service.arrived.length, 0)
  assert.doesNotMatch(service.bytes(), /\r\n0\r\n/)
})

test('a response that stops short is a reset, not an end', async () => {
  await using service = await startService((_arrived, socket) => {
    setTimeout(() => socket.destroy(), 20)
    return 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = open(agent.h2c)
  const answer = await ask(client, {})
  assert.deepEqual([answer.status, answer.body, answer.code], [200, 'abc', constants.NGHTTP2_INTERNAL_ERROR])
})

test('an answer before the end of an upload is read, and the rest is not waited for', async () => {
  await using service = await serveNode((_incoming, response) => {
    response.writeHead(413, { connection: 'close' }).end('too much')
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 20 } })
  await using client = await openFrames(agent.h2c)
  client.write(headers(1, POST, 0), data(1, Buffer.alloc(16_384)), data(1, 'x'))
  assert.ok(await client.until(() => client.of(types.data, 1).some(({ flags }) => flags === 1)))
  assert.ok(await client.until(() => client.of(types.rstStream).length === 1))
  assert.equal(client.outcome(), 'reset NO_ERROR')
})

test('while the process ends, clients are sent elsewhere and what is in flight is finished', async () => {
  const waiting: ServerResponse[] = []
  await using service = await serveNode((_incoming, response) => void waiting.push(response))
  const agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 5_000 } })
  await using client = await openFrames(agent.h2c)
  await using idle = await openFrames(agent.h2c)
  client.write(headers(1, GET))
  await until('the service to be asked', () => waiting.length === 1)
  const ended = agent[Symbol.asyncDispose]()
  assert.ok(await client.until(() => client.of(types.goaway).length === 1))
  assert.equal(client.of(types.goaway)[0]?.payload.readUInt32BE(0), 1)
  // By what it was told, it may be asked again elsewhere.
  client.write(headers(3, GET))
  await sleep(50)
  for (const response of waiting) response.end('late')
  assert.ok(await client.until(() => client.closed))
  assert.equal(waiting.length, 1)
  assert.equal(client.of(types.data).filter(({ payload }) => String(payload) === 'late').length, 1)
  assert.ok(await idle.until(() => idle.closed))
  await ended
})

test('HTTP/2 is agreed on over TLS, and its records say so', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const keyed = await issue('api.example.com')
  setRelease(agent.app.live, [...openRelease(service.url), await certificate('ours', 'api.example.com', keyed)])
  await agent.app.certificates.settled()
  const client = connect(agent.https, { ca, servername: 'api.example.com' })
  client.on('error', () => {})
  const answer = await ask(client, {})
  client.destroy()
  assert.equal(answer.status, 200)
  assert.equal(service.arrived[0]?.field('x-forwarded-proto'), 'https')
  assert.deepEqual([agent.records[0]?.scheme, agent.records[0]?.tls], ['https', 'TLSv1.3'])
})
