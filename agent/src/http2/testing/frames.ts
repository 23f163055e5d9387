/**
 * An HTTP/2 client for tests that writes exactly the frames it is given, and keeps those that it gets.
 *
 * No library client would send what an attacker sends.
 *
 * Sources: RFC 9113 section 4.1 and 6 (frames), RFC 7541 section 5 and 6 (HPACK, without compression here).
 *
 * @module
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const

/** The names of error codes, by their number (RFC 9113 section 7). */
export const codes = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

const HEAD_BYTES = 9

export function frame(type: number, flagBits: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flagBits, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** @param entries identifiers and values. */
export function settings(...entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = entries.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 0xff]), uint32(value)]))
  return frame(types.settings, 0, 0, Buffer.concat(payload))
}

export const SETTINGS_ACK = frame(types.settings, flags.ack, 0)

export function ping(text = 'somebody'): Buffer {
  return frame(types.ping, 0, 0, Buffer.from(text))
}

export function rst(stream: number, code = 8): Buffer {
  return frame(types.rstStream, 0, stream, uint32(code))
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(types.windowUpdate, 0, stream, uint32(increment))
}

export function data(stream: number, text: string | Buffer, ends = false): Buffer {
  return frame(types.data, ends ? flags.endStream : 0, stream, Buffer.from(text))
}

/** Names and values in turn, as literals that no table keeps. */
export function block(...fields: readonly string[]): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < fields.length; at += 2) pieces.push(Buffer.from([0]), text(fields[at]), text(fields[at + 1]))
  return Buffer.concat(pieces)
}

function text(value = ''): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
  return Buffer.concat([Buffer.from([...length, rest]), bytes])
}

export const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'api.example.com'] as const
export const POST = [':method', 'POST', ':scheme', 'http', ':path', '/', ':authority', 'api.example.com'] as const

/** @param bits flags besides END_HEADERS. */
export function headers(stream: number, fields: readonly string[] | Buffer, bits: number = flags.endStream): Buffer {
  const payload = Buffer.isBuffer(fields) ? fields : block(...fields)
  return frame(types.headers, bits | flags.endHeaders, stream, payload)
}

export interface FrameClient extends AsyncDisposable {
  readonly socket: Socket
  /** What has come, in order. */
  readonly frames: readonly Frame[]
  /** The connection is over. */
  readonly closed: boolean
  write(...bytes: readonly Buffer[]): void
  /** @returns whether it came true in that time. */
  until(condition: () => boolean, longestMs?: number): Promise<boolean>
  /** Frames of a type, of a stream if one is given. */
  of(type: number, stream?: number): readonly Frame[]
  /** How the connection or the stream was ended, such as `goaway PROTOCOL_ERROR`; the worst of what came. */
  outcome(stream?: number): string
}

/** @param begun whether preface and settings are exchanged first. @param made a socket that is connected already. */
export async function openFrames(url: string, begun = true, made?: Socket): Promise<FrameClient> {
  const { hostname, port } = new URL(url)
  const socket = made ?? connect({ host: hostname, port: Number(port), noDelay: true })
  if (made === undefined) await once(socket, 'connect')
  const frames: Frame[] = []
  let rest: Buffer = Buffer.alloc(0)
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => (closed = true))
  socket.on('end', () => (closed = true))
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= HEAD_BYTES && rest.length >= HEAD_BYTES + rest.readUIntBE(0, 3)) {
      const end = HEAD_BYTES + rest.readUIntBE(0, 3)
      frames.push({
        type: rest.readUInt8(3),
        flags: rest.readUInt8(4),
        stream: rest.readUInt32BE(5) & 0x7fff_ffff,
        payload: rest.subarray(HEAD_BYTES, end),
      })
      rest = rest.subarray(end)
    }
  })

  const client: FrameClient = {
    socket,
    frames,
    get closed() {
      return closed
    },
    write: (...bytes) => void socket.write(Buffer.concat(bytes)),
    until: async (condition, longestMs = 20_000) => {
      const endMs = performance.now() + longestMs
      while (!condition()) {
        if (performance.now() > endMs) return false
        await sleep(2)
      }
      return true
    },
    of: (type, stream) =>
      frames.filter((each) => each.type === type && (stream === undefined || each.stream === stream)),
    outcome: (stream = 1) => {
      const code = (payload: Buffer, at: number): string => codes[payload.readUInt32BE(at)] ?? 'unknown'
      const goaway = client.of(types.goaway).findLast(({ payload }) => payload.readUInt32BE(4) !== 0)
      if (goaway !== undefined) return `goaway ${code(goaway.payload, 4)}`
      const [reset] = client.of(types.rstStream, stream)
      if (reset !== undefined) return `reset ${code(reset.payload, 0)}`
      if (closed) return 'closed'
      // `:status: 200` stands in the static table.
      const [answer] = client.of(types.headers, stream)
      if (answer !== undefined) return answer.payload[0] === 0x88 ? 'answered 200' : 'answered'
      return client.of(types.ping).some(({ flags: bits }) => bits === flags.ack) ? 'ignored' : 'nothing'
    },
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
      await Promise.resolve()
    },
  }
  if (begun) {
    client.write(PREFACE, settings(), SETTINGS_ACK)
    await client.until(() => client.of(types.settings).length === 2 || closed)
  }
  return client
}
