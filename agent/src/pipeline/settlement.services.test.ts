/**
 * What allowed requests hold and owe is settled exactly once, however they end, through a whole agent.
 *
 * Two requests may be worked on at a time, and one is all along: so a request that is not settled leaves no place for the
 * next one, and one that is settled twice leaves two.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as send } from 'node:http'
import { type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ObjectInput } from '@headgate/core'
import { WebSocket, WebSocketServer } from 'ws'
import { startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { serveNode } from '#agent/testing/node-service.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'

const HOST = 'api.example.com'
const PATIENCE_MS = 30_000
const ANY = { host: '127.0.0.1', port: 0 }

/** Answers `/ok`, streams at `/stream`, breaks off at `/reset` and `/stop`, and leaves all others without an answer. */
async function startStrange() {
  const websockets = new WebSocketServer({ noServer: true })
  return await serveNode(
    (request, response) => {
      request.resume()
      if (request.url === '/ok') response.end('ok')
      if (request.url === '/reset') request.socket.resetAndDestroy()
      if (request.url === '/stream' || request.url === '/stop') response.write('x'.repeat(1_000))
      if (request.url === '/stop') setTimeout(() => request.socket.destroy(), 50)
      if (request.url !== '/stream') return
      const timer = setInterval(() => response.write('x'.repeat(1_000)), 20)
      response.on('close', () => clearInterval(timer))
    },
    (request, socket, head) => {
      if (request.url === '/refused') return void socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      websockets.handleUpgrade(request, socket, head, (websocket) => {
        websocket.on('message', (message: Buffer) => {
          if (message.toString() === 'close') websocket.close()
          else websocket.terminate()
        })
        websocket.on('error', () => {})
      })
    },
  )
}

function release(url: string, policy: object): Omit<ObjectInput, 'origin'>[] {
  const on = { environment: true }
  const target = { owner: 'team', targets: [{ url }] }
  const patience = { ...target, response_timeout_ms: 300 }
  return [
    { kind: 'service', name: 'strange', spec: target },
    { kind: 'service', name: 'late', spec: patience },
    { kind: 'service', name: 'dead', spec: { ...target, targets: [{ url: 'http://127.0.0.1:1' }] } },
    { kind: 'route', name: 'all', spec: { service: 'strange', path: '/', match: 'prefix', websocket: true } },
    { kind: 'route', name: 'late', spec: { service: 'late', path: '/late' } },
    { kind: 'route', name: 'dead', spec: { service: 'dead', path: '/dead' } },
    {
      kind: 'policy',
      name: 'open',
      spec: { type: 'access', on, public: { owner: 'team', reason: 'a test' } },
    },
    { kind: 'policy', name: 'bound', spec: { type: 'limit', on, key: ['address'], ...policy } },
  ]
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`

async function until(what: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!(await what())) {
    assert.ok(performance.now() < deadlineMs, 'it took too long')
    await sleep(20)
  }
}

const status = async ({ http }: TestAgent, path: string): Promise<number> => (await sendRaw(http, get(path))).status

/** A request that is worked on until it is let go. */
async function hold({ http }: TestAgent): Promise<{ letGo: () => Promise<void> }> {
  const client = await openRaw(http)
  client.write(get('/stream'))
  await once(client.socket, 'data')
  return { letGo: async () => await client[Symbol.asyncDispose]() }
}

async function websocket({ http }: TestAgent, path: string): Promise<WebSocket> {
  const socket = new WebSocket(`${http.replace('http', 'ws')}${path}`, { headers: { host: HOST } })
  socket.on('error', () => {})
  await Promise.race([once(socket, 'open'), once(socket, 'close')]).catch(() => {})
  return socket
}

const closed = async (socket: WebSocket): Promise<unknown> =>
  socket.readyState === WebSocket.CLOSED ? null : await once(socket, 'close')

async function stream({ h2c }: TestAgent, path: string): Promise<ClientHttp2Stream> {
  const session = connectHttp2(h2c)
  session.on('error', () => {})
  const opened = session.request({ ':path': path, ':authority': HOST })
  opened.on('error', () => {})
  opened.on('close', () => session.destroy())
  if (path !== '/never') await once(opened, 'data')
  return opened
}

/** What clients and services do, each until the request is over for them. */
const ways: Readonly<Record<string, (agent: TestAgent) => Promise<unknown>>> = {
  'it is answered': async (agent) => assert.equal(await status(agent, '/ok'), 200),
  'its service cannot be reached': async (agent) => assert.equal(await status(agent, '/dead'), 502),
  'its service ends the connection': async (agent) => assert.equal(await status(agent, '/reset'), 502),
  'its service is too late': async (agent) => assert.equal(await status(agent, '/late'), 504),
  'its service stops in the middle': async (agent) => {
    await using client = await openRaw(agent.http)
    client.write(get('/stop'))
    await once(client.socket, 'close')
  },
  'its client leaves before the answer': async (agent) => {
    const client = await openRaw(agent.http)
    client.write(get('/never'))
    await sleep(50)
    await client[Symbol.asyncDispose]()
  },
  'its client leaves in the middle of the answer': async (agent) => await (await hold(agent)).letGo(),
  'its client leaves in the middle of its body': async (agent) => {
    const client = await openRaw(agent.http)
    client.write(`POST /never HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`)
    await sleep(50)
    await client[Symbol.asyncDispose]()
  },
  'its WebSocket is closed by the service': async (agent) => {
    const socket = await websocket(agent, '/')
    socket.send('close')
    await closed(socket)
  },
  'its WebSocket is cut off by the service': async (agent) => {
    const socket = await websocket(agent, '/')
    socket.send('cut')
    await closed(socket)
  },
  'its WebSocket is closed by the client': async (agent) => {
    const socket = await websocket(agent, '/')
    socket.close()
    await closed(socket)
  },
  'its WebSocket is cut off by the client': async (agent) => (await websocket(agent, '/')).terminate(),
  'its upgrade is refused': async (agent) => await closed(await websocket(agent, '/refused')),
  'its HTTP/2 stream is reset before the answer': async (agent) => {
    const opened = await stream(agent, '/never')
    await sleep(50)
    opened.close(8)
  },
  'its HTTP/2 stream is reset in the middle': async (agent) => (await stream(agent, '/stream')).close(8),
  'its HTTP/2 connection is cut off': async (agent) => (await stream(agent, '/stream')).session?.destroy(),
}

test('a place is given back exactly once, however the request ends', async (t) => {
  await using service = await startStrange()
  const places = { algorithm: 'concurrency', requests: 2 }
  await using agent = await startAgent({ objects: release(service.url, places), settings: { h2cListen: ANY } })
  const first = await hold(agent)
  for (const [way, end] of Object.entries(ways)) {
    await t.test(way, async () => {
      await end(agent)
      await until(async () => (await status(agent, '/ok')) === 200)
      const second = await hold(agent)
      assert.equal(await status(agent, '/ok'), 429)
      await second.letGo()
      await until(async () => (await status(agent, '/ok')) === 200)
    })
  }
  await first.letGo()
})

const BYTES = { algorithm: 'rate', bytes: 100_000, window_ms: 86_400_000 }

/** Units that were left of the limit when the last request was let in. */
async function left(agent: TestAgent): Promise<number> {
  assert.equal(await status(agent, '/ok'), 200)
  return agent.records.at(-1)?.limits[0]?.remaining ?? -1
}

test('bodies of both directions are charged without their framing, once they have passed', async () => {
  await using service = await serveNode((request, response) => {
    request.resume().on('end', () => {
      for (let part = 0; part < 4; part++) response.write('y'.repeat(500))
      response.end()
    })
  })
  await using agent = await startAgent({ objects: release(service.url, BYTES) })
  const spend = async (headers: Record<string, string>): Promise<void> => {
    const { hostname, port } = new URL(agent.http)
    const request = send({ hostname, port, method: 'POST', path: '/', headers: { host: HOST, ...headers } })
    request.end('x'.repeat(1_500))
    const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream]
    response.resume()
    await once(response, 'end')
  }
  for (const [index, headers] of [{ 'content-length': '1500' }, { 'transfer-encoding': 'chunked' }].entries()) {
    await spend(headers)
    // Each look costs the answer to it.
    assert.equal(await left(agent), 100_000 - (index + 1) * 3_500 - index * 2_000)
  }
})

test('a stream is charged while it goes on, and what passes through a tunnel is charged too', async () => {
  await using service = await startStrange()
  await using agent = await startAgent({ objects: release(service.url, { ...BYTES, bytes: 20_000 }) })
  const streaming = await hold(agent)
  await until(async () => (await status(agent, '/ok')) === 429)
  await streaming.letGo()

  await using other = await startAgent({ objects: release(service.url, BYTES) })
  const socket = await websocket(other, '/')
  socket.send('x'.repeat(30_000))
  await closed(socket)
  await until(async () => (await left(other)) < 70_000)
  assert.ok((await left(other)) > 69_000)
})
