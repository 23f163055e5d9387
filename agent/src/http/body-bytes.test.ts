/**
 * How large a body may be: refused by its declared length, or cut while it flows; whatever is spoken and carries it.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { whyNoRing } from '#agent/listen/uring/testing/ring-here.ts'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { serveNode } from '#agent/testing/node-service.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'

const noRing = await whyNoRing()
const MIB = 1_048_576
const MOST = 100_000
const HEAD = 'POST /up HTTP/1.1\r\nHost: api.example.com\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`
const chunk = (bytes: number): string => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`

/** What a service saw of one request. */
interface Seen {
  bytes: number
  isWhole: boolean
  isOver: boolean
}

/** A service that counts what arrives. @param early whether it answers as soon as the head is there. */
async function startCounting(early = false): Promise<{ url: string; seen: Seen[] } & AsyncDisposable> {
  const seen: Seen[] = []
  const service = await serveNode((incoming, response) => {
    const one: Seen = { bytes: 0, isWhole: false, isOver: false }
    seen.push(one)
    if (early) response.write('early')
    incoming.on('data', (data: Buffer) => (one.bytes += data.length))
    incoming.on('error', () => {})
    incoming.on('end', () => {
      one.isWhole = true
      response.end('taken')
    })
    incoming.on('close', () => (one.isOver = true))
  })
  return { url: service.url, seen, [Symbol.asyncDispose]: async () => await service[Symbol.asyncDispose]() }
}

async function until(condition: () => boolean): Promise<void> {
  for (let looks = 0; !condition(); looks++) {
    assert.ok(looks < 2_000, 'it did not come about')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function reasonOf(body: string): string {
  return (JSON.parse(body) as { code: string }).code
}

for (const [io, skip] of [
  ['net', false],
  ['uring', noRing],
] as const) {
  const start = async (url: string): Promise<TestAgent> =>
    await startAgent({ objects: openRelease(url), settings: { io, bodyBytesMax: MOST } })

  test(`${io}: a body that is declared too large is refused, and its service not asked`, { skip }, async () => {
    await using service = await startCounting()
    await using agent = await start(service.url)
    const answer = await sendRaw(agent.http, `${HEAD}Content-Length: ${MOST + 1}\r\n\r\n`, 'POST')
    assert.equal(answer.status, 413)
    assert.equal(reasonOf(answer.body), 'body_too_large')
    assert.equal(service.seen.length, 0)
    assert.deepEqual([agent.records[0]?.status, agent.records[0]?.reason], [413, 'body_too_large'])
    // One that waits for `100 Continue` is not told to go on.
    await using client = await openRaw(agent.http)
    client.write(`${HEAD}Content-Length: ${MOST + 1}\r\nExpect: 100-continue\r\n\r\n`)
    assert.equal((await client.read('POST')).status, 413)
  })

  test(`${io}: a body of just the size passes, declared and in chunks`, { skip }, async () => {
    await using service = await startCounting()
    await using agent = await start(service.url)
    const declared = `${HEAD}Content-Length: ${MOST}\r\n\r\n${'x'.repeat(MOST)}`
    assert.equal((await sendRaw(agent.http, declared, 'POST')).status, 200)
    assert.equal((await sendRaw(agent.http, `${CHUNKED}${chunk(MOST)}0\r\n\r\n`, 'POST')).status, 200)
    assert.deepEqual(
      service.seen.map(({ bytes }) => bytes),
      [MOST, MOST],
    )
  })

  test(
    `${io}: chunks that grow too large are refused while they flow, and the service gets no whole request`,
    { skip },
    async () => {
      await using service = await startCounting()
      await using agent = await start(service.url)
      await using client = await openRaw(agent.http)
      client.write(CHUNKED)
      for (let sent = 0; sent < MOST; sent += 10_000) client.write(chunk(10_000))
      await until(() => service.seen[0]?.bytes === MOST)
      client.write(`${chunk(1)}0\r\n\r\n`)
      const answer = await client.read('POST')
      assert.equal(answer.status, 413)
      assert.equal(reasonOf(answer.body), 'body_too_large')
      assert.equal(answer.field('connection'), 'close')
      await until(() => service.seen[0]?.isOver === true)
      assert.deepEqual([service.seen[0]?.isWhole, service.seen[0]?.bytes], [false, MOST])
      assert.deepEqual([agent.records[0]?.status, agent.records[0]?.reason], [413, 'body_too_large'])
    },
  )

  test(`${io}: one that is too large at its beginning reaches no service`, { skip }, async () => {
    await using service = await startCounting()
    await using agent = await startAgent({ objects: openRelease(service.url), settings: { io, bodyBytesMax: 5 } })
    const answer = await sendRaw(agent.http, `${CHUNKED}${chunk(6)}0\r\n\r\n`, 'POST')
    assert.equal(answer.status, 413)
    assert.ok(!service.seen.some(({ isWhole, bytes }) => isWhole || bytes > 0))
    assert.equal((await sendRaw(agent.http, `${CHUNKED}${chunk(5)}0\r\n\r\n`, 'POST')).status, 200)
  })

  test(`${io}: when the answer has begun already, the connection is cut`, { skip }, async () => {
    await using service = await startCounting(true)
    await using agent = await start(service.url)
    await using client = await openRaw(agent.http)
    let got = ''
    client.socket.on('data', (data: Buffer) => (got += data.toString('latin1')))
    client.write(`${CHUNKED}${chunk(20_000)}`)
    await until(() => got.includes('early'))
    client.write(`${chunk(MOST)}0\r\n\r\n`)
    await client.ended().catch(() => '')
    await until(() => service.seen[0]?.isOver === true)
    assert.equal(service.seen[0]?.isWhole, false)
    assert.ok(!got.endsWith('0\r\n\r\n'), 'the answer looks whole')
    assert.equal(agent.records[0]?.reason, 'body_too_large')
  })

  test(`${io}: whatever is sent beyond the bound, no more memory is taken than for one read`, { skip }, async () => {
    await using service = await startCounting()
    await using agent = await start(service.url)
    const before = process.memoryUsage.rss()
    const clients = Array.from({ length: 50 }, async () => {
      await using client = await openRaw(agent.http)
      client.write(`${CHUNKED}${chunk(MIB)}0\r\n\r\n`)
      return (await client.read('POST').catch(() => null))?.status ?? 413
    })
    assert.ok((await Promise.all(clients)).every((status) => status === 413))
    assert.ok(process.memoryUsage.rss() - before < 300 * MIB)
    assert.ok(!service.seen.some(({ isWhole, bytes }) => isWhole || bytes > MOST))
  })
}

for (const declared of [true, false]) {
  test(`HTTP/2: a body that ${declared ? 'is declared' : 'grows'} too large is refused with 413`, async () => {
    await using service = await startCounting()
    await using agent = await startAgent({ objects: openRelease(service.url), settings: { bodyBytesMax: MOST } })
    const session = connectHttp2(agent.h2c).on('error', () => {})
    const length = declared ? { 'content-length': String(2 * MOST) } : {}
    const stream = session.request({ ':method': 'POST', ':path': '/up', ':authority': 'api.example.com', ...length })
    stream.on('error', () => {})
    const answered = once(stream, 'response') as Promise<[Record<string, unknown>]>
    stream.write(Buffer.alloc(2 * MOST))
    const [fields] = await answered
    assert.equal(fields[':status'], 413)
    let body = ''
    for await (const piece of stream.setEncoding('utf8')) body += String(piece)
    assert.equal(reasonOf(body), 'body_too_large')
    assert.ok(!service.seen.some(({ isWhole }) => isWhole))
    // Others on the connection are not harmed.
    const other = session.request({ ':method': 'GET', ':path': '/', ':authority': 'api.example.com' })
    const [otherFields] = (await once(other, 'response')) as [Record<string, unknown>]
    assert.equal(otherFields[':status'], 200)
    session.destroy()
  })
}

test('without a bound every size passes', async () => {
  await using service = await startCounting()
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { bodyBytesMax: 0 } })
  assert.equal((await sendRaw(agent.http, `${CHUNKED}${chunk(2 * MOST)}0\r\n\r\n`, 'POST')).status, 200)
})

// Decompression is never done here: what a bomb is made of passes as it is.
test('a compressed body passes byte for byte, both ways, whatever it would become', async () => {
  const bomb = gzipSync(Buffer.alloc(128 * MIB))
  let arrived = Buffer.alloc(0)
  await using service = await serveNode((incoming, response) => {
    const pieces: Buffer[] = []
    incoming.on('data', (piece: Buffer) => pieces.push(piece))
    incoming.on('end', () => {
      arrived = Buffer.concat(pieces)
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
    })
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  const before = process.memoryUsage.rss()
  const headers = { host: 'api.example.com', 'content-encoding': 'gzip', 'accept-encoding': 'gzip' }
  const outgoing = request(agent.http, { method: 'POST', headers })
  outgoing.end(bomb)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of incoming) pieces.push(piece as Buffer)
  assert.ok(arrived.equals(bomb))
  assert.ok(Buffer.concat(pieces).equals(bomb))
  assert.equal(incoming.headers['content-encoding'], 'gzip')
  assert.ok(process.memoryUsage.rss() - before < 64 * MIB)
})
