/**
 * Finds the end of a message's body, whatever delimits it, and writes the body again.
 *
 * @module
 */
import { copyWithin, putCrlf, putHex } from './bytes.ts'
import { ChunkReader } from './chunks.ts'
import { framings } from './head.ts'

export class BodyReader {
  /** One of `framings`. */
  framing: number = framings.none
  /** Bytes of a body with a length that have not been read. */
  left = 0
  /** Place behind the last byte that was read; after `transfer`. */
  at = 0
  /** The body has been read to its end. Never by itself when only the connection's end is its own. */
  done = true
  /** What came is no body. */
  invalid = false
  #chunks: ChunkReader | null = null

  begin(framing: number, length: number): void {
    this.framing = framing
    this.left = length
    this.done = framing === framings.none
    this.invalid = false
    if (framing === framings.chunked) (this.#chunks ??= new ChunkReader()).reset()
  }

  /**
   * Reads until the end of the body or of what is there, and writes the same again.
   *
   * @param chunked whether what is not delimited by a length goes out in chunks; false: its data only.
   * @returns the place behind what was written. Never more bytes than were read, and 24.
   */
  transfer(bytes: Buffer, start: number, end: number, to: number, chunked: boolean): number {
    if (this.framing === framings.length) {
      this.at = Math.min(end, start + this.left)
      this.left -= this.at - start
      this.done = this.left === 0
      return copyWithin(bytes, to, start, this.at)
    }
    if (this.framing === framings.chunked) return this.#transferChunks(bytes, start, end, to, chunked)
    this.at = start
    if (this.framing === framings.none || start === end) return to
    this.at = end
    const at = chunked ? putCrlf(bytes, putHex(bytes, to, end - start)) : to
    const written = copyWithin(bytes, at, start, end)
    return chunked ? putCrlf(bytes, written) : written
  }

  #transferChunks(bytes: Buffer, start: number, end: number, to: number, chunked: boolean): number {
    const chunks = (this.#chunks ??= new ChunkReader())
    const at = chunks.transfer(bytes, start, end, to, chunked)
    this.at = chunks.at
    this.done = chunks.done
    this.invalid = chunks.invalid
    return at
  }
}
