/**
 * Finds the end of a message's body, whatever delimits it, and writes the body again.
 *
 * @module
 */
import { copyWithin, putCrlf, putHex } from './bytes.ts'
import { ChunkReader } from './chunks.ts'
import { framings } from './head.ts'
import type { Trailers } from './trailers.ts'

export class BodyReader {
  /** One of `framings`. */
  framing: number = framings.none
  /** Bytes of a body with a length that have not been read. */
  left = 0
  /** Place behind the last byte that was read; after `transfer`. */
  at = 0
  /** The body has been read to its end. Never by itself when only the connection's end is its own. */
  done = true
  /** Bytes of the present body that were read, without framing. */
  passed = 0
  /** What came is no body. */
  invalid = false
  #chunks: ChunkReader | null = null
  /** Of bytes that were looked at and not read. */
  #ahead: ChunkReader | null = null
  #aheadBytes = 0

  begin(framing: number, length: number): void {
    this.framing = framing
    this.left = length
    this.done = framing === framings.none
    this.invalid = false
    this.passed = 0
    this.#aheadBytes = 0
    if (framing !== framings.chunked) return
    ;(this.#chunks ??= new ChunkReader()).reset()
    this.#ahead?.reset()
  }

  /** Lets the trailers of the present body pass. Before anything of it is read. */
  passTrailers(trailers: Trailers): void {
    if (this.#chunks !== null && this.framing === framings.chunked) this.#chunks.trailers = trailers
  }

  /**
   * Looks at bytes of a request's body before any is read. Each byte is given once.
   *
   * @param scratch a place of output that may be overwritten.
   * @returns whether what was looked at since `begin` is the whole body, or so much of it, or `invalid`.
   */
  sees(bytes: Buffer, start: number, end: number, scratch: number, enough: number): boolean {
    this.#aheadBytes += end - start
    if (this.framing === framings.length) return this.#aheadBytes >= Math.min(this.left, enough)
    const ahead = (this.#ahead ??= new ChunkReader())
    ahead.transfer(bytes, start, end, scratch, false)
    this.invalid = ahead.invalid
    return ahead.done || ahead.invalid || this.#aheadBytes >= enough
  }

  /**
   * Reads until the end of the body or of what is there, and writes the same again.
   *
   * @param chunked whether what is not delimited by a length goes out in chunks; false: its data only.
   * @returns the place behind what was written. Never more bytes than were read, and 24; with trailers as much more as
   *   they may be long.
   */
  transfer(bytes: Buffer, start: number, end: number, to: number, chunked: boolean): number {
    if (this.framing === framings.length) {
      this.at = Math.min(end, start + this.left)
      this.left -= this.at - start
      this.passed += this.at - start
      this.done = this.left === 0
      return copyWithin(bytes, to, start, this.at)
    }
    if (this.framing === framings.chunked) return this.#transferChunks(bytes, start, end, to, chunked)
    this.at = start
    if (this.framing === framings.none || start === end) return to
    this.at = end
    this.passed += end - start
    const at = chunked ? putCrlf(bytes, putHex(bytes, to, end - start)) : to
    const written = copyWithin(bytes, at, start, end)
    return chunked ? putCrlf(bytes, written) : written
  }

  #transferChunks(bytes: Buffer, start: number, end: number, to: number, chunked: boolean): number {
    const chunks = (this.#chunks ??= new ChunkReader())
    const at = chunks.transfer(bytes, start, end, to, chunked)
    this.at = chunks.at
    this.passed = chunks.passed
    this.done = chunks.done
    this.invalid = chunks.invalid
    return at
  }
}
