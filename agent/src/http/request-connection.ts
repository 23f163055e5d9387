/**
 * What every connection of a client does, whatever becomes of its requests: reads them one after the other, hands each to
 * the pipeline, and refuses what is to be refused.
 *
 * One request is worked on at a time. What arrives meanwhile (pipelining) waits unread in a bounded piece, and the
 * socket is not read: whatever a client sends without taking answers, it fills its own buffers.
 *
 * Sources: RFC 9112 section 9.3 (pipelining, persistence) and 9.6 (tear-down).
 *
 * @module
 */
import type { Reason, RequestHead as CoreHead } from '@headgate/core'
import { BufferedConnection } from './buffered-connection.ts'
import { CR, LF } from './bytes.ts'
import { ClientBody } from './client-body.ts'
import { type ClientOrigin, ClientRequest } from './client-request.ts'
import type { EngineParts } from './engine-parts.ts'
import type { Exchange, Fields, Forwarding } from './exchange.ts'
import { steps } from './head.ts'
import type { Io } from './io.ts'
import { isPreface } from './preface.ts'
import { writeRefusal } from './refusals.ts'
import { connectionSays } from './response-writer.ts'
import { wireRefusal } from './wire-refusal.ts'
import type { WireReason } from './wire-reasons.ts'

/** How long a client may still send after its last answer: closing at once could overtake the answer with a reset. */
export const LINGER_MS = 500
/** Blank lines in front of a request, in bytes. */
const BLANK_BYTES_MAX = 64

const PROBLEM_FIELDS: Fields = [
  ['content-type', 'application/problem+json'],
  ['cache-control', 'no-store'],
]
export const NO_FIELDS: Fields = []

export const states = {
  /** Between requests, or in the middle of a head. */
  head: 0,
  /** The decision is awaited. */
  deciding: 1,
  /** The beginning of the request's body is awaited. */
  gathering: 2,
  /** A connection to the service is awaited. */
  waiting: 3,
  /** The request's body is passed on. */
  body: 4,
  /** The request is with the service to its last byte. */
  sent: 5,
  /** The response is complete, and its last bytes wait for the client. */
  flushing: 6,
  /** The body of an answered request is read and thrown away. */
  discarding: 7,
  /** The connection is one side of a tunnel. */
  tunnel: 8,
  /** The last answer is given. */
  closing: 9,
} as const

/** States in which the client's bytes are wanted, beside `head`. */
const READING: ReadonlySet<number> = new Set([states.gathering, states.body, states.discarding, states.closing])

export abstract class RequestConnection extends BufferedConnection implements Exchange {
  readonly tls: string | null
  /** Takes the connection over, with what has arrived, when it begins with HTTP/2; null: nobody does. */
  onPreface: ((connection: RequestConnection, first: Buffer) => void) | null = null
  protected readonly request: ClientRequest
  protected readonly body: ClientBody
  protected state: number = states.head
  protected keepAlive = true
  /** Whether a request is there that is owed an answer. */
  protected isOpen = false
  #requests = 0
  #blankBytes = 0
  #headStartedMs = 0

  constructor(parts: EngineParts, io: Io, origin: ClientOrigin) {
    super(parts, io)
    this.tls = origin.tls
    this.request = new ClientRequest(parts.requestHead, origin)
    this.body = new ClientBody(parts)
    // A connection on which nothing comes is no better than a head that does not come.
    parts.wheel.set(this, parts.settings.headTimeoutMs)
  }

  // What is done with requests that are allowed.

  abstract forward(forwarding: Forwarding): void
  abstract withdraw(reason: Reason): void
  /** Whether the present request is being forwarded. */
  protected abstract get isForwarding(): boolean
  /** A request has begun. */
  protected abstract begun(): void
  /** Gives up the request to the service, because the client has left or is cut off. */
  protected abstract abandon(): void
  /** Sends a range of the arena to the client. */
  abstract send(start: number, end: number): void
  /** As in `Exchange`. */
  abstract readonly bodyBytes: number
  /** Reads the socket on, when nothing speaks against it. */
  protected abstract resume(): void

  // The exchange, as the pipeline sees it.

  get head(): CoreHead {
    return this.request
  }

  get startedMs(): number {
    return this.request.startedMs
  }

  refuse(status: number, fields: Fields, body: string): void {
    if (!this.isOpen) return
    this.isOpen = false
    if (this.closed || this.state === states.closing) return
    const { arena, settings, draining, date } = this.parts
    // A client that was not told to continue may send its body or not: the connection cannot be read any further.
    const isUnreadable = this.body.expectsContinue || this.body.left > settings.discardBytesMax
    if ((!this.body.done && isUnreadable) || draining()) this.keepAlive = false
    this.request.letFieldsGo()
    const { out } = arena
    const { toHead } = this.request
    const refusal = { status, fields, body, date: date(), connection: this.connectionSays(), toHead }
    this.send(out, writeRefusal(arena.bytes, out, refusal))
    this.endExchange()
  }

  crash(thrown: unknown): void {
    const { onMalformed, log, requestId, clock } = this.parts
    onMalformed('internal_error')
    const id = requestId(clock.now())
    log.error({ err: thrown, request_id: id }, 'a request could not be handled: a bug')
    this.keepAlive = false
    if (!this.isForwarding && this.isOpen) this.#refuseWith('internal_error', id, NO_FIELDS)
    else this.cut()
  }

  /** Ends the connection when nothing is being worked on. */
  closeIdle(): void {
    if (this.state === states.head && this.waiting === 0) this.close()
  }

  // Reading.

  protected get isDeaf(): boolean {
    return this.state === states.closing
  }

  protected overflowed(): void {
    this.cut()
  }

  protected step(): boolean {
    switch (this.state) {
      case states.head:
        // Answers that nobody takes must not pile up.
        if (!this.blocked) return this.#readHead()
        this.pause()
        return false
      case states.discarding:
        this.#discard()
        return true
      case states.closing:
        return false
      default:
        this.pause()
        return false
    }
  }

  protected pause(): void {
    if (!this.paused) this.io.pause(this)
  }

  /** Reads on: first what waits, then the socket. */
  protected goOn(): void {
    if (this.isReading) return
    this.readWaiting()
    const isWanted = this.state === states.head ? !this.blocked : READING.has(this.state)
    if (isWanted) this.resume()
  }

  #readHead(): boolean {
    const { requestHead: head, arena, settings, clock, wheel } = this.parts
    if (!this.#skipBlankLines(arena.bytes)) return false
    const step = head.read(this.at, this.end)
    if (step === steps.more) {
      if (this.#headStartedMs === 0) {
        this.#headStartedMs = wheel.nowMs
        wheel.set(this, settings.headTimeoutMs)
      }
      return false
    }
    if (step === steps.refused) {
      if (this.#isPreface(arena.bytes)) {
        this.#handOver()
        return false
      }
      this.request.toHead = head.method === 'HEAD' && head.methodKnown
      this.refuseWire(head.reason)
      return false
    }
    this.deadlineMs = 0
    this.#headStartedMs = 0
    this.#blankBytes = 0
    this.at = head.end
    this.request.take(clock.monotonic())
    this.body.take(head)
    this.begun()
    this.isOpen = true
    this.#requests += 1
    // What follows a method that we do not know (CONNECT among them) may be anything.
    this.keepAlive = head.keepAlive && head.methodKnown && this.#requests < settings.connectionRequestsMax
    this.#handle()
    return true
  }

  #isPreface(bytes: Buffer): boolean {
    if (this.onPreface === null || this.#requests > 0 || this.#blankBytes > 0) return false
    return isPreface(bytes, this.at, this.end)
  }

  /** From here on the connection is somebody else's. */
  #handOver(): void {
    const first = Buffer.from(this.parts.arena.bytes.subarray(this.at, this.end))
    this.state = states.closing
    this.gone()
    this.onPreface?.(this, first)
  }

  /** Some clients send a line's end too much (RFC 9112 section 2.2). */
  #skipBlankLines(bytes: Buffer): boolean {
    while (this.at < this.end && bytes[this.at] === CR) {
      if (this.at + 1 === this.end) return false
      if (bytes[this.at + 1] !== LF || this.#blankBytes > BLANK_BYTES_MAX) {
        this.refuseWire('framing_invalid')
        return false
      }
      this.at += 2
      this.#blankBytes += 2
    }
    return this.at < this.end
  }

  #handle(): void {
    this.state = states.deciding
    try {
      this.parts.handle(this)
    } catch (thrown) {
      this.crash(thrown)
    }
    if (this.isOpen && !this.isForwarding && !this.closed) this.request.pin()
  }

  // Ends.

  protected connectionSays(): number {
    if (!this.keepAlive) return connectionSays.close
    return this.request.chunks ? connectionSays.nothing : connectionSays.keepAlive
  }

  /** An answer has been given: goes on to the next request, when it can be found. */
  protected endExchange(): void {
    this.body.expectsContinue = false
    if (!this.keepAlive) this.close()
    else if (!this.body.done) {
      this.state = states.discarding
      this.body.watch()
      this.parts.wheel.set(this, this.parts.settings.discardMs)
      this.goOn()
    } else this.next()
  }

  protected next(): void {
    const { wheel, settings } = this.parts
    this.state = states.head
    wheel.set(this, this.blocked ? settings.clientIdleMs : settings.keepAliveMs)
    if (this.paused || this.waiting > 0) this.goOn()
  }

  #discard(): void {
    const mayGoOn = this.body.discard(this.at, this.end)
    this.at = this.body.at
    if (this.body.invalid) this.refuseWire('framing_invalid')
    else if (this.body.done) this.next()
    else if (!mayGoOn) this.cut()
  }

  /** Says why nothing more can be read, and ends. */
  protected refuseWire(reason: WireReason, more: Fields = NO_FIELDS): void {
    const { onMalformed, requestId, clock } = this.parts
    onMalformed(reason)
    this.keepAlive = false
    this.isOpen = true
    this.#refuseWith(reason, requestId(clock.now()), more)
  }

  #refuseWith(reason: WireReason, id: string, more: Fields): void {
    const { status, body } = wireRefusal(reason, id)
    this.refuse(status, [...PROBLEM_FIELDS, ['x-request-id', id], ...more], body)
  }

  protected close(): void {
    this.state = states.closing
    this.forgetWaiting()
    this.request.letFieldsGo()
    if (this.closed) return
    this.io.end(this)
    if (this.paused) this.io.resume(this)
    this.parts.wheel.set(this, LINGER_MS)
  }

  protected cut(): void {
    this.abandon()
    this.state = states.closing
    if (!this.closed) this.io.destroy(this)
  }
}
