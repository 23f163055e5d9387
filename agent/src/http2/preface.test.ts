/**
 * HTTP/2 with prior knowledge on the port of HTTP/1.1, on every backend that carries plain connections.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:http2'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import * as grpc from '@grpc/grpc-js'
import type { AgentSettings } from '#agent/config.ts'
import { descriptors, whyNoRing } from '#agent/listen/uring/testing/ring-here.ts'
import { openRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { serveNode } from '#agent/testing/node-service.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { ca, certificate, issue } from '#agent/testing/tls.ts'
import { shop } from '#agent/upstream/testing/shop.ts'
import { askHttp2 } from './testing/ask.ts'
import { Echo, startEcho } from './testing/echo.ts'
import { data, GET, headers, openFrames, POST, PREFACE, settings, SETTINGS_ACK, types } from './testing/frames.ts'

const noRing = await whyNoRing()
const HEAD = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n'

for (const [io, skip] of [
  ['net', false],
  ['uring', noRing],
] as const) {
  const start = async (url: string, more: Partial<AgentSettings> = {}): Promise<TestAgent> =>
    await startAgent({ objects: openRelease(url), settings: { io, httpH2c: true, ...more } })

  test(`${io}: one port serves HTTP/1.1 and HTTP/2, and records tell the same of both`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    assert.equal((await sendRaw(agent.http, `${HEAD}\r\n`)).status, 200)
    assert.equal((await askHttp2(agent.http, [...GET])).status, 200)
    assert.equal((await sendRaw(agent.http, `${HEAD}\r\n`)).status, 200)
    const told = agent.records.map(({ scheme, tls, address }) => ({ scheme, tls, address }))
    assert.deepEqual(
      told,
      Array.from({ length: 3 }, () => told[0]),
    )
    assert.equal(told[0]?.tls, null)
    assert.deepEqual(
      service.arrived.map(({ field }) => [field('x-forwarded-proto'), field('x-forwarded-for')]),
      Array.from({ length: 3 }, () => ['http', '127.0.0.1']),
    )
  })

  test(`${io}: the preface is known wherever it is cut, and with whatever comes behind it`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const all = Buffer.concat([PREFACE, settings(), SETTINGS_ACK, headers(1, GET)])
    for (let cut = 1; cut <= all.length; cut++) {
      await using client = await openFrames(agent.http, false)
      client.write(all.subarray(0, cut))
      await sleep(1)
      client.write(all.subarray(cut))
      assert.ok(
        await client.until(() => client.of(types.headers, 1).length === 1),
        `cut at ${cut}: ${client.outcome()}`,
      )
      assert.equal(client.outcome(), 'answered 200')
    }
    await using dripping = await openFrames(agent.http, false)
    for (const byte of all) {
      dripping.write(Buffer.from([byte]))
      await sleep(1)
    }
    assert.ok(await dripping.until(() => dripping.outcome() === 'answered 200'))
  })

  test(`${io}: a body that comes in one flight with the preface arrives whole`, { skip }, async () => {
    await using server = await digests()
    await using agent = await start(server.url)
    const body = randomBytes(60_000)
    const pieces = [body.subarray(0, 16_000), body.subarray(16_000, 32_000), body.subarray(32_000, 48_000)]
    await using client = await openFrames(agent.http, false)
    client.write(
      Buffer.concat([PREFACE, settings(), SETTINGS_ACK, headers(1, POST, 0)]),
      ...pieces.map((piece) => data(1, piece)),
      data(1, body.subarray(48_000), true),
    )
    assert.ok(await client.until(() => client.of(types.data, 1).length > 0))
    const got = Buffer.concat(client.of(types.data, 1).map(({ payload }) => payload)).toString()
    assert.equal(got, createHash('sha256').update(body).digest('hex'))
  })

  test(`${io}: large bodies go both ways over many streams at once`, { skip }, async () => {
    await using server = await serveNode((request, response) => void request.pipe(response))
    await using agent = await start(server.url)
    const session = connect(agent.http).on('error', () => {})
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        const body = randomBytes(2_000_000)
        const stream = session.request({ ':method': 'POST', ':authority': 'api.example.com' })
        stream.end(body)
        const got = createHash('sha256')
        for await (const piece of stream as AsyncIterable<Buffer>) got.update(piece)
        assert.equal(got.digest('hex'), createHash('sha256').update(body).digest('hex'))
      }),
    )
    session.destroy()
  })

  test(`${io}: gRPC calls go over the HTTP port`, { skip }, async () => {
    const service = await startEcho(null)
    await using agent = await startAgent({
      objects: shop([`http://127.0.0.1:${service.port}`], { protocol: 'http2' }),
      settings: { io, httpH2c: true },
    })
    const client = new Echo(new URL(agent.http).host, grpc.credentials.createInsecure(), {
      'grpc.default_authority': 'api.example.com',
    })
    const got: string[] = []
    const call = client.bidi()
    call.on('data', (message: Buffer) => got.push(message.toString()))
    for (const text of ['one', 'two', 'three']) call.write(Buffer.from(text))
    call.end()
    const status = await new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve))
    assert.deepEqual([status.code, got], [grpc.status.OK, ['one', 'two', 'three']])
    client.close()
    service.stop()
  })

  // Who could begin HTTP/2 in the middle of HTTP/1.1 could hide requests from whatever is in front.
  test(`${io}: the preface anywhere but at the beginning is a bad request`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    for (const before of [`${HEAD}\r\n`, '\r\n', ' ', 'GET / HTTP/1.1\r\n']) {
      await using client = await openRaw(agent.http)
      client.write(Buffer.concat([Buffer.from(before), PREFACE, settings(), headers(1, GET)]))
      if (before === `${HEAD}\r\n`) assert.equal((await client.read()).status, 200)
      assert.equal((await client.read()).status, 400, JSON.stringify(before))
      assert.equal(await client.ended(), '')
    }
    assert.equal(service.arrived.length, 1)
  })

  test(`${io}: what only begins like the preface is not served`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url, { headTimeoutMs: 300 })
    for (const bytes of [
      'PRI * HTTP/1.1\r\nHost: a\r\n\r\n',
      'PRI / HTTP/2.0\r\n\r\nSM\r\n\r\n',
      'PRI * HTTP/3.0\r\n\r\n',
    ])
      assert.equal((await sendRaw(agent.http, bytes)).status >= 400, true, JSON.stringify(bytes))
    // HTTP/2 is begun, and ends with an error of its own; one that stops in the middle is not waited for.
    for (const bytes of ['PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n', 'PRI * HTTP/2.0\r\n\r\nSM', PREFACE.toString('latin1')]) {
      await using client = await openFrames(agent.http, false)
      client.write(Buffer.from(bytes, 'latin1'))
      assert.ok(await client.until(() => client.closed), JSON.stringify(bytes))
    }
    assert.equal(service.arrived.length, 0)
    assert.equal(agent.app.slots.malformed.get('internal_error'), undefined)
  })

  test(`${io}: Upgrade: h2c is not followed`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n'
    await using client = await openRaw(agent.http)
    client.write(HEAD + upgrade)
    assert.equal((await client.read()).status, 200)
    assert.deepEqual(
      [service.arrived[0]?.field('upgrade'), service.arrived[0]?.field('http2-settings')],
      [undefined, undefined],
    )
    client.write(Buffer.concat([PREFACE, settings(), headers(1, GET)]))
    assert.equal((await client.read()).status, 400)
  })

  test(`${io}: sessions are bounded as connections are, and free their place`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url, { connectionsMax: 3 })
    const clients = await Promise.all(Array.from({ length: 3 }, async () => await openFrames(agent.http)))
    await using more = await openFrames(agent.http, false)
    more.write(PREFACE, settings())
    assert.ok(await more.until(() => more.closed))
    assert.ok((agent.app.slots.malformed.get('connections_full') ?? 0) > 0)
    for (const client of clients) await client[Symbol.asyncDispose]()
    for (let status = 0, tries = 0; status !== 200; tries++) {
      assert.ok(tries < 500, 'no place is free')
      status = (await askHttp2(agent.http, [...GET])).status
    }
  })

  test(`${io}: connections that come with HTTP/2 and break leave nothing open`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    assert.equal((await askHttp2(agent.http, [...GET])).status, 200)
    const before = descriptors()
    const all = Buffer.concat([PREFACE, settings(), SETTINGS_ACK, headers(1, GET)])
    for (let round = 0; round < 40; round++) {
      const client = await openFrames(agent.http, false)
      client.write(all.subarray(0, 12 + ((round * 7) % (all.length - 12))))
      if (round % 4 === 3) client.write(all)
      await sleep(round % 5)
      if (round % 2 === 0) client.socket.resetAndDestroy()
      else client.socket.destroy()
    }
    // What the service keeps has both its ends in this process.
    for (let looks = 0; descriptors() - 2 * service.connections.open > before; looks++) {
      assert.ok(looks < 1_000, `${descriptors()} descriptors after ${before}`)
      await sleep(10)
    }
    assert.equal((await sendRaw(agent.http, `${HEAD}\r\n`)).status, 200)
    assert.doesNotMatch(agent.logged(), /a bug/)
  })

  test(`${io}: an agent that stops says goodbye to them`, { skip }, async () => {
    await using service = await startService()
    await using agent = await start(service.url)
    await using client = await openFrames(agent.http)
    client.write(headers(1, GET))
    assert.ok(await client.until(() => client.outcome() === 'answered 200'))
    const ended = agent[Symbol.asyncDispose]()
    assert.ok(await client.until(() => client.of(types.goaway).length > 0))
    assert.ok(await client.until(() => client.closed))
    await ended
  })
}

test('without the setting the preface is a bad request, and never over TLS unless it was agreed on', async () => {
  await using service = await startService()
  await using closed = await startAgent({ objects: openRelease(service.url) })
  assert.equal((await sendRaw(closed.http, PREFACE)).status, 400)
  await using agent = await startAgent({ settings: { httpH2c: true } })
  setRelease(agent.app.live, [
    ...openRelease(service.url),
    await certificate('ours', 'api.example.com', await issue('api.example.com')),
  ])
  await agent.app.certificates.settled()
  const port = Number(new URL(agent.https).port)
  const socket = connectTls({ host: '127.0.0.1', port, ca, servername: 'api.example.com', ALPNProtocols: ['http/1.1'] })
  socket.end(PREFACE)
  let got = ''
  for await (const piece of socket as AsyncIterable<Buffer>) got += piece.toString('latin1')
  assert.match(got, /^HTTP\/1\.1 400 /)
  assert.equal(service.arrived.length, 0)
})

/** A service that answers with the digest of what it was sent. */
async function digests(): Promise<Awaited<ReturnType<typeof serveNode>>> {
  return await serveNode((request, response) => {
    const got = createHash('sha256')
    request.on('data', (piece: Buffer) => got.update(piece)).on('end', () => response.end(got.digest('hex')))
  })
}
