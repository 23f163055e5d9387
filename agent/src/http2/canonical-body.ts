/**
 * Reads a body that our own writers made: of a known length, or in chunks without extensions.
 *
 * What comes is trusted in its form, because the strict readers of the engine have gone over it; it may be cut into
 * pieces at any place.
 *
 * @module
 */
import { CR, HEX, LF } from '#agent/http/bytes.ts'
import { framings } from '#agent/http/head.ts'

const states = { size: 0, sizeLf: 1, data: 2, dataEnd: 3, trailer: 4, done: 5 } as const

const NOTHING = Buffer.alloc(0)

export class CanonicalBody {
  done = true
  /** Lines behind the last chunk, as latin-1, each with its end. */
  trailers = ''
  #isChunked = false
  #state: number = states.done
  #left = 0

  /** @param framing one of `framings`. */
  begin(framing: number, length: number): void {
    this.#isChunked = framing === framings.chunked
    this.#left = this.#isChunked ? 0 : length
    this.#state = this.#isChunked ? states.size : states.data
    this.done = framing === framings.none || (framing === framings.length && length === 0)
  }

  /** @returns a copy of the data in this range of bytes. */
  read(bytes: Buffer, start: number, end: number): Buffer {
    let data = NOTHING
    let length = 0
    let at = start
    while (at < end && !this.done) {
      if (this.#state !== states.data) {
        this.#step(bytes[at++] ?? 0)
        continue
      }
      const piece = Math.min(end - at, this.#left)
      // All of it at once: what is not data is a few bytes.
      if (data === NOTHING) data = Buffer.allocUnsafe(end - at)
      bytes.copy(data, length, at, at + piece)
      length += piece
      at += piece
      this.#left -= piece
      if (this.#left > 0) continue
      if (this.#isChunked) this.#state = states.dataEnd
      else this.done = true
    }
    return data.subarray(0, length)
  }

  #step(byte: number): void {
    switch (this.#state) {
      case states.size:
        if (byte === CR) this.#state = states.sizeLf
        else this.#left = this.#left * 16 + (HEX[byte] ?? 0)
        break
      case states.sizeLf:
        this.#state = this.#left === 0 ? states.trailer : states.data
        break
      case states.dataEnd:
        if (byte === LF) this.#state = states.size
        break
      default:
        this.trailers += String.fromCharCode(byte)
        if (this.trailers === '\r\n' || this.trailers.endsWith('\r\n\r\n')) this.#end()
    }
  }

  #end(): void {
    this.done = true
    this.#state = states.done
    this.trailers = this.trailers.slice(0, -2)
  }
}
