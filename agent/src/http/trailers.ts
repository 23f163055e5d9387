/**
 * The fields behind a chunked body: kept while they arrive, and written again without those that have no business there.
 *
 * Used only where trailers pass at all; everywhere else they are read and dropped. Whether their lines are well-formed
 * is seen by the reader of chunks before a byte comes here.
 *
 * Source: RFC 9110 section 6.5, RFC 9112 section 7.1.2.
 *
 * @module
 */
import { COLON, CR, LF, putCrlf, SPACE, TAB } from './bytes.ts'
import { trailerNames } from './fields.ts'
import { kinds } from './names.ts'

/** Trailers of one message with their line ends, in bytes: what gRPC libraries take. More are refused. */
export const TRAILERS_BYTES_MAX = 8_192
/** The same, in fields. */
export const TRAILER_FIELDS_MAX = 64

/** What some servers write as they write `-`. */
const SIGNS = /[^a-z0-9]/g

const BYTES_FIRST = 256
const UNDERSCORE = 0x5f

export class Trailers {
  #bytes = Buffer.allocUnsafe(BYTES_FIRST)
  #length = 0
  #lines = 0
  readonly #isFromClient: boolean
  readonly #dropped: ReadonlySet<string> | null

  /**
   * @param isFromClient whether a service will read them: then no name may hold `_`, as in a head.
   * @param dropped names that do not pass besides, lower case; null: none.
   */
  constructor(isFromClient: boolean, dropped: ReadonlySet<string> | null) {
    this.#isFromClient = isFromClient
    this.#dropped = dropped
  }

  /** Takes the next byte. @returns false when that is more than may come. */
  add(byte: number): boolean {
    if (this.#length === this.#bytes.length) {
      const longer = Buffer.allocUnsafe(2 * this.#length)
      this.#bytes.copy(longer)
      this.#bytes = longer
    }
    this.#bytes[this.#length++] = byte
    if (byte === LF) this.#lines += 1
    return this.#length <= TRAILERS_BYTES_MAX && this.#lines <= TRAILER_FIELDS_MAX
  }

  /** Writes the fields that pass. @returns the place behind them; never more than came, and one byte for each field. */
  write(into: Buffer, to: number): number {
    const bytes = this.#bytes
    let at = to
    for (let start = 0; start < this.#length && bytes[start] !== CR;) {
      const colon = bytes.indexOf(COLON, start)
      const lineEnd = bytes.indexOf(CR, start)
      if (this.#passes(start, colon)) {
        at += bytes.copy(into, at, start, colon)
        into[at++] = COLON
        into[at++] = SPACE
        let [from, end] = [colon + 1, lineEnd]
        while (from < end && isBlank(bytes[from])) from++
        while (end > from && isBlank(bytes[end - 1])) end--
        at = putCrlf(into, at + bytes.copy(into, at, from, end))
      }
      start = lineEnd + 2
    }
    return at
  }

  #passes(start: number, end: number): boolean {
    const bytes = this.#bytes
    if (trailerNames.find(bytes, start, end) !== kinds.other) return false
    const name = bytes.toString('latin1', start, end).toLowerCase()
    if (this.#isFromClient && bytes.subarray(start, end).includes(UNDERSCORE)) return false
    const dropped = this.#dropped
    return dropped === null || !(dropped.has(name) || dropped.has(name.replaceAll(SIGNS, '-')))
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}
