/**
 * The engine on real sockets, with wrapped handles and without: the same bytes, and the same patience.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { Arena } from '#agent/http/arena.ts'
import { createEngine, createSharedParts } from '#agent/http/engine.ts'
import { testSettings } from '#agent/testing/agent.ts'
import { serviceReference, upstreamsOptions } from '#agent/testing/upstream.ts'
import { createUpstreams } from '#agent/upstream/forward.ts'
import { listenHttp } from './listeners.ts'
import { canWrapHandles, NetIo } from './net-io.ts'

const MIB = 1024 * 1024

/** A service that answers with what it was sent. */
async function startEcho(): Promise<{ url: string } & AsyncDisposable> {
  const server = createServer((incoming, response) => incoming.pipe(response))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

async function startProxy(wraps: boolean, target: string): Promise<{ url: string } & AsyncDisposable> {
  const settings = testSettings()
  const log = createLog({ name: 'test', level: 'fatal' })
  const arena = new Arena()
  const io = new NetIo(arena, wraps)
  const shared = createSharedParts(settings, systemClock, arena)
  const upstreams = createUpstreams(shared, { http1: io, http2: io }, upstreamsOptions())
  const service = serviceReference([target])
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
        credentialHeaders: [],
        requestFields: [],
        responseFields: [],
        trailers: false,
        ended: (_, { kind }) => assert.equal(kind, 'answered'),
      })
    },
    onMalformed,
  })
  const listener = await listenHttp(
    { host: '127.0.0.1', port: 0 },
    { ...settings, engine, io, clock: systemClock, log, onMalformed },
  )
  return {
    url: listener.url,
    [Symbol.asyncDispose]: async () => {
      listener.close()
      await engine.drain(0)
      upstreams.destroy()
      engine[Symbol.dispose]()
    },
  }
}

/** Sends random bytes, reads the answer now and then slowly, and compares. */
async function echo(url: string, pieces: number, pauseMs: number): Promise<void> {
  const sent = createHash('sha256')
  const outgoing = request(url, { method: 'POST' })
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

for (const wraps of [true, false]) {
  // Guards against memory that changes while the system has not taken it.
  test(`bodies stay what they are when nobody keeps pace, ${wraps ? 'with' : 'without'} wrapped handles`, async () => {
    await using service = await startEcho()
    await using proxy = await startProxy(wraps, service.url)
    // More than there are places of output to lend.
    await Promise.all(Array.from({ length: 40 }, async (_, index) => await echo(proxy.url, 4, index % 4)))
  })
}
