/**
 * Where frames of WebSocket begin and end in one direction of a tunnel, and the one frame that the agent ever sends.
 *
 * Frames cross as they are; that their ends are known is what lets the agent say goodbye between two of them. What is
 * counted here is trusted by nobody: a side that lies about its lengths spoils only its own goodbye.
 *
 * Source: RFC 6455 section 5.2 (frames), 5.3 (masks), 5.5.1 and 7.4 (close).
 *
 * @module
 */
import { randomFillSync } from 'node:crypto'

/** Codes of RFC 6455 section 7.4.1. */
export const closeCodes = { goingAway: 1001, policy: 1008 } as const

/** Longest head of a frame, in bytes: two, a length of eight, a mask of four. */
const HEAD_BYTES_MAX = 14
/** What a control frame may hold (RFC 6455 section 5.5). */
const CONTROL_BYTES_MAX = 125

const MASKED = 0x80
/** FIN, and opcode 8. */
const CLOSE = 0x88

export class FrameReader {
  /** Bytes of the present frame's data that are still to come. */
  #left = 0
  readonly #head = new Uint8Array(HEAD_BYTES_MAX)
  #headBytes = 0
  /** Whether a close frame has begun: nothing may follow it. */
  closes = false

  /** Whether a frame could begin here. */
  get isBetween(): boolean {
    return this.#left === 0 && this.#headBytes === 0
  }

  /** Takes a piece that crosses. */
  take(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) at = this.#step(bytes, at, end)
  }

  /** @returns the place behind the present frame, or the end of the piece. */
  takeFrame(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    while (at < end && !this.isBetween) at = this.#step(bytes, at, end)
    return at
  }

  #step(bytes: Uint8Array, at: number, end: number): number {
    if (this.#left > 0) {
      const piece = Math.min(this.#left, end - at)
      this.#left -= piece
      return at + piece
    }
    const head = this.#head
    if (this.#headBytes === 0) this.closes ||= ((bytes[at] ?? 0) & 0x0f) === 8
    head[this.#headBytes++] = bytes[at] ?? 0
    if (this.#headBytes >= 2 && this.#headBytes === headLength(head)) {
      this.#left = dataLength(head)
      this.#headBytes = 0
    }
    return at + 1
  }
}

function headLength(head: Uint8Array): number {
  const second = head[1] ?? 0
  const length = second & 0x7f
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & MASKED) === 0 ? 0 : 4)
}

function dataLength(head: Uint8Array): number {
  const length = (head[1] ?? 0) & 0x7f
  if (length < 126) return length
  let value = 0
  for (let index = 2; index < (length === 126 ? 4 : 10); index++) value = value * 256 + (head[index] ?? 0)
  return value
}

/**
 * A frame that ends a connection.
 *
 * @param why ASCII; cut where it is too long.
 * @param masked as what clients send must be; with a mask that nobody can foresee.
 */
export function closeFrame(code: number, why: string, masked: boolean): Uint8Array {
  const data = Buffer.alloc(2 + Math.min(why.length, CONTROL_BYTES_MAX - 2))
  data.writeUInt16BE(code)
  data.write(why, 2, 'latin1')
  const frame = Buffer.alloc(2 + (masked ? 4 : 0) + data.length)
  frame[0] = CLOSE
  frame[1] = (masked ? MASKED : 0) | data.length
  if (!masked) {
    data.copy(frame, 2)
    return frame
  }
  randomFillSync(frame, 2, 4)
  for (let index = 0; index < data.length; index++) {
    frame[6 + index] = (data[index] ?? 0) ^ (frame[2 + (index & 3)] ?? 0)
  }
  return frame
}
