/**
 * Reads the head of a response: status line, fields, and where its body ends.
 *
 * A service that lies about the length of its response could have the rest read as the answer to somebody else, so it
 * is held to the same strictness as a client.
 *
 * Sources: RFC 9112 section 4, 6.1 to 6.3 and 9.3, RFC 9110 section 6.4.1 (no content), 15.
 *
 * @module
 */
import { bytesOf, CR, isName, LF, readLength, SPACE, VALUE } from './bytes.ts'
import { responseConnectionOptions, responseNames } from './fields.ts'
import { framings, Head, type Step, steps } from './head.ts'
import { kinds } from './names.ts'

/** Longest status line and header fields together, in bytes. */
export const RESPONSE_HEAD_BYTES_MAX = 65_536

/** Most header fields of a response. */
const RESPONSE_FIELDS_MAX = 500

const VERSION = bytesOf('HTTP/1.')
const CHUNKED = bytesOf('chunked')
const CLOSE = bytesOf('close')
const KEEP_ALIVE = bytesOf('keep-alive')

export class ResponseHead extends Head {
  status = 0
  /** Where the status stands; what follows it is the reason phrase, and the line's end. */
  statusStart = 0
  statusLineEnd = 0
  framing: number = framings.none
  length = 0
  keepAlive = true
  /** 0 or 1: of the version. */
  minor = 1
  /** Options of `Connection` that are neither `close` nor `keep-alive`: fields of these names end here. */
  options: ReadonlySet<string> | null = null
  /** How long the service keeps an idle connection, in seconds, when it says so; -1: it does not. */
  keepAliveS = -1

  constructor(bytes: Buffer) {
    super(bytes, RESPONSE_FIELDS_MAX)
  }

  /**
   * Reads from the beginning of a head. A head that is not whole is read again when there is more of it.
   *
   * @param toHead whether it answers a HEAD request: then there is no body, whatever the fields say.
   */
  read(start: number, end: number, toHead: boolean): Step {
    const limit = Math.min(end, start + RESPONSE_HEAD_BYTES_MAX)
    const step = this.#readAll(start, limit, toHead)
    return step === steps.more && limit - start >= RESPONSE_HEAD_BYTES_MAX ? steps.refused : step
  }

  #readAll(start: number, limit: number, toHead: boolean): Step {
    const { bytes } = this
    let at = start
    for (let index = 0; index < VERSION.length; index++, at++) {
      if (at === limit) return steps.more
      if (bytes[at] !== VERSION[index]) return steps.refused
    }
    // `1 200 `, or the line's end in place of the last space: some servers leave out an empty phrase with its space.
    if (at + 6 > limit) return steps.more
    const minor = (bytes[at] ?? 0) - 0x30
    const status = readLength(bytes, at + 2, at + 5)
    if (minor !== 0 && minor !== 1) return steps.refused
    if (bytes[at + 1] !== SPACE || status < 100 || status > 599) return steps.refused
    if (bytes[at + 5] !== SPACE && bytes[at + 5] !== CR) return steps.refused
    this.status = status
    this.statusStart = at + 2
    at += 5
    while (at < limit && VALUE[bytes[at] ?? 0] === 1) at++
    if (at + 1 >= limit) return steps.more
    if (bytes[at] !== CR || bytes[at + 1] !== LF) return steps.refused
    this.statusLineEnd = at
    const step = this.readFields(at + 2, limit, responseNames, false)
    return step === steps.done ? this.#checkFraming(minor, toHead) : step
  }

  #checkFraming(minor: number, toHead: boolean): Step {
    const { status } = this
    this.minor = minor
    this.framing = framings.untilClose
    this.length = 0
    this.keepAlive = minor === 1
    this.keepAliveS = -1
    this.options = null
    if (this.contentLengths + this.transferEncodings > 1) return steps.refused
    if (this.contentLengths === 1) {
      const field = this.contentLengthField
      this.length = readLength(this.bytes, this.valueStart(field), this.valueEnd(field))
      if (this.length < 0) return steps.refused
      this.framing = this.length === 0 ? framings.none : framings.length
    } else if (this.transferEncodings === 1) {
      if (minor === 0 || !this.#is(this.transferEncodingField, CHUNKED)) return steps.refused
      this.framing = framings.chunked
    }
    if (toHead || status < 200 || status === 204 || status === 304) this.framing = framings.none
    if (this.connections > 0) this.#readConnection(minor)
    if (this.framing === framings.untilClose) this.keepAlive = false
    return steps.done
  }

  #is(field: number, value: Uint8Array): boolean {
    return isName(this.bytes, this.valueStart(field), this.valueEnd(field), value)
  }

  #readConnection(minor: number): void {
    let field = 0
    while (this.kinds[field] !== kinds.connection) field++
    if (this.connections === 1 && this.#is(field, KEEP_ALIVE)) this.keepAlive = true
    else if (this.connections === 1 && this.#is(field, CLOSE)) this.keepAlive = false
    else {
      this.options = responseConnectionOptions(this.valuesOfKind(kinds.connection))
      this.keepAlive = !this.options.has('close') && (minor === 1 || this.options.has('keep-alive'))
    }
    if (this.keepAlive) this.#readKeepAlive()
  }

  #readKeepAlive(): void {
    for (let field = 0; field < this.count; field++) {
      if (this.kinds[field] !== kinds.keepAlive) continue
      const seconds = /(?:^|[ ,])timeout=([0-9]{1,6})/i.exec(this.valueText(field))?.[1]
      if (seconds !== undefined) this.keepAliveS = Number(seconds)
    }
  }
}
