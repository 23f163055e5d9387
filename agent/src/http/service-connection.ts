/**
 * One connection to a service: reads responses and hands them, made anew, to the client's side.
 *
 * Everything that a service may do wrong ends here: a head that has two readings, a length that is not kept, endless
 * interim responses, bytes that nobody asked for. A connection on which anything of that happened is not used again.
 *
 * Sources: RFC 9112 section 6.3, 7.1 and 9.3, RFC 9110 section 15.2 (interim responses).
 *
 * @module
 */
import { BodyReader } from './body.ts'
import { bytesOf, LF, putBytes } from './bytes.ts'
import type { SharedParts } from './engine-parts.ts'
import type { UpstreamReason } from './exchange.ts'
import { framings, steps } from './head.ts'
import { type Io, OutgoingConnection } from './io.ts'
import { Trailers } from './trailers.ts'
import type { Tunnel } from './tunnel.ts'
import { type Handshake, isAccepted } from './websocket.ts'
import { RESPONSE_HEAD_BYTES_MAX, type ResponseHead } from './response-head.ts'

/** Interim responses to one request. */
const INTERIMS_MAX = 16

/** How long an idle connection is kept, in milliseconds: below the 5 s after which many services close theirs. */
const IDLE_MS = 4_000
/** The same at most, when a service says that it waits longer. */
const IDLE_MS_MAX = 60_000
/** How much before the service we close, in milliseconds. */
const IDLE_MARGIN_MS = 1_000

const LAST_CHUNK = bytesOf('0\r\n\r\n')

const states = { connecting: 0, idle: 1, head: 2, body: 3, tunnel: 4 } as const

/** The client's side of a forwarded request. */
export interface Caller {
  /** Whether the client asked for the head only. */
  readonly toHead: boolean
  /** Whether the client understands chunks and interim responses. */
  readonly chunks: boolean
  /** Whether trailers of the response pass. */
  readonly takesTrailers: boolean
  /** Source address of the client, without port. */
  readonly address: string
  /** What the client has asked for instead of a response; null: nothing. */
  readonly handshake: Handshake | null
  /** When the head of the request was read, in milliseconds of the monotonic clock. */
  readonly startedMs: number
  /** Written bytes wait for the client. */
  readonly blocked: boolean
  /** The connection can be used for the request. */
  connected(connection: ServiceConnection): void
  /** Writes an interim response at a place of the arena. @returns the place behind it. */
  writeInterim(head: ResponseHead, to: number): number
  /** The head of the response is there: writes it at a place of the arena. @returns the place behind it. */
  writeHead(head: ResponseHead, to: number): number
  /**
   * The service has taken the handshake: from now on the connections are a tunnel.
   *
   * @param start of what has come behind the head.
   */
  switched(connection: ServiceConnection, head: ResponseHead, start: number, end: number): Tunnel
  /** Sends a range of the arena to the client. */
  send(start: number, end: number): void
  /** Bytes of the response's body that have passed, without framing. */
  responseBytes: number
  /** The response is complete. */
  answered(): void
  /** @param reset whether the connection ended. */
  failed(reason: UpstreamReason, reset: boolean): void
  /** The service takes more of the request. */
  upstreamDrained(): void
  /** Since when the client neither sends nor takes what it owes, in milliseconds of the wheel; 0: it does. */
  readonly stalledSinceMs: number
  /** Others wait for the connection that is held up by this client. */
  evicted(): void
}

/** Who has opened the connection and counts it. */
export interface ConnectionOwner {
  /** Longest silence in the middle of a response, in milliseconds; 0: no bound. */
  readonly streamIdleMs: number
  /** The head of a response is there. */
  answered(status: number): void
  /** The service broke off, answered with nonsense or not in time. */
  failed(reason: UpstreamReason): void
  /** It can be used for the next request. */
  free(connection: ServiceConnection): void
  /** It could not be made. `lost` follows. */
  unreachable(): void
  /** It is over. */
  lost(connection: ServiceConnection): void
}

export class ServiceConnection extends OutgoingConnection {
  /** When the request was sent to its last byte, in milliseconds of the monotonic clock; 0: it is not yet. */
  sentMs = 0
  readonly #parts: SharedParts
  readonly #owner: ConnectionOwner
  #caller: Caller | null
  #state: number = states.connecting
  readonly #body = new BodyReader()
  #keepAlive = true
  #requestSent = false
  #responseTimeoutMs = 0
  #idleMs = IDLE_MS
  #interims = 0
  #carry: Buffer | null = null
  #tunnel: Tunnel | null = null

  /** @param caller of the first request. */
  constructor(parts: SharedParts, io: Io, owner: ConnectionOwner, caller: Caller, connectTimeoutMs: number) {
    super(io)
    this.#parts = parts
    this.#owner = owner
    this.#caller = caller
    parts.wheel.set(this, connectTimeoutMs)
  }

  opened(): void {
    const caller = this.#caller
    if (caller === null) return this.io.destroy(this)
    this.#parts.wheel.clear(this)
    caller.connected(this)
  }

  /** Begins a request. */
  begin(caller: Caller, responseTimeoutMs: number): void {
    this.#caller = caller
    this.#state = states.head
    this.#requestSent = false
    this.sentMs = 0
    this.#responseTimeoutMs = responseTimeoutMs
    this.#interims = 0
    this.deadlineMs = 0
  }

  /** Sends a range of the arena to the service. */
  send(start: number, end: number): void {
    this.io.write(this, start, end)
    // A service that listens may be silent meanwhile.
    if (this.#state === states.body && !this.paused) this.#watchBody()
    // A service that takes nothing must not hold a request for ever.
    if (this.blocked && this.#state === states.head) this.#parts.wheel.set(this, this.#responseTimeoutMs)
  }

  /** The request was sent to its last byte. */
  requestSent(): void {
    this.#requestSent = true
    this.sentMs = this.#parts.clock.monotonic()
    if (this.#state === states.head) this.#parts.wheel.set(this, this.#responseTimeoutMs)
  }

  /** Nobody waits for the response any more. */
  abandon(): void {
    this.#caller = null
    this.io.destroy(this)
  }

  /** A caller for whom the connection is being made has left. */
  disown(caller: Caller): void {
    if (this.#caller === caller && this.#state === states.connecting) this.abandon()
  }

  /** Since when it is held up by its client; 0: it is not. */
  get stalledSinceMs(): number {
    return this.#state >= states.head ? (this.#caller?.stalledSinceMs ?? 0) : 0
  }

  /** The time for the whole request is over, whoever took it. */
  timeOut(): void {
    const caller = this.#caller
    if (caller === null) return
    this.abandon()
    caller.failed('upstream_timeout', false)
  }

  /** Source address of whoever uses it; empty: nobody does. */
  get callerAddress(): string {
    return this.#caller?.address ?? ''
  }

  /** Gives it up for others that wait. */
  evict(): void {
    this.#caller?.evicted()
  }

  received(start: number, end: number): void {
    if (this.#tunnel !== null) return this.#tunnel.received(this, start, end)
    const caller = this.#caller
    // Bytes that nobody asked for could be read as the answer to the next request.
    if (caller === null || this.#state < states.head) {
      if (caller !== null) this.#fail('upstream_failed', false)
      else this.io.destroy(this)
      return
    }
    if (this.#state === states.body) this.#readBody(caller, start, end, this.#parts.arena.out)
    else if (this.#carry === null) this.#readHead(caller, start, end)
    else this.#readJoined(caller, this.#carry, start, end)
  }

  drained(): void {
    if (this.#tunnel !== null) return this.#tunnel.drained(this)
    if (this.#caller === null) return
    if (this.#state === states.head) {
      if (this.#requestSent) this.#parts.wheel.set(this, this.#responseTimeoutMs)
      else this.#parts.wheel.clear(this)
    }
    this.#caller.upstreamDrained()
  }

  ended(): void {
    if (this.#tunnel !== null) return this.#tunnel.ended(this)
    const caller = this.#caller
    if (caller !== null && this.#state === states.body && this.#body.framing === framings.untilClose) {
      if (caller.chunks) {
        const { out, bytes } = this.#parts.arena
        caller.send(out, putBytes(bytes, out, LAST_CHUNK))
      }
      this.#finish(caller, false)
    } else if (caller === null) this.io.destroy(this)
    else this.#fail('upstream_failed', true)
  }

  gone(): void {
    this.#parts.wheel.remove(this)
    if (this.#tunnel !== null) return this.#tunnel.gone(this)
    const isUnreachable = this.#state === states.connecting && this.#caller !== null
    if (isUnreachable) this.#owner.unreachable()
    this.#owner.lost(this)
    this.#fail(isUnreachable ? 'upstream_unreachable' : 'upstream_failed', true)
  }

  override expired(): void {
    if (this.#caller === null) this.io.destroy(this)
    else if (this.#state === states.connecting) {
      this.#owner.unreachable()
      this.#fail('upstream_unreachable', false)
    } else this.#fail(this.#state === states.head ? 'upstream_timeout' : 'upstream_failed', false)
  }

  /** The client takes more of the response. */
  resume(): void {
    if (this.closed) return
    if (this.paused) this.io.resume(this)
    this.#watchBody()
  }

  #watchBody(): void {
    const { streamIdleMs } = this.#owner
    if (this.#state === states.body && streamIdleMs > 0) this.#parts.wheel.set(this, streamIdleMs)
  }

  #readJoined(caller: Caller, carry: Buffer, start: number, end: number): void {
    const { bytes, joined } = this.#parts.arena
    const isLineEnd = bytes.subarray(start, end).includes(LF)
    carry.copy(bytes, joined)
    bytes.copyWithin(joined + carry.length, start, end)
    const joinedEnd = joined + carry.length + end - start
    // Only a line's end can make a head whole; without this a head that drips would be read again for every byte.
    if (!isLineEnd && joinedEnd - joined < RESPONSE_HEAD_BYTES_MAX) {
      this.#carry = Buffer.from(bytes.subarray(joined, joinedEnd))
      return
    }
    this.#carry = null
    this.#readHead(caller, joined, joinedEnd)
  }

  #readHead(caller: Caller, start: number, end: number): void {
    const { responseHead: head, arena } = this.#parts
    let at = start
    for (;;) {
      const step = head.read(at, end, caller.toHead)
      if (step === steps.more) {
        this.#carry = Buffer.from(arena.bytes.subarray(at, end))
        return
      }
      if (step === steps.refused) return this.#fail('upstream_failed', false)
      at = head.end
      if (head.status >= 200) break
      if (head.status === 101) return this.#switch(caller, at, end)
      if (++this.#interims > INTERIMS_MAX) return this.#fail('upstream_failed', false)
      if (head.status !== 100 && caller.chunks) caller.send(arena.out, caller.writeInterim(head, arena.out))
      if (at === end) return
    }
    this.#owner.answered(head.status)
    this.#state = states.body
    this.#body.begin(head.framing, head.length)
    if (caller.takesTrailers) this.#body.passTrailers(new Trailers(false, head.options))
    // Whoever refuses an upgrade may still have read what follows as something else.
    this.#keepAlive = head.keepAlive && caller.handshake === null
    this.#idleMs = idleMsOf(head.keepAliveS)
    const out = caller.writeHead(head, arena.out)
    this.#readBody(caller, at, end, out)
  }

  /** Becomes a tunnel, when that was asked for and the service shows that it has understood. */
  #switch(caller: Caller, at: number, end: number): void {
    const { responseHead: head, wheel } = this.#parts
    if (caller.handshake === null || !isAccepted(head, caller.handshake)) return this.#fail('upstream_failed', false)
    this.#owner.answered(head.status)
    this.#caller = null
    this.#state = states.tunnel
    wheel.clear(this)
    // It is not one of those any more that others wait for.
    this.#owner.lost(this)
    this.#tunnel = caller.switched(this, head, at, end)
  }

  /** @param to where output goes on; what lies between the arena's place of output and this is sent with it. */
  #readBody(caller: Caller, start: number, end: number, to: number): void {
    const { arena } = this.#parts
    const { bytes, out } = arena
    const body = this.#body
    const at = body.transfer(bytes, start, end, to, caller.chunks)
    caller.responseBytes = body.passed
    if (at > out) caller.send(out, at)
    // What was read before it has been sent; the client's connection is cut, so it is not taken for all.
    if (body.invalid) return this.#fail('upstream_failed', false)
    if (body.done) return this.#finish(caller, body.at < end)
    if (this.#caller !== caller) return
    this.#watchBody()
    if (caller.blocked && !this.paused && !this.closed) {
      this.io.pause(this)
      // Whether the client takes anything is the client's deadline.
      this.#parts.wheel.clear(this)
    }
  }

  /** @param isMore whether bytes came behind the response. */
  #finish(caller: Caller, isMore: boolean): void {
    // The client's side may have ended, and let this go, when it was sent the last bytes.
    if (this.#caller !== caller) return
    this.#caller = null
    const isClean = this.#keepAlive && this.#requestSent && !isMore && !this.blocked && !this.closed
    if (isClean && this.#idleMs > 0) {
      this.#state = states.idle
      if (this.paused) this.io.resume(this)
      this.#parts.wheel.set(this, this.#idleMs)
      this.#owner.free(this)
    } else this.io.destroy(this)
    caller.answered()
  }

  #fail(reason: UpstreamReason, reset: boolean): void {
    const caller = this.#caller
    this.#caller = null
    if (!this.closed) this.io.destroy(this)
    if (caller === null) return
    this.#owner.failed(reason)
    caller.failed(reason, reset)
  }
}

function idleMsOf(keepAliveS: number): number {
  if (keepAliveS === -1) return IDLE_MS
  return Math.max(0, Math.min(IDLE_MS_MAX, keepAliveS * 1_000 - IDLE_MARGIN_MS))
}
