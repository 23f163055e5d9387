/**
 * Reads a chunked body strictly and writes it again in its simplest form.
 *
 * Extensions and trailers are read, bounded and dropped: nobody between a client and a service agrees on what they
 * mean, and a trailer would get past everything that was decided about header fields. What comes out is made of sizes
 * and data only, so two readers cannot find different ends in it. Where trailers are to pass, `trailers.ts` keeps them.
 *
 * Source: RFC 9112 section 7.1.
 *
 * @module
 */
import { bytesOf, COLON, copyWithin, CR, HEX, LF, NAME, putBytes, putCrlf, putHex, VALUE } from './bytes.ts'
import type { Trailers } from './trailers.ts'

/** Extensions and trailers of one body, in bytes. More are refused. */
export const CHUNK_EXTRAS_BYTES_MAX = 65_536

/** Largest chunk, in bytes: sizes stay whole numbers of 31 bits. */
const CHUNK_BYTES_MAX = 0x7fff_ffff

/** Digits of a size: leading zeros must not be endless. */
const DIGITS_MAX = 16
const SEMICOLON = 0x3b

const LAST_CHUNK = bytesOf('0\r\n')

const states = {
  /** In front of the first digit of a size. */
  size: 0,
  sizeMore: 1,
  extension: 2,
  sizeLf: 3,
  data: 4,
  dataCr: 5,
  dataLf: 6,
  /** At the beginning of a line behind the last chunk. */
  trailer: 7,
  trailerName: 8,
  trailerValue: 9,
  trailerLf: 10,
  endLf: 11,
  done: 12,
  invalid: 13,
} as const

export class ChunkReader {
  #state: number = states.size
  #left = 0
  #digits = 0
  #extras = 0
  /** Bytes of data of the present body that were read. */
  passed = 0
  /** Takes the trailers of the present body; null: they are dropped. */
  trailers: Trailers | null = null

  reset(): void {
    this.trailers = null
    this.#state = states.size
    this.#left = 0
    this.#digits = 0
    this.#extras = 0
    this.passed = 0
  }

  get done(): boolean {
    return this.#state === states.done
  }
  get invalid(): boolean {
    return this.#state === states.invalid
  }

  /** Place behind the last byte that was read; after `transfer`. */
  at = 0

  /**
   * Reads until the end of the body or of what is there, and writes the same again.
   *
   * @param chunked whether chunks are written; false: their data only.
   * @returns the place behind what was written. Never more bytes than were read, and 24; with trailers as much more as
   *   they may be long.
   */
  transfer(bytes: Buffer, start: number, end: number, to: number, chunked: boolean): number {
    let at = start
    let out = to
    while (at < end && this.#state < states.done) {
      if (this.#state === states.data) {
        const length = Math.min(end - at, this.#left)
        if (chunked) out = putCrlf(bytes, putHex(bytes, out, length))
        out = copyWithin(bytes, out, at, at + length)
        if (chunked) out = putCrlf(bytes, out)
        at += length
        this.#left -= length
        this.passed += length
        if (this.#left === 0) this.#state = states.dataCr
      } else this.#step(bytes[at++] ?? 0)
    }
    this.at = at
    return chunked && this.#state === states.done ? this.#end(bytes, out) : out
  }

  #end(bytes: Buffer, to: number): number {
    const at = putBytes(bytes, to, LAST_CHUNK)
    return putCrlf(bytes, this.trailers?.write(bytes, at) ?? at)
  }

  #step(byte: number): void {
    switch (this.#state) {
      case states.size:
      case states.sizeMore:
        this.#readSize(byte)
        break
      case states.extension:
        if (byte === CR) this.#state = states.sizeLf
        else if (VALUE[byte] !== 1) this.#state = states.invalid
        else this.#countExtra()
        break
      case states.sizeLf:
        this.#state = byte !== LF ? states.invalid : this.#left === 0 ? states.trailer : states.data
        break
      case states.dataCr:
        this.#state = byte === CR ? states.dataLf : states.invalid
        break
      case states.dataLf:
        this.#digits = 0
        this.#state = byte === LF ? states.size : states.invalid
        break
      default:
        this.#readTrailer(byte)
    }
  }

  #readSize(byte: number): void {
    const digit = HEX[byte] ?? 255
    if (digit !== 255) {
      this.#left = this.#left * 16 + digit
      this.#digits += 1
      const isSize = this.#left <= CHUNK_BYTES_MAX && this.#digits <= DIGITS_MAX
      this.#state = isSize ? states.sizeMore : states.invalid
    } else if (this.#state === states.size) this.#state = states.invalid
    else if (byte === CR) this.#state = states.sizeLf
    else if (byte === SEMICOLON) {
      this.#state = states.extension
      this.#countExtra()
    } else this.#state = states.invalid
  }

  #readTrailer(byte: number): void {
    switch (this.#state) {
      case states.trailer:
        if (byte === CR) this.#state = states.endLf
        else this.#state = NAME[byte] === 0 ? states.invalid : states.trailerName
        break
      case states.trailerName:
        if (byte === COLON) this.#state = states.trailerValue
        else if (NAME[byte] === 0) this.#state = states.invalid
        break
      case states.trailerValue:
        if (byte === CR) this.#state = states.trailerLf
        else if (VALUE[byte] !== 1) this.#state = states.invalid
        break
      case states.trailerLf:
        this.#state = byte === LF ? states.trailer : states.invalid
        break
      default:
        this.#state = byte === LF ? states.done : states.invalid
    }
    if (this.#state >= states.done) return
    this.#countExtra()
    if (this.trailers?.add(byte) === false) this.#state = states.invalid
  }

  #countExtra(): void {
    this.#extras += 1
    if (this.#extras > CHUNK_EXTRAS_BYTES_MAX) this.#state = states.invalid
  }
}
