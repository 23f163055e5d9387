/**
 * Reads the head of a request: request line, fields, and where its body ends.
 *
 * Two readers that disagree about where a request ends are how requests get smuggled past a proxy, so everything about
 * framing that has more than one reading is refused. What a request asks for (host, method, path) is core's to refuse.
 *
 * Sources: RFC 9112 section 3, 6.1 to 6.3 and 9.3, RFC 9110 section 7.6.1 (Connection) and 10.1.1 (Expect).
 *
 * @module
 */
import { bytesOf, CR, isName, isText, LF, NAME, readLength, SPACE, TARGET } from './bytes.ts'
import { connectionOptions, requestNames } from './fields.ts'
import { framings, Head, type Step, steps } from './head.ts'
import { kinds } from './names.ts'
import type { WireReason } from './wire-reasons.ts'

/** Longest request line and header fields together, in bytes. */
export const HEAD_BYTES_MAX = 16_384

/** Those that are served; others are read too, and refused by core. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Longest method, in bytes: far above every registered one. */
const METHOD_LENGTH_MAX = 32

const CHUNKED = bytesOf('chunked')
const CLOSE = bytesOf('close')
const KEEP_ALIVE = bytesOf('keep-alive')
const CONTINUE = bytesOf('100-continue')
const VERSION = bytesOf('HTTP/1.')
const CONTENT_TYPE = bytesOf('content-type')
const WEBSOCKET = bytesOf('websocket')
const GRPC = bytesOf('application/grpc')
const PLUS = 0x2b
const SEMICOLON = 0x3b

export class RequestHead extends Head {
  headStart = 0
  method = ''
  /** Whether the method is one that is served. */
  methodKnown = false
  targetStart = 0
  targetEnd = 0
  /** 0 or 1: of the version. */
  minor = 1
  framing: number = framings.none
  length = 0
  keepAlive = true
  expectsContinue = false
  /** Options of `Connection` that are neither `close` nor `keep-alive`: fields of these names end here. */
  options: ReadonlySet<string> | null = null
  /** Whether the client understands trailers (RFC 9110 section 10.1.4). */
  takesTrailers = false
  /** Whether it asks to become a WebSocket connection, in whatever handshake. */
  asksWebsocket = false
  /** After `refused`. */
  reason: WireReason = 'framing_invalid'

  /**
   * Reads from the beginning of a head. A head that is not whole is read again when there is more of it.
   *
   * @param end of the bytes that are there.
   */
  read(start: number, end: number): Step {
    const limit = Math.min(end, start + HEAD_BYTES_MAX)
    this.headStart = start
    this.method = ''
    this.reason = 'framing_invalid'
    this.tooLarge = false
    const step = this.#readAll(start, limit)
    if (this.tooLarge || (step === steps.more && limit - start >= HEAD_BYTES_MAX)) return this.#refuse('head_too_large')
    return step
  }

  #readAll(start: number, limit: number): Step {
    const { bytes } = this
    let at = start
    while (at < limit && NAME[bytes[at] ?? 0] !== 0) at++
    if (at - start > METHOD_LENGTH_MAX) return steps.refused
    if (at === limit) return steps.more
    if (bytes[at] !== SPACE || at === start) return steps.refused
    this.#setMethod(start, at)

    this.targetStart = ++at
    while (at < limit && TARGET[bytes[at] ?? 0] === 1) at++
    if (at === limit) return steps.more
    if (bytes[at] !== SPACE) {
      const isLineEnd = bytes[at] === CR || bytes[at] === LF
      return isLineEnd ? steps.refused : this.#refuse('target_invalid')
    }
    if (at === this.targetStart) return steps.refused
    this.targetEnd = at++

    for (let index = 0; index < VERSION.length; index++, at++) {
      if (at === limit) return steps.more
      if (bytes[at] !== VERSION[index]) return steps.refused
    }
    if (at + 2 >= limit) return steps.more
    const digit = bytes[at]
    if (digit !== 0x31 && digit !== 0x30) return steps.refused
    this.minor = digit - 0x30
    if (bytes[at + 1] !== CR || bytes[at + 2] !== LF) return steps.refused
    const step = this.readFields(at + 3, limit, requestNames, true)
    return step === steps.done ? this.#checkFraming() : step
  }

  #refuse(reason: WireReason): Step {
    this.reason = reason
    return steps.refused
  }

  // The same text for every request of a kind, so that none is made.
  #setMethod(start: number, end: number): void {
    for (const method of METHODS) {
      if (!isText(this.bytes, start, end, method)) continue
      this.method = method
      this.methodKnown = true
      return
    }
    this.method = this.bytes.toString('latin1', start, end)
    this.methodKnown = false
  }

  #checkFraming(): Step {
    this.framing = framings.none
    this.length = 0
    this.keepAlive = this.minor === 1
    this.options = null
    this.expectsContinue = false
    this.takesTrailers = this.asksWebsocket = false
    if (this.contentLengths + this.transferEncodings > 1) return steps.refused
    if (this.contentLengths === 1) {
      const field = this.contentLengthField
      this.length = readLength(this.bytes, this.valueStart(field), this.valueEnd(field))
      if (this.length < 0) return steps.refused
      if (this.length > 0) this.framing = framings.length
    } else if (this.transferEncodings === 1) {
      if (this.minor === 0 || !this.#is(this.transferEncodingField, CHUNKED)) return steps.refused
      this.framing = framings.chunked
    }
    if (this.connections > 0 && !this.#readConnection()) return steps.refused
    if (this.expects > 0 && this.minor === 1) {
      if (this.expects > 1 || !this.#is(this.expectField, CONTINUE)) return this.#refuse('expectation_unknown')
      this.expectsContinue = this.framing !== framings.none
    }
    // Any other upgrade, and one that is asked of HTTP/1.0, is no business of ours (RFC 9110 section 7.8).
    if (this.upgrades === 1 && this.minor === 1) {
      this.asksWebsocket = this.#is(this.upgradeField, WEBSOCKET) && this.#hasOption('upgrade')
    }
    if (this.tes > 0 && this.minor === 1) this.takesTrailers = saysTrailers(this.valuesOfKind(kinds.te))
    return steps.done
  }

  /** Whether a gRPC call is made: what it needs to be told of its end comes behind the body. */
  get isGrpc(): boolean {
    const { bytes, count } = this
    for (let field = 0; field < count; field++) {
      if (!isName(bytes, this.nameStart(field), this.nameEnd(field), CONTENT_TYPE)) continue
      const start = this.valueStart(field)
      const end = start + GRPC.length
      if (end > this.valueEnd(field) || !isName(bytes, start, end, GRPC)) return false
      // Not `application/grpc-web`, which has its trailers in the body.
      return end === this.valueEnd(field) || bytes[end] === PLUS || bytes[end] === SEMICOLON
    }
    return false
  }

  #is(field: number, value: Uint8Array): boolean {
    return isName(this.bytes, this.valueStart(field), this.valueEnd(field), value)
  }

  #hasOption(name: string): boolean {
    return this.options?.has(name) === true
  }

  #readConnection(): boolean {
    if (this.connections === 1) {
      let field = 0
      while (this.kinds[field] !== kinds.connection) field++
      if (this.#is(field, KEEP_ALIVE)) {
        this.keepAlive = true
        return true
      }
      if (this.#is(field, CLOSE)) {
        this.keepAlive = false
        return true
      }
    }
    const options = connectionOptions(this.valuesOfKind(kinds.connection))
    if (options === null) return false
    this.keepAlive = !options.has('close') && (this.minor === 1 || options.has('keep-alive'))
    this.options = options
    return true
  }
}

/** Whether `trailers` is among the members of `TE`; it has no parameters. */
function saysTrailers(values: readonly string[]): boolean {
  return values.some((value) => value.split(',').some((member) => TRAILERS.test(member)))
}

// One class at each end of a literal: no backtracking.
const TRAILERS = /^[ \t]*trailers[ \t]*$/i
