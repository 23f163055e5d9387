/**
 * RFC 9113 and RFC 7541 by the letter: what a client may not send, and what it may, against a whole agent.
 *
 * Titles begin with the section. `goaway` and `reset` name the error code; where several answers are legal, those that
 * the library gives are listed with the reason.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { openRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { startService, type TestService } from '#agent/testing/service.ts'
import * as f from './testing/frames.ts'

const { types, flags, GET, POST } = f

interface Case {
  readonly title: string
  /** What is written once preface and settings are exchanged. */
  readonly send: readonly Buffer[]
  readonly outcome: string | readonly string[]
  /** Requests that the service gets; several numbers where it depends on what is faster. */
  readonly requests?: number | readonly number[]
  readonly stream?: number
  /** Without the exchange. */
  readonly raw?: true
}

const END = flags.endStream
const unfinished = (stream: number, fields: readonly string[] | Buffer, bits: number = END): Buffer =>
  f.frame(types.headers, bits, stream, Buffer.isBuffer(fields) ? fields : f.block(...fields))
const continuation = (stream: number, payload: Buffer, bits: number = flags.endHeaders): Buffer =>
  f.frame(types.continuation, bits, stream, payload)
const get = (...more: readonly string[]): Buffer => f.headers(1, [...GET, ...more])
const post = (...more: readonly string[]): Buffer => f.headers(1, [...POST, ...more], 0)
const without = (name: string): readonly string[] => {
  const at = GET.indexOf(name as (typeof GET)[number])
  return [...GET.slice(0, at), ...GET.slice(at + 2)]
}
const instead = (name: string, value: string): readonly string[] => [name, value, ...without(name)]

const PROTOCOL = 'goaway PROTOCOL_ERROR'
const SIZE = 'goaway FRAME_SIZE_ERROR'
const MALFORMED = 'reset PROTOCOL_ERROR'
/** A code that says less than the RFC asks for. */
const ENDED = 'goaway INTERNAL_ERROR'
const CLOSED = ['goaway STREAM_CLOSED', 'reset STREAM_CLOSED']

const cases: readonly Case[] = [
  // 3 Starting
  { title: '3.4 a preface and settings', send: [f.PREFACE, f.settings(), f.ping()], outcome: 'ignored', raw: true },
  {
    title: '3.4 something else than the preface',
    send: [Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    outcome: ENDED,
    raw: true,
  },
  { title: '3.4 no settings behind the preface', send: [f.PREFACE, f.ping()], outcome: PROTOCOL, raw: true },

  // 4 Frames
  {
    title: '4.1 a frame of an unknown type',
    send: [f.frame(0x16, 0xff, 0, Buffer.alloc(8)), f.ping()],
    outcome: 'ignored',
  },
  { title: '4.1 flags without a meaning', send: [f.frame(types.ping, 0xfe, 0, Buffer.alloc(8))], outcome: 'ignored' },
  { title: '4.1 the reserved bit', send: [f.frame(types.ping, 0, 0x8000_0000, Buffer.alloc(8))], outcome: 'ignored' },
  {
    title: '4.2 DATA of 16,384 bytes',
    send: [post(), f.data(1, Buffer.alloc(16_384), true)],
    outcome: 'answered 200',
    requests: 1,
  },
  { title: '4.2 DATA of 16,385 bytes', send: [post(), f.data(1, Buffer.alloc(16_385), true)], outcome: SIZE },
  { title: '4.2 HEADERS of 16,385 bytes', send: [f.headers(1, Buffer.alloc(16_385))], outcome: SIZE },
  {
    title: '4.3 a header block that ends in the middle',
    send: [f.headers(1, Buffer.from([0, 5, 0x61]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: '4.3 PRIORITY within a header block',
    send: [unfinished(1, GET), f.frame(types.priority, 0, 1, Buffer.alloc(5))],
    outcome: PROTOCOL,
  },
  {
    title: '4.3 HEADERS of another stream within a header block',
    send: [unfinished(1, GET), f.headers(3, GET)],
    outcome: PROTOCOL,
  },

  // 5 Streams
  { title: '5.1 DATA on an idle stream', send: [f.data(1, 'x', true)], outcome: PROTOCOL },
  { title: '5.1 RST_STREAM on an idle stream', send: [f.rst(1)], outcome: PROTOCOL },
  { title: '5.1 WINDOW_UPDATE on an idle stream', send: [f.windowUpdate(1, 1)], outcome: PROTOCOL },
  { title: '5.1 CONTINUATION on an idle stream', send: [continuation(1, f.block(...GET))], outcome: PROTOCOL },
  {
    title: '5.1 PRIORITY on an idle stream',
    send: [f.frame(types.priority, 0, 1, Buffer.from([0, 0, 0, 0, 1])), f.ping()],
    outcome: 'ignored',
  },
  { title: '5.1 DATA behind the end of a stream', send: [get(), f.data(1, 'x')], outcome: CLOSED },
  { title: '5.1 HEADERS behind the end of a stream', send: [get(), get()], outcome: CLOSED },
  {
    title: '5.1 CONTINUATION behind the end of a stream',
    send: [get(), continuation(1, f.block('x', 'y'))],
    outcome: PROTOCOL,
  },
  // What is on its way when a stream is reset may be ignored.
  {
    title: '5.1 DATA behind RST_STREAM',
    send: [post(), f.rst(1), f.data(1, 'x'), f.ping()],
    outcome: [...CLOSED, 'ignored'],
  },
  {
    title: '5.1 HEADERS behind RST_STREAM',
    send: [post(), f.rst(1), get(), f.ping()],
    outcome: [...CLOSED, 'ignored'],
    requests: 0,
  },
  {
    title: '5.1 CONTINUATION behind RST_STREAM',
    send: [post(), f.rst(1), continuation(1, f.block('x', 'y'))],
    outcome: PROTOCOL,
  },
  { title: '5.1.1 a stream of the server', send: [f.headers(2, GET)], outcome: PROTOCOL, stream: 2 },
  // It could be one that was there and is forgotten, so its frames are skipped. Where they end the connection instead,
  // what the other stream asked for may not be on its way yet.
  {
    title: '5.1.1 a stream below another',
    send: [f.headers(5, GET), f.headers(3, GET), f.ping()],
    outcome: [PROTOCOL, 'ignored'],
    stream: 3,
    requests: [0, 1],
  },
  // RFC 9113 took dependencies away; what is left of them is ignored.
  {
    title: '5.3.1 a stream that depends on itself',
    send: [f.headers(1, Buffer.concat([Buffer.from([0, 0, 0, 1, 0]), f.block(...GET)]), END | flags.priority)],
    outcome: ['answered 200', MALFORMED, PROTOCOL],
  },
  {
    title: '5.5 a frame of an unknown type within a header block',
    send: [unfinished(1, GET), f.frame(0x16, 0, 0)],
    outcome: PROTOCOL,
  },

  // 6.1 DATA
  { title: '6.1 DATA without a stream', send: [f.data(0, 'x')], outcome: PROTOCOL },
  {
    title: '6.1 DATA with padding',
    send: [post(), f.frame(types.data, END | flags.padded, 1, Buffer.from('\x03xyz\0\0\0'))],
    outcome: 'answered 200',
    requests: 1,
  },
  {
    title: '6.1 more padding than DATA',
    send: [post(), f.frame(types.data, flags.padded, 1, Buffer.from([9, 1, 2]))],
    outcome: PROTOCOL,
  },

  // 6.2 HEADERS
  { title: '6.2 HEADERS without a stream', send: [f.headers(0, GET)], outcome: PROTOCOL },
  {
    title: '6.2 HEADERS with padding and priority',
    send: [
      f.headers(
        1,
        Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 9]), f.block(...GET), Buffer.alloc(2)]),
        END | flags.padded | flags.priority,
      ),
    ],
    outcome: 'answered 200',
    requests: 1,
  },
  {
    title: '6.2 more padding than HEADERS',
    send: [f.headers(1, Buffer.concat([Buffer.from([255]), f.block(...GET)]), END | flags.padded)],
    outcome: PROTOCOL,
  },
  {
    title: '6.2 HEADERS too short for their priority',
    send: [f.headers(1, Buffer.from([0, 0]), END | flags.priority)],
    outcome: [SIZE, PROTOCOL],
  },

  // 6.3 PRIORITY, 6.4 RST_STREAM
  // Nothing is done with priorities, so not even their form is looked at everywhere.
  {
    title: '6.3 PRIORITY without a stream',
    send: [f.frame(types.priority, 0, 0, Buffer.alloc(5)), f.ping()],
    outcome: [PROTOCOL, 'ignored'],
  },
  // A stream error in the RFC; ending more than the stream is allowed (section 5.4.2).
  {
    title: '6.3 PRIORITY of 4 bytes',
    send: [post(), f.frame(types.priority, 0, 1, Buffer.alloc(4))],
    outcome: [SIZE, 'reset FRAME_SIZE_ERROR'],
  },
  { title: '6.4 RST_STREAM without a stream', send: [f.rst(0)], outcome: PROTOCOL },
  {
    title: '6.4 RST_STREAM of 3 bytes',
    send: [post(), f.frame(types.rstStream, 0, 1, Buffer.alloc(3))],
    outcome: SIZE,
  },

  // 6.5 SETTINGS
  {
    title: '6.5 an acknowledgement with settings',
    send: [f.frame(types.settings, flags.ack, 0, Buffer.alloc(6))],
    outcome: SIZE,
  },
  { title: '6.5 SETTINGS on a stream', send: [f.frame(types.settings, 0, 1)], outcome: PROTOCOL },
  { title: '6.5 SETTINGS of 5 bytes', send: [f.frame(types.settings, 0, 0, Buffer.alloc(5))], outcome: SIZE },
  { title: '6.5.2 ENABLE_PUSH of 2', send: [f.settings([2, 2])], outcome: PROTOCOL },
  {
    title: '6.5.2 INITIAL_WINDOW_SIZE of 2^31',
    send: [f.settings([4, 2 ** 31])],
    outcome: 'goaway FLOW_CONTROL_ERROR',
  },
  { title: '6.5.2 MAX_FRAME_SIZE of 16,383', send: [f.settings([5, 16_383])], outcome: PROTOCOL },
  { title: '6.5.2 MAX_FRAME_SIZE of 2^24', send: [f.settings([5, 2 ** 24])], outcome: PROTOCOL },
  { title: '6.5.2 a setting that is unknown', send: [f.settings([0xff, 1]), f.ping()], outcome: 'ignored' },
  {
    title: '6.5.3 one setting twice',
    send: [f.settings([4, 1], [4, 65_535]), get()],
    outcome: 'answered 200',
    requests: 1,
  },

  // 6.6 to 6.8
  {
    title: '6.6 PUSH_PROMISE of a client',
    send: [f.frame(types.pushPromise, flags.endHeaders, 1, Buffer.concat([f.uint32(2), f.block(...GET)]))],
    outcome: PROTOCOL,
  },
  { title: '6.7 PING', send: [f.ping()], outcome: 'ignored' },
  // Who counts such frames may end the connection.
  {
    title: '6.7 a PING that acknowledges what nobody asked',
    send: [f.frame(types.ping, flags.ack, 0, Buffer.alloc(8)), f.ping()],
    outcome: ['ignored', PROTOCOL, ENDED],
  },
  { title: '6.7 PING on a stream', send: [f.frame(types.ping, 0, 1, Buffer.alloc(8))], outcome: PROTOCOL },
  { title: '6.7 PING of 6 bytes', send: [f.frame(types.ping, 0, 0, Buffer.alloc(6))], outcome: SIZE },
  { title: '6.8 GOAWAY on a stream', send: [f.frame(types.goaway, 0, 1, Buffer.alloc(8))], outcome: PROTOCOL },
  { title: '6.8 GOAWAY of 7 bytes', send: [f.frame(types.goaway, 0, 0, Buffer.alloc(7))], outcome: SIZE },

  // 6.9 WINDOW_UPDATE
  { title: '6.9 WINDOW_UPDATE of the connection by 0', send: [f.windowUpdate(0, 0)], outcome: PROTOCOL },
  { title: '6.9 WINDOW_UPDATE of a stream by 0', send: [post(), f.windowUpdate(1, 0)], outcome: [MALFORMED, PROTOCOL] },
  { title: '6.9 WINDOW_UPDATE of 3 bytes', send: [f.frame(types.windowUpdate, 0, 0, Buffer.alloc(3))], outcome: SIZE },
  {
    title: '6.9.1 a connection window above 2^31-1',
    send: [f.windowUpdate(0, 2 ** 31 - 1), f.windowUpdate(0, 1)],
    outcome: 'goaway FLOW_CONTROL_ERROR',
  },
  {
    title: '6.9.1 a stream window above 2^31-1',
    send: [post(), f.windowUpdate(1, 2 ** 31 - 1)],
    outcome: ['reset FLOW_CONTROL_ERROR', 'goaway FLOW_CONTROL_ERROR'],
  },
  {
    title: '6.9.2 settings that lift a stream window above 2^31-1',
    send: [post(), f.windowUpdate(1, 2 ** 31 - 1 - 65_535), f.settings([4, 65_536])],
    outcome: ['goaway FLOW_CONTROL_ERROR', 'reset FLOW_CONTROL_ERROR'],
  },

  // 6.10 CONTINUATION
  {
    title: '6.10 a header block in three pieces',
    send: [unfinished(1, GET), continuation(1, f.block('a', 'b'), 0), continuation(1, f.block('c', 'd'))],
    outcome: 'answered 200',
    requests: 1,
  },
  { title: '6.10 DATA within a header block', send: [unfinished(1, POST, 0), f.data(1, 'x')], outcome: PROTOCOL },
  {
    title: '6.10 CONTINUATION without a stream',
    send: [unfinished(1, GET), continuation(0, f.block('a', 'b'))],
    outcome: PROTOCOL,
  },
  {
    title: '6.10 CONTINUATION behind a whole header block',
    send: [post(), continuation(1, f.block('a', 'b'))],
    outcome: PROTOCOL,
  },
  {
    title: '6.10 CONTINUATION behind DATA',
    send: [post(), f.data(1, 'x'), continuation(1, f.block('a', 'b'))],
    outcome: PROTOCOL,
  },

  // 7 Error codes
  { title: '7 an unknown code in RST_STREAM', send: [post(), f.rst(1, 0xff), f.ping()], outcome: 'ignored' },
  {
    title: '7 an unknown code in GOAWAY',
    send: [f.frame(types.goaway, 0, 0, Buffer.concat([f.uint32(0), f.uint32(0xff)]))],
    outcome: 'closed',
  },

  // 8.1 Messages
  {
    title: '8.1 trailers that end nothing',
    send: [post(), f.headers(1, ['a', 'b'], 0)],
    outcome: [MALFORMED, PROTOCOL],
  },
  {
    title: '8.1 trailers',
    send: [post(), f.data(1, 'x'), f.headers(1, ['a', 'b'])],
    outcome: 'answered 200',
    requests: 1,
  },
  {
    title: '8.1 a pseudo-header in trailers',
    send: [post(), f.data(1, 'x'), f.headers(1, [':path', '/'])],
    outcome: MALFORMED,
  },
  {
    title: '8.1.1 less DATA than content-length',
    send: [post('content-length', '5'), f.data(1, 'abc', true)],
    outcome: MALFORMED,
  },
  // Here the library ends the connection (section 5.4.2 allows it), with the code for a bug of its own.
  {
    title: '8.1.1 more DATA than content-length',
    send: [post('content-length', '2'), f.data(1, 'abc', true)],
    outcome: [MALFORMED, ENDED],
    requests: 0,
  },
  { title: '8.1.1 a content-length and no DATA', send: [get('content-length', '5')], outcome: MALFORMED },
  {
    title: '8.1.1 several DATA of another sum',
    send: [post('content-length', '5'), f.data(1, 'ab'), f.data(1, 'ab', true)],
    outcome: MALFORMED,
  },

  // 8.2 Fields
  { title: '8.2.1 a name in upper case', send: [get('X-Test', 'y')], outcome: MALFORMED },
  { title: '8.2.1 a name with a space', send: [get('x test', 'y')], outcome: [MALFORMED, 'answered 200'] },
  { title: '8.2.1 a name with a colon', send: [get('x:test', 'y')], outcome: [MALFORMED, 'answered 200'] },
  {
    title: '8.2.1 a value with a line end',
    send: [get('x-test', 'y\r\nx-other: z')],
    outcome: [MALFORMED, 'answered 200'],
  },
  { title: '8.2.1 a value with a zero', send: [get('x-test', 'y\0z')], outcome: [MALFORMED, 'answered 200'] },
  { title: '8.2.1 an empty name', send: [get('', 'y')], outcome: [MALFORMED, 'answered 200'] },
  ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map((name) => ({
    title: `8.2.2 ${name}`,
    send: [get(name, name === 'transfer-encoding' ? 'chunked' : 'x')],
    outcome: MALFORMED,
  })),
  { title: '8.2.2 te of something else than trailers', send: [get('te', 'gzip')], outcome: MALFORMED },
  { title: '8.2.2 te: trailers', send: [get('te', 'trailers')], outcome: 'answered 200', requests: 1 },

  // 8.3 Pseudo-headers
  { title: '8.3 an unknown pseudo-header', send: [f.headers(1, [...GET, ':test', 'x'])], outcome: MALFORMED },
  { title: '8.3 :status in a request', send: [f.headers(1, [...GET, ':status', '200'])], outcome: MALFORMED },
  {
    title: '8.3 a pseudo-header behind a field',
    send: [f.headers(1, [...without(':path'), 'x', 'y', ':path', '/'])],
    outcome: MALFORMED,
  },
  ...[':method', ':scheme', ':path'].flatMap((name) => [
    { title: `8.3.1 no ${name}`, send: [f.headers(1, without(name))], outcome: MALFORMED },
    {
      title: `8.3.1 ${name} twice`,
      send: [f.headers(1, [name, GET[GET.indexOf(name as ':path') + 1] ?? '', ...GET])],
      outcome: MALFORMED,
    },
  ]),
  {
    title: '8.3.1 :authority twice',
    send: [f.headers(1, [...GET, ':authority', 'api.example.com'])],
    outcome: MALFORMED,
  },
  { title: '8.3.1 an empty :path', send: [f.headers(1, instead(':path', ''))], outcome: MALFORMED },
  { title: '8.3.1 a :path with a space', send: [f.headers(1, instead(':path', '/a HTTP/1.1'))], outcome: MALFORMED },
  { title: '8.3.1 a :path with a line end', send: [f.headers(1, instead(':path', '/a\r\nx: y'))], outcome: MALFORMED },
  {
    title: '8.3.1 a :method with a line end',
    send: [f.headers(1, instead(':method', 'GET / HTTP/1.1\r\n'))],
    outcome: MALFORMED,
  },
  {
    title: '8.3.1 an :authority with a line end',
    send: [f.headers(1, instead(':authority', 'x\r\nx: y'))],
    outcome: MALFORMED,
  },
  { title: '8.3.1 a :scheme that is not served', send: [f.headers(1, instead(':scheme', 'ftp'))], outcome: MALFORMED },
  {
    title: '8.3.1 host in place of :authority',
    send: [f.headers(1, [...without(':authority'), 'host', 'api.example.com'])],
    outcome: 'answered 200',
    requests: 1,
  },
  {
    title: '8.3.1 host beside the same :authority',
    send: [get('host', 'api.example.com')],
    outcome: 'answered 200',
    requests: 1,
  },
  { title: '8.3.1 host beside another :authority', send: [get('host', 'other.example.com')], outcome: MALFORMED },
  {
    title: '8.3.1 host twice beside the same :authority',
    send: [get('host', 'api.example.com', 'host', 'api.example.com')],
    outcome: MALFORMED,
  },
  {
    title: '8.3.1 neither host nor :authority',
    send: [f.headers(1, without(':authority'))],
    outcome: ['answered', MALFORMED],
  },
  {
    title: '8.3.1 host twice',
    send: [f.headers(1, [...without(':authority'), 'host', 'a.example.com', 'host', 'b.example.com'])],
    outcome: ['answered', MALFORMED],
  },
  {
    title: '8.5 CONNECT',
    send: [f.headers(1, [':method', 'CONNECT', ':authority', 'api.example.com:443'], 0)],
    outcome: 'answered',
  },
  { title: '8.5 CONNECT with a path', send: [f.headers(1, instead(':method', 'CONNECT'), 0)], outcome: MALFORMED },
  {
    title: '8.5 CONNECT with a protocol',
    send: [f.headers(1, [...instead(':method', 'CONNECT'), ':protocol', 'websocket'], 0)],
    outcome: MALFORMED,
  },

  // RFC 7541
  { title: 'HPACK 2.3.3 index 0', send: [f.headers(1, Buffer.from([0x80]))], outcome: 'goaway COMPRESSION_ERROR' },
  {
    title: 'HPACK 2.3.3 an index behind the table',
    send: [f.headers(1, Buffer.from([0xff, 0x40]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: 'HPACK 4.2 a table size above the bound',
    send: [f.headers(1, Buffer.concat([Buffer.from([0x3f, 0xe2, 0x1f]), f.block(...GET)]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: 'HPACK 4.2 a table size behind a field',
    send: [f.headers(1, Buffer.concat([f.block(...GET), Buffer.from([0x20])]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: 'HPACK 5.2 a Huffman text with a whole byte of padding',
    send: [f.headers(1, Buffer.concat([f.block(...GET), Buffer.from([0, 0x81, 0x1f, 0x82, 0x1f, 0xff])]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: 'HPACK 5.2 a Huffman text that is padded with zeros',
    send: [f.headers(1, Buffer.concat([f.block(...GET), Buffer.from([0, 0x81, 0x18, 0x01, 0x79])]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: 'HPACK 5.2 the end symbol',
    send: [f.headers(1, Buffer.concat([f.block(...GET), Buffer.from([0, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x79])]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
  {
    title: 'HPACK 5.1 a length that never ends',
    send: [f.headers(1, Buffer.from([0x7f, ...Array.from({ length: 20 }, () => 0xff)]))],
    outcome: 'goaway COMPRESSION_ERROR',
  },
]

suite('HTTP/2 by the letter', () => {
  let service: TestService
  let agent: TestAgent
  before(async () => {
    service = await startService()
    agent = await startAgent({ objects: openRelease(service.url) })
  })
  after(async () => {
    await agent[Symbol.asyncDispose]()
    await service[Symbol.asyncDispose]()
  })

  for (const { title, send, outcome, requests, stream, raw } of cases) {
    test(title, async () => {
      const before = service.arrived.length
      await using client = await f.openFrames(agent.h2c, raw === undefined)
      client.write(...send)
      const isOver = (): boolean =>
        !['nothing', ...(expected.includes('ignored') ? [] : ['ignored'])].includes(client.outcome(stream))
      const expected = [outcome].flat()
      await client.until(isOver, 10_000)
      assert.ok(expected.includes(client.outcome(stream)), client.outcome(stream))
      const count = service.arrived.length - before
      if (requests !== undefined) assert.ok([requests].flat().includes(count), `${count} requests arrived`)
      for (const arrived of service.arrived.slice(before)) {
        assert.deepEqual(
          arrived.fields.filter(([name]) => name === 'x-other' || name.includes(' ')),
          [],
        )
      }
    })
  }
})
