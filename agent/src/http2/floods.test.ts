/**
 * Floods over HTTP/2: what they cost is bounded, and the service notices little of them.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService, type TestService } from '#agent/testing/service.ts'
import {
  data,
  flags,
  frame,
  GET,
  headers,
  openFrames,
  ping,
  POST,
  rst,
  settings,
  types,
  windowUpdate,
} from './testing/frames.ts'

const MIB = 1024 * 1024

const times = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)))
const streamOf = (index: number): number => index * 2 + 1

suite('floods over HTTP/2', () => {
  let service: TestService
  let agent: TestAgent
  before(async () => {
    // Answers nothing, so that what a flood begins stays open unless it is let go.
    service = await startService(() => null)
    agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 50 } })
  })
  after(async () => {
    await agent[Symbol.asyncDispose]()
    await service[Symbol.asyncDispose]()
  })

  // CVE-2023-44487
  test('3,000 streams that are reset at once end the connection, and cause at most 100 requests', async () => {
    const [arrived, memory] = [service.arrived.length, process.memoryUsage().rss]
    await using client = await openFrames(agent.h2c)
    client.write(times(3_000, (index) => Buffer.concat([headers(streamOf(index), GET), rst(streamOf(index))])))
    assert.ok(await client.until(() => client.closed))
    assert.match(client.outcome(), /^(?:goaway|closed)/)
    assert.ok(service.arrived.length - arrived <= 100, `${service.arrived.length - arrived} requests`)
    assert.ok(process.memoryUsage().rss - memory < 64 * MIB)
    assert.ok(await client.until(() => service.connections.open === 0), `${service.connections.open} are still open`)
  })

  test('more streams than may be open at a time end the connection, or are refused', async () => {
    const arrived = service.arrived.length
    await using client = await openFrames(agent.h2c)
    client.write(times(150, (index) => headers(streamOf(index), GET)))
    const isOver = (): boolean => client.closed || client.of(types.rstStream).length === 50
    assert.ok(await client.until(isOver))
    assert.ok(service.arrived.length - arrived <= 100)
  })

  const quiet: readonly (readonly [title: string, piece: Buffer])[] = [
    ['PING', times(1_000, () => ping())],
    ['SETTINGS', times(1_000, () => settings())],
    ['WINDOW_UPDATE of the connection', times(1_000, () => windowUpdate(0, 1))],
    ['WINDOW_UPDATE of a stream', times(1_000, () => windowUpdate(1, 1))],
    ['PRIORITY', times(1_000, () => frame(types.priority, 0, 1, Buffer.alloc(5)))],
    ['empty DATA', times(1_000, () => data(1, ''))],
    [
      'padding',
      times(100, () => frame(types.data, flags.padded, 1, Buffer.concat([Buffer.from([255]), Buffer.alloc(255)]))),
    ],
    ['frames of an unknown type', times(1_000, () => frame(0x16, 0, 0, Buffer.alloc(32)))],
    ['frames of streams that are gone', times(1_000, () => rst(3))],
  ]
  for (const [title, piece] of quiet) {
    test(`a flood of ${title} is cut, and asks nothing of the service`, async () => {
      const [arrived, memory] = [service.arrived.length, process.memoryUsage().rss]
      await using client = await openFrames(agent.h2c)
      client.write(headers(1, POST, 0), headers(3, GET), rst(3))
      let pieces = 0
      for (; !client.closed && pieces < 200; pieces++) {
        client.write(piece)
        await client.until(() => client.closed, 10)
      }
      assert.ok(client.closed, 'it goes on')
      assert.ok(service.arrived.length - arrived <= 1)
      assert.ok(process.memoryUsage().rss - memory < 64 * MIB)
    })
  }

  // CVE-2024-27316
  test('a header block that never ends is cut', async () => {
    await using client = await openFrames(agent.h2c)
    client.write(frame(types.headers, 0, 1, Buffer.alloc(0)))
    for (let pieces = 0; !client.closed && pieces < 200; pieces++) {
      client.write(frame(types.continuation, 0, 1, Buffer.from([0, 1, 0x61, 1, 0x62])))
      await client.until(() => client.closed, 2)
    }
    assert.ok(client.closed)
  })

  // The compression bomb: a field of 4 KiB in the table, and a byte for each time that it is meant.
  test('fields that are large only when they are unpacked are refused', async () => {
    await using client = await openFrames(agent.h2c)
    const large = Buffer.concat([
      Buffer.from([0x40, 1, 0x78, 0x7f, 0x80 | ((3_900 - 127) & 127), (3_900 - 127) >> 7]),
      Buffer.alloc(3_900, 0x79),
    ])
    client.write(headers(1, Buffer.concat([large, Buffer.alloc(10_000, 0xbe)])))
    assert.ok(await client.until(() => client.outcome() !== 'nothing'))
    assert.match(client.outcome(), /^(?:goaway|reset)/)
  })

  test('129 fields are refused, and so are more than 16 KiB of them', async () => {
    await using client = await openFrames(agent.h2c)
    const arrived = service.arrived.length
    client.write(headers(1, [...GET, ...Array.from({ length: 250 }, () => 'x')]))
    client.write(headers(3, [...GET, 'x', 'y'.repeat(16_384 - 100)]))
    assert.ok(await client.until(() => client.of(types.rstStream).length === 2))
    assert.deepEqual([client.outcome(1), client.outcome(3)], ['reset ENHANCE_YOUR_CALM', 'reset ENHANCE_YOUR_CALM'])
    assert.equal(service.arrived.length, arrived)
  })

  test('malformed requests end the connection after a few', async () => {
    await using client = await openFrames(agent.h2c)
    client.write(times(200, (index) => headers(streamOf(index), [...GET, 'connection', 'x'])))
    assert.ok(await client.until(() => client.closed))
  })

  test('SETTINGS with many entries end the connection', async () => {
    await using client = await openFrames(agent.h2c)
    client.write(settings(...Array.from({ length: 100 }, () => [4, 65_535] as const)))
    assert.ok(await client.until(() => client.closed))
  })
})

suite('slow clients over HTTP/2', () => {
  const quick = { headTimeoutMs: 200, clientIdleMs: 200, keepAliveMs: 200, drainMs: 50 }
  let service: TestService
  let agent: TestAgent
  before(async () => {
    service = await startService(() => `HTTP/1.1 200 OK\r\ncontent-length: ${MIB}\r\n\r\n${'x'.repeat(MIB)}`)
    agent = await startAgent({ objects: openRelease(service.url), settings: quick })
  })
  after(async () => {
    await agent[Symbol.asyncDispose]()
    await service[Symbol.asyncDispose]()
  })

  for (const [title, bytes] of [
    ['a connection without a request', Buffer.alloc(0)],
    ['half a header block', frame(types.headers, 0, 1, Buffer.from([0, 9, 0x78]))],
    ['half a frame', headers(1, GET).subarray(0, 20)],
  ] as const) {
    test(`${title} ends in time`, async () => {
      await using client = await openFrames(agent.h2c)
      client.write(bytes)
      assert.ok(await client.until(() => client.closed))
    })
  }

  test('a connection without even a preface ends in time', async () => {
    await using client = await openFrames(agent.h2c, false)
    assert.ok(await client.until(() => client.closed))
  })

  test('a body that does not come ends its stream, and lets the service go', async () => {
    await using client = await openFrames(agent.h2c)
    client.write(
      headers(1, [...POST, 'content-length', '100000'], 0),
      data(1, Buffer.alloc(16_384)),
      data(1, Buffer.alloc(10_000)),
    )
    assert.ok(await client.until(() => client.outcome() !== 'nothing'))
    assert.ok(await client.until(() => service.connections.open === 0))
  })

  test('a reader with a window of 0 ends its stream, and lets the service go', async () => {
    await using client = await openFrames(agent.h2c)
    client.write(settings([4, 0]), headers(1, GET))
    assert.ok(await client.until(() => client.of(types.rstStream).length === 1))
    assert.ok(await client.until(() => service.connections.open === 0))
    assert.equal(agent.records.at(-1)?.status, 499)
  })

  test('a reader that does not read its socket is let go, and the service too', async () => {
    await using client = await openFrames(agent.h2c)
    client.write(windowUpdate(0, 64 * MIB), settings([4, 64 * MIB]))
    client.socket.pause()
    client.write(times(40, (index) => headers(streamOf(index), GET)))
    const before = agent.records.length
    assert.ok(await client.until(() => agent.records.length - before >= 40 && service.connections.open === 0))
  })
})
