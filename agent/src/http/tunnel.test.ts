/**
 * WebSocket connections through a whole agent, with a library that knows the protocol on both ends.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caseKey, type ObjectInput } from '@headgate/core'
import { type ClientOptions, type RawData, WebSocket, WebSocketServer } from 'ws'
import { directoryOf, keyedRelease, openRelease, startAgent } from '#agent/testing/agent.ts'
import { openRaw } from '#agent/testing/raw-client.ts'

const MIB = 1024 * 1024

interface Echo extends AsyncDisposable {
  readonly url: string
  readonly sockets: Set<WebSocket>
  /** Codes with which clients have closed. */
  readonly closed: number[]
}

/** Says everything again, in the kind of frame in which it came. */
async function startEcho(): Promise<Echo> {
  const server: Server = createServer((_request, response) => response.end('plain'))
  const websockets = new WebSocketServer({
    server,
    perMessageDeflate: true,
    handleProtocols: (offered) => (offered.has('second') ? 'second' : false),
  })
  const [sockets, closed] = [new Set<WebSocket>(), [] as number[]]
  websockets.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('message', (data: RawData, isBinary: boolean) => socket.send(data, { binary: isBinary }))
    socket.on('close', (code) => {
      sockets.delete(socket)
      closed.push(code)
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    closed,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.terminate()
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

/** The route of a release lets requests become WebSocket connections. */
function websocketRelease(release: Omit<ObjectInput, 'origin'>[]): Omit<ObjectInput, 'origin'>[] {
  return release.map((object) =>
    object.kind === 'route' ? { ...object, spec: { ...(object.spec as object), websocket: true } } : object,
  )
}

async function open(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<WebSocket> {
  const headers = { host: 'api.example.com', ...options.headers }
  const socket = new WebSocket(`${url.replace('http', 'ws')}/chat`, protocols, { ...options, headers })
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

async function echoOf(socket: WebSocket, data: string | Buffer): Promise<string | Buffer> {
  const answer = once(socket, 'message') as Promise<[Buffer, boolean]>
  socket.send(data)
  const [said, isBinary] = await answer
  return isBinary ? said : said.toString()
}

async function until(what: string, condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += 10) {
    if (condition()) return
    await sleep(10)
  }
  assert.fail(`waited in vain for ${what}`)
}

test('frames of every kind cross, in both directions', async (t) => {
  await using service = await startEcho()
  await using agent = await startAgent({ objects: websocketRelease(openRelease(service.url)) })
  await t.test('text and binary, empty to 1 MiB', async () => {
    const socket = await open(agent.http)
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, MIB]) {
      const text = 'ä'.repeat(length / 2)
      assert.equal(await echoOf(socket, text), text)
      const bytes = randomBytes(length)
      assert.deepEqual(await echoOf(socket, bytes), bytes)
    }
    socket.close()
  })
  await t.test('a message in pieces, with a ping between them', async () => {
    const socket = await open(agent.http)
    const [answer, pong] = [once(socket, 'message'), once(socket, 'pong')]
    socket.send('one ', { fin: false })
    socket.ping('between')
    socket.send('two', { fin: true })
    assert.equal(String((await pong)[0]), 'between')
    assert.equal(String((await answer)[0]), 'one two')
    socket.close()
  })
  await t.test('a ping of the service, and a pong that nobody asked for', async () => {
    const socket = await open(agent.http)
    await until('the service', () => service.sockets.size > 0)
    const [atService] = [...service.sockets].slice(-1)
    assert.ok(atService !== undefined)
    const [ping, pong] = [once(socket, 'ping'), once(atService, 'pong')]
    atService.ping('hello')
    assert.deepEqual([String((await ping)[0]), String((await pong)[0])], ['hello', 'hello'])
    socket.pong('unasked')
    assert.equal(await echoOf(socket, 'on'), 'on')
    socket.close()
  })
  for (const code of [1000, 1001, 1008, 3000, 4999]) {
    await t.test(`close codes, such as ${code}, from either side`, async () => {
      const socket = await open(agent.http)
      const closed = once(socket, 'close')
      socket.close(code, 'because')
      assert.equal((await closed)[0], code)
      await until('the code', () => service.closed.includes(code))
      const other = await open(agent.http)
      await until('the service', () => service.sockets.size > 0)
      const told = once(other, 'close')
      for (const each of service.sockets) each.close(code, 'because')
      assert.deepEqual([(await told)[0], String((await told)[1])], [code, 'because'])
    })
  }
  await t.test('compression and a subprotocol are agreed upon by the two ends', async () => {
    const socket = await open(agent.http, { perMessageDeflate: true }, ['first', 'second'])
    assert.deepEqual([socket.protocol, socket.extensions], ['second', 'permessage-deflate'])
    assert.equal(await echoOf(socket, 'a'.repeat(100_000)), 'a'.repeat(100_000))
    socket.close()
  })
})

test('200 connections at once each get their own answers', async () => {
  await using service = await startEcho()
  await using agent = await startAgent({ objects: websocketRelease(openRelease(service.url)) })
  const sockets = await Promise.all(Array.from({ length: 200 }, async () => await open(agent.http)))
  for (let round = 0; round < 3; round++) {
    const texts = sockets.map((_, index) => `${round} ${index} ${'x'.repeat(index * 10)}`)
    assert.deepEqual(
      await Promise.all(sockets.map(async (socket, index) => await echoOf(socket, texts[index] ?? ''))),
      texts,
    )
  }
  for (const socket of sockets) socket.terminate()
  await until('the service to be left', () => service.sockets.size === 0)
  await until('the agent to be left', () => agent.records.length === 200)
})

test('what the service says first comes at once, and what it says last is not lost', async () => {
  await using service = await startEcho()
  await using agent = await startAgent({ objects: websocketRelease(openRelease(service.url)) })
  const socket = await open(agent.http)
  const got: number[] = []
  socket.on('message', (data: Buffer) => got.push(data.length))
  const closed = once(socket, 'close')
  for (const each of service.sockets) {
    for (let index = 0; index < 64; index++) each.send(Buffer.alloc(MIB / 4))
    each.close(1000)
  }
  await closed
  assert.equal(got.length, 64)
})

test('policies are asked about the handshake, and it is recorded when the connection is over', async () => {
  await using service = await startEcho()
  await using agent = await startAgent({
    objects: websocketRelease(keyedRelease(service.url)),
    directory: directoryOf(['abc']),
  })
  const refused = new WebSocket(`${agent.http.replace('http', 'ws')}/`, { headers: { host: 'api.example.com' } })
  const [, response] = (await once(refused, 'unexpected-response')) as [unknown, { statusCode: number }]
  assert.equal(response.statusCode, 401)
  assert.equal(service.sockets.size, 0)
  const socket = await open(agent.http, { headers: { 'x-api-key': caseKey('production', 'abc') } })
  assert.equal(await echoOf(socket, 'hello'), 'hello')
  assert.equal(agent.records.length, 1)
  socket.close()
  await until('the record', () => agent.records.length === 2)
  const [, record] = agent.records
  assert.deepEqual(
    [record?.status, record?.outcome, record?.principal?.consumer, record?.upstream?.status],
    [101, 'allow', 'acme', 101],
  )
})

test('the same route answers ordinary requests, and a route that does not say so opens nothing', async () => {
  await using service = await startEcho()
  await using open = await startAgent({ objects: websocketRelease(openRelease(service.url)) })
  await using closed = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(open.http)
  client.write('GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n')
  assert.equal((await client.read()).body, 'plain')
  const socket = new WebSocket(`${closed.http.replace('http', 'ws')}/`, { headers: { host: 'api.example.com' } })
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }]
  assert.equal(response.statusCode, 200)
  assert.equal(service.sockets.size, 0)
})

test('an abrupt end of either side reaches the other', async () => {
  await using service = await startEcho()
  await using agent = await startAgent({ objects: websocketRelease(openRelease(service.url)) })
  const first = await open(agent.http)
  await until('the service', () => service.sockets.size === 1)
  first.terminate()
  await until('the service to notice', () => service.closed.includes(1006))
  const second = await open(agent.http)
  await until('the service', () => service.sockets.size === 1)
  const closed = once(second, 'close')
  for (const each of service.sockets) each.terminate()
  assert.equal((await closed)[0], 1006)
})

test('a process that stops lets connections be until the drain time is over, and says goodbye to both sides then', async () => {
  await using service = await startEcho()
  const agent = await startAgent({ objects: websocketRelease(openRelease(service.url)), settings: { drainMs: 700 } })
  const socket = await open(agent.http)
  const closed = once(socket, 'close')
  const startedMs = performance.now()
  const stopped = agent[Symbol.asyncDispose]()
  await sleep(100)
  assert.equal(await echoOf(socket, 'still here'), 'still here')
  await stopped
  assert.equal((await closed)[0], 1001)
  assert.ok(performance.now() - startedMs >= 700)
  await until('the service to be left', () => service.sockets.size === 0)
  assert.deepEqual(service.closed, [1001])
  assert.equal(agent.records.at(-1)?.status, 101)
})
