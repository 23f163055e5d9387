/**
 * One connection of a client: reads requests one after the other, hands each to the pipeline, and passes on its body
 * and its answer.
 *
 * One request is worked on at a time. What arrives meanwhile (pipelining) waits unread in a bounded piece, and the
 * socket is not read: whatever a client sends without taking answers, it fills its own buffers. Every wait for the
 * client is bounded; a client that leaves takes its request to the service along.
 *
 * Sources: RFC 9112 section 9.3 (pipelining, persistence) and 9.6 (tear-down), RFC 9110 section 10.1.1 (Expect).
 *
 * @module
 */
import type { RequestHead as CoreHead, TlsPeer } from '@headgate/core'
import { CARRY_BYTES_MAX } from './arena.ts'
import { BodyReader } from './body.ts'
import { CR, isText, LF, bytesOf, putBytes } from './bytes.ts'
import type { EngineParts, UpstreamTarget } from './engine-parts.ts'
import type { Exchange, Fields, Forwarded, Forwarding, UpstreamReason } from './exchange.ts'
import { framings, steps } from './head.ts'
import { Connection, type Io } from './io.ts'
import { type KeptHead, writeKept } from './kept-head.ts'
import { PinnedHead } from './pinned-head.ts'
import { CONTINUE, writeRefusal } from './refusals.ts'
import { HEAD_BYTES_MAX, type RequestHead } from './request-head.ts'
import { type Origin, writeRequestHead, written } from './request-writer.ts'
import type { ResponseHead } from './response-head.ts'
import { connectionSays, writeResponseHead } from './response-writer.ts'
import type { Caller, ServiceConnection } from './service-connection.ts'
import { Trailers } from './trailers.ts'
import { wireRefusal } from './wire-refusal.ts'
import type { WireReason } from './wire-reasons.ts'

/** Body bytes of a refused request that are read and thrown away to keep its connection; more end it. */
const DISCARD_BYTES_MAX = 262_144
/** How long such bytes are waited for, in milliseconds. */
const DISCARD_MS_MAX = 2_000
/** How long a client may still send after its last answer: closing at once could overtake the answer with a reset. */
const LINGER_MS = 500
/** Blank lines in front of a request, in bytes. */
const BLANK_BYTES_MAX = 64
/** Slowest body that is waited for, in bytes a second; IIS and Apache draw the line here too. */
const BODY_BYTES_PER_S_MIN = 240

/**
 * A connection to the service is asked for when so much of a body is there, or all of it, in bytes: otherwise clients
 * that promise bodies and send none would hold all connections.
 */
const GATHERED_BYTES = 16_384

const PROBLEM_FIELDS: Fields = [
  ['content-type', 'application/problem+json'],
  ['cache-control', 'no-store'],
]

const states = {
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
  /** The last answer is given. */
  closing: 8,
} as const

export class ClientConnection extends Connection implements Exchange, CoreHead, Caller, Origin {
  readonly scheme: 'http' | 'https'
  readonly address: string
  readonly tls: string | null
  readonly peer: TlsPeer | null
  readonly forwardedFields: Uint8Array
  readonly #parts: EngineParts
  #state: number = states.head

  // Input: what was carried from earlier reads, and what is being read now.
  #carry: Buffer | null = null
  #carryStart = 0
  #at = 0
  #end = 0
  #consuming = false
  #blankBytes = 0

  // The request.
  method = ''
  target = ''
  startedMs = 0
  toHead = false
  chunks = true
  takesTrailers = false
  sendsTrailers = false
  #hosts: readonly string[] = NO_VALUES
  #keepAlive = true
  readonly #body = new BodyReader()
  #expectsContinue = false
  /** Whether a request is there that is owed an answer. */
  #isOpen = false
  #headThere = false
  #pinned: PinnedHead | null = null
  #bodyDeadlineMs = 0
  #windowBytes = 0
  /** Since when less has come of the body than must come in a second. */
  #flowMs = 0
  #flowBytes = 0
  /** Since when the client takes nothing, while it is `blocked`. */
  #blockedMs = 0

  // Its way to the service.
  #forwarding: Forwarding | null = null
  #target: UpstreamTarget | null = null
  #upstream: ServiceConnection | null = null
  #kept: KeptHead | null = null
  #isAgain = false
  #forwardedMs = 0
  #status = 0

  constructor(
    parts: EngineParts,
    io: Io,
    scheme: 'http' | 'https',
    address: string,
    tls: string | null,
    peer: TlsPeer | null,
  ) {
    super(io)
    this.#parts = parts
    this.scheme = scheme
    this.address = address
    this.tls = tls
    this.peer = peer
    this.forwardedFields = bytesOf(`X-Forwarded-For: ${address}\r\nX-Forwarded-Proto: ${scheme}\r\nX-Forwarded-Host: `)
    // A connection on which nothing comes is no better than a head that does not come.
    parts.wheel.set(this, parts.settings.headTimeoutMs)
  }

  // The exchange, as the pipeline sees it.

  get head(): CoreHead {
    return this
  }

  get host(): string {
    return this.#hosts[0] ?? ''
  }

  header(name: string): readonly string[] {
    if (name === 'host') return this.#hosts
    if (this.#pinned !== null) return this.#pinned.values(name)
    return this.#headThere ? this.#parts.requestHead.values(name) : NO_VALUES
  }

  refuse(status: number, fields: Fields, body: string): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (this.closed || this.#state === states.closing) return
    const { arena } = this.#parts
    // A client that was not told to continue may send its body or not: the connection cannot be read any further.
    const isUnreadable = !this.#body.done && (this.#expectsContinue || this.#body.left > DISCARD_BYTES_MAX)
    if (isUnreadable || this.#parts.draining()) this.#keepAlive = false
    this.#letHeadGo()
    const { out } = arena
    const date = this.#parts.date()
    const connection = this.#connectionSays()
    const refusal = { status, fields, body, date, connection, toHead: this.toHead }
    this.send(out, writeRefusal(arena.bytes, out, refusal))
    this.#endExchange()
  }

  forward(forwarding: Forwarding): void {
    const { upstreams, requestHead, arena, keptHeads, clock } = this.#parts
    this.#forwarding = forwarding
    this.#forwardedMs = clock.monotonic()
    this.#status = 0
    this.#isAgain = false
    if (this.closed || this.#state === states.closing) {
      this.#target = null
      return this.#endForwarding('abandoned', null)
    }
    const target = upstreams.pick(forwarding.service)
    this.#target = target
    if (target === null) return this.#endForwarding('failed', 'upstream_unreachable')
    this.#pinned?.restore(requestHead, arena.joined)
    this.#passTrailers(requestHead, forwarding)
    const out = arena.out
    const end = writeRequestHead(requestHead, out, forwarding, target.hostLine, this)
    const isGathered = this.#body.done || target.streams || this.#looksEnough(end)
    if (this.#body.invalid) {
      this.#letHeadGo()
      return this.#refuseBody()
    }
    const connection = isGathered ? target.take() : null
    if (connection === null || this.#isRepeatable || !this.#consuming) {
      this.#kept = keptHeads.keep(arena.bytes, out, written.lineEnd, written.hostEnd, end)
    }
    this.#letHeadGo()
    if (!isGathered) this.#gather()
    else if (connection === null) this.#wait(target)
    else if (this.#consuming) this.#launch(connection, end)
    else this.connected(connection)
  }

  crash(thrown: unknown): void {
    const { onMalformed, log, requestId, clock } = this.#parts
    onMalformed('internal_error')
    const id = requestId(clock.now())
    log.error({ err: thrown, request_id: id }, 'a request could not be handled: a bug')
    const { status, body } = wireRefusal('internal_error', id)
    this.#keepAlive = false
    if (this.#forwarding === null && this.#isOpen) {
      this.refuse(status, [...PROBLEM_FIELDS, ['x-request-id', id]], body)
    } else this.#cut()
  }

  // The socket's side.

  received(start: number, end: number): void {
    if (this.#state === states.closing) return
    if (this.#state === states.gathering) return this.#gatherMore(start, end)
    if (this.#carry === null) {
      const left = this.#consume(start, end)
      if (left < end && !this.closed) this.#keep(left, end)
      return
    }
    // Only a line's end can make a head whole; without this a head that drips would be read again for every byte.
    const isLineEnd = this.#state !== states.head || this.#parts.arena.bytes.subarray(start, end).includes(LF)
    this.#keep(start, end)
    if (isLineEnd || (this.#carry?.length ?? 0) > HEAD_BYTES_MAX) this.#consumeCarry()
  }

  ended(): void {
    if (this.#state === states.closing) return
    if (this.#state === states.flushing) {
      this.#keepAlive = false
      return
    }
    this.#abandon()
    this.io.end(this)
    this.#state = states.closing
    this.#parts.wheel.set(this, LINGER_MS)
  }

  gone(): void {
    this.#parts.wheel.remove(this)
    this.#abandon()
    this.#setCarry(null)
    this.#parts.onGone(this)
  }

  drained(): void {
    if (this.closed) return
    if (this.#state === states.flushing) {
      this.deadlineMs = 0
      this.#complete()
    } else if (this.#state === states.head) this.#next()
    else if (this.#state !== states.closing) {
      this.#watchClient()
      this.#upstream?.resume()
    }
  }

  override expired(): void {
    switch (this.#state) {
      case states.head:
        if (this.#carry === null || this.blocked) this.#cut()
        else this.#refuseWire('request_timeout')
        break
      case states.waiting:
        this.#target?.leave(this)
        this.failed('upstream_unreachable', false)
        break
      case states.gathering:
      case states.body:
        this.#checkBody()
        break
      default:
        this.#cut()
    }
  }

  // The service's side.

  connected(connection: ServiceConnection): void {
    const { arena } = this.#parts
    const kept = this.#kept
    const target = this.#target
    // Whoever waits for a connection has kept its head and knows its target.
    if (kept === null || target === null || this.closed) return connection.abandon()
    const carry = this.#carry
    this.#at = this.#end = arena.joined
    if (carry !== null) {
      carry.copy(arena.bytes, arena.joined, this.#carryStart)
      this.#end += carry.length - this.#carryStart
    }
    this.#launch(connection, writeKept(kept, arena.bytes, arena.out, target.hostLine))
    this.#carryOn()
  }

  writeInterim(head: ResponseHead, to: number): number {
    const connection = connectionSays.nothing
    return writeResponseHead(head, to, { added: NO_FIELDS, connection, chunks: false, trailers: false })
  }

  writeHead(head: ResponseHead, to: number): number {
    this.#status = head.status
    this.#releaseKept()
    if (head.framing === framings.untilClose && !this.chunks) this.#keepAlive = false
    if (head.framing === framings.chunked && !this.chunks) this.#keepAlive = false
    if (this.#parts.draining()) this.#keepAlive = false
    return writeResponseHead(head, to, {
      added: this.#forwarding?.responseFields ?? NO_FIELDS,
      connection: this.#connectionSays(),
      chunks: this.chunks,
      trailers: this.takesTrailers,
    })
  }

  send(start: number, end: number): void {
    if (this.closed || end === start) return
    const wasBlocked = this.blocked
    this.io.write(this, start, end)
    if (!this.blocked) return
    if (!wasBlocked) this.#blockedMs = this.#parts.wheel.nowMs
    this.#watchClient()
  }

  get stalledSinceMs(): number {
    if (this.blocked) return this.#blockedMs
    if (this.#target?.streams === true) return 0
    return this.#state === states.body && !this.paused ? this.#flowMs : 0
  }

  evicted(): void {
    if (this.#status !== 0 || this.blocked) this.#cut()
    else this.#refuseLate()
  }

  answered(): void {
    this.#upstream = null
    if (this.blocked) {
      this.#state = states.flushing
      this.#parts.wheel.set(this, this.#parts.settings.clientIdleMs)
    } else this.#complete()
  }

  failed(reason: UpstreamReason, reset: boolean): void {
    this.#upstream = null
    if (this.#status !== 0) {
      this.#endForwarding('broken', null)
      // A response that stops short must look like that to the client.
      this.#cut()
      return
    }
    if (!this.#tryAgain(reason, reset)) this.#endForwarding('failed', reason)
  }

  upstreamDrained(): void {
    if (this.#state === states.body) this.#goOn()
  }

  /** Ends the connection when nothing is being worked on. */
  closeIdle(): void {
    if (this.#state === states.head && this.#carry === null) this.#close()
  }

  // Reading.

  /** Reads what is there. @returns the place of the first byte that must wait. */
  #consume(start: number, end: number): number {
    this.#at = start
    this.#end = end
    this.#consuming = true
    while (this.#at < this.#end && !this.closed && this.#step());
    this.#consuming = false
    return this.#state === states.closing || this.closed ? end : this.#at
  }

  /** One part of a message. @returns false when what is there must wait. */
  #step(): boolean {
    switch (this.#state) {
      case states.head:
        // Answers that nobody takes must not pile up.
        if (!this.blocked) return this.#readHead()
        this.#pause()
        return false
      case states.body:
        this.#relayBody(this.#parts.arena.out)
        return this.#upstream !== null || this.#state !== states.body
      case states.gathering:
        return false
      case states.discarding:
        this.#discard()
        return true
      case states.closing:
        return false
      default:
        this.#pause()
        return false
    }
  }

  #keep(start: number, end: number): void {
    const { bytes } = this.#parts.arena
    const before = this.#carry === null ? 0 : this.#carry.length - this.#carryStart
    if (before + end - start > CARRY_BYTES_MAX) {
      // Not read any more, and yet here: nothing that keeps to the rules does that.
      this.#cut()
      return
    }
    const carry = Buffer.allocUnsafeSlow(before + end - start)
    this.#carry?.copy(carry, 0, this.#carryStart)
    bytes.copy(carry, before, start, end)
    this.#setCarry(carry)
  }

  #setCarry(carry: Buffer | null): void {
    this.#parts.carried.bytes += (carry?.length ?? 0) - (this.#carry?.length ?? 0)
    this.#carry = carry
    this.#carryStart = 0
  }

  #consumeCarry(): void {
    const { arena } = this.#parts
    const carry = this.#carry
    if (carry === null || this.#consuming) return
    carry.copy(arena.bytes, arena.joined, this.#carryStart)
    this.#consume(arena.joined, arena.joined + carry.length - this.#carryStart)
    this.#carryOn()
  }

  /** Notes how much of what was carried has been read. */
  #carryOn(): void {
    const carry = this.#carry
    if (carry === null) return
    this.#carryStart = carry.length - (this.#end - this.#at)
    if (this.#carryStart < carry.length && this.#state !== states.closing && !this.closed) return
    this.#setCarry(null)
  }

  #pause(): void {
    if (!this.paused) this.io.pause(this)
  }

  /** Reads on: first what was carried, then the socket. */
  #goOn(): void {
    if (this.#consuming) return
    this.#consumeCarry()
    const isReading = this.#state === states.head ? !this.blocked : READING.has(this.#state)
    if (isReading) this.#resume()
  }

  #resume(): void {
    if (this.closed || this.#upstream?.blocked === true) return
    if (this.paused) this.io.resume(this)
    if (this.#state !== states.body && this.#state !== states.gathering) return
    this.#windowBytes = this.#flowBytes = 0
    this.#flowMs = this.#parts.wheel.nowMs
    this.#watchSender()
  }

  #readHead(): boolean {
    const { requestHead: head, arena, settings, clock, wheel } = this.#parts
    if (!this.#skipBlankLines(arena.bytes)) return false
    const step = head.read(this.#at, this.#end)
    if (step === steps.more) {
      if (this.#headStartedMs === 0) {
        this.#headStartedMs = wheel.nowMs
        wheel.set(this, settings.headTimeoutMs)
      }
      return false
    }
    if (step === steps.refused) {
      this.toHead = head.method === 'HEAD' && head.methodKnown
      this.#refuseWire(head.reason)
      return false
    }
    this.startedMs = clock.monotonic()
    this.deadlineMs = 0
    this.#headStartedMs = 0
    this.#blankBytes = 0
    this.#at = head.end
    this.#takeHead()
    this.#handle()
    return true
  }

  #headStartedMs = 0

  /** Some clients send a line's end too much (RFC 9112 section 2.2). */
  #skipBlankLines(bytes: Buffer): boolean {
    while (this.#at < this.#end && bytes[this.#at] === CR) {
      if (this.#at + 1 === this.#end) return false
      if (bytes[this.#at + 1] !== LF || this.#blankBytes > BLANK_BYTES_MAX) {
        this.#refuseWire('framing_invalid')
        return false
      }
      this.#at += 2
      this.#blankBytes += 2
    }
    return this.#at < this.#end
  }

  #takeHead(): void {
    const { requestHead: head } = this.#parts
    this.method = head.method
    this.target = head.bytes.toString('latin1', head.targetStart, head.targetEnd)
    this.toHead = head.method === 'HEAD'
    this.chunks = head.minor === 1
    // What follows a method that we do not know (CONNECT among them) may be anything.
    this.#keepAlive = head.keepAlive && head.methodKnown
    this.#body.begin(head.framing, head.length)
    this.#isOpen = true
    this.#expectsContinue = head.expectsContinue
    this.#headThere = true
    this.#forwarding = null
    this.#status = 0
    if (head.hosts === 1) {
      // Nearly always the same as before.
      const { hostField } = head
      const same = isText(head.bytes, head.valueStart(hostField), head.valueEnd(hostField), this.host)
      if (!same || this.#hosts.length !== 1) this.#hosts = [head.valueText(hostField)]
    } else this.#hosts = head.values('host')
  }

  #handle(): void {
    this.#state = states.deciding
    try {
      this.#parts.handle(this)
    } catch (thrown) {
      this.crash(thrown)
    }
    if (this.#isOpen && this.#forwarding === null && !this.closed)
      this.#pinned = new PinnedHead(this.#parts.requestHead)
  }

  #letHeadGo(): void {
    this.#headThere = false
    this.#pinned = null
  }

  // Passing on.

  /** Lets trailers pass where they may; the others are dropped as they are read. */
  #passTrailers(head: RequestHead, forwarding: Forwarding): void {
    const isChunked = head.framing === framings.chunked
    this.takesTrailers = this.sendsTrailers = false
    if (!(isChunked || head.takesTrailers) || !(head.isGrpc || forwarding.trailers)) return
    this.takesTrailers = head.takesTrailers
    this.sendsTrailers = isChunked
    const dropped = new Set([...forwarding.credentialHeaders, ...(head.options ?? NO_VALUES)])
    if (isChunked) this.#body.passTrailers(new Trailers(true, dropped))
  }

  get #isRepeatable(): boolean {
    const { method } = this
    return this.#body.framing === framings.none && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')
  }

  /** Looks at what has come behind the head. @param scratch a place of output. @returns whether it is enough. */
  #looksEnough(scratch: number): boolean {
    const { arena, carried } = this.#parts
    // Without room to gather, a body is passed on as it comes: stalling is looked at then, too.
    if (carried.bytes >= carried.bytesMax) return true
    let [at, end] = [this.#at, this.#end]
    if (!this.#consuming) {
      at = end = arena.joined
      if (this.#carry !== null) end += this.#carry.copy(arena.bytes, at, this.#carryStart)
    }
    return this.#body.sees(arena.bytes, at, end, scratch, GATHERED_BYTES)
  }

  /** Awaits the beginning of the body. The head is kept. */
  #gather(): void {
    const { arena } = this.#parts
    this.#state = states.gathering
    this.#setBodyDeadline()
    const isBegun = this.#consuming ? this.#at < this.#end : this.#carry !== null
    if (this.#expectsContinue && !isBegun) this.send(arena.out, putBytes(arena.bytes, arena.out, CONTINUE))
    this.#expectsContinue = false
    this.#resume()
  }

  #gatherMore(start: number, end: number): void {
    const { arena, carried } = this.#parts
    const isEnough = this.#body.sees(arena.bytes, start, end, arena.out, GATHERED_BYTES)
    this.#windowBytes += end - start
    if (this.#body.invalid) return this.#refuseBody()
    this.#keep(start, end)
    const target = this.#target
    if (target === null || !(isEnough || carried.bytes >= carried.bytesMax)) return
    const connection = target.take()
    if (connection !== null) return this.connected(connection)
    this.#pause()
    this.#wait(target)
  }

  #setBodyDeadline(): void {
    const { requestTimeoutMs } = this.#parts.settings
    this.#bodyDeadlineMs = requestTimeoutMs === 0 ? 0 : this.startedMs + requestTimeoutMs
  }

  #wait(target: UpstreamTarget): void {
    this.#state = states.waiting
    this.deadlineMs = 0
    if (!target.open(this)) this.failed('upstream_unreachable', false)
    else if (this.#state === states.waiting) this.#parts.wheel.set(this, target.waitMs)
  }

  /** Begins on a connection. The head of the request lies at the arena's place of output. @param end of the head. */
  #launch(connection: ServiceConnection, end: number): void {
    const { arena, wheel } = this.#parts
    const { out } = arena
    // Only within a forwarding.
    const timeoutMs = this.#forwarding?.service.responseTimeoutMs ?? 0
    this.#upstream = connection
    this.deadlineMs = 0
    connection.begin(this, timeoutMs)
    if (this.#body.done) {
      this.#state = states.sent
      connection.send(out, end)
      connection.requestSent()
      return
    }
    this.#state = states.body
    this.#windowBytes = this.#flowBytes = 0
    this.#flowMs = wheel.nowMs
    this.#setBodyDeadline()
    if (this.#expectsContinue && this.#at === this.#end) {
      connection.send(out, end)
      this.send(arena.out, putBytes(arena.bytes, arena.out, CONTINUE))
    } else this.#relayBody(end)
    this.#expectsContinue = false
    if (this.#state === states.body) this.#resume()
  }

  /** @param to where output goes on; what lies between the arena's place of output and this is sent with it. */
  #relayBody(to: number): void {
    const { arena, wheel } = this.#parts
    const { bytes, out } = arena
    const connection = this.#upstream
    if (connection === null) return
    const body = this.#body
    const at = body.transfer(bytes, this.#at, this.#end, to, true)
    this.#windowBytes += body.at - this.#at
    this.#flowBytes += body.at - this.#at
    if (this.#flowBytes >= BODY_BYTES_PER_S_MIN) {
      this.#flowBytes = 0
      this.#flowMs = wheel.nowMs
    }
    this.#at = body.at
    if (body.invalid) return this.#refuseBody()
    if (body.done) {
      this.#state = states.sent
      wheel.clear(this)
    }
    if (at > out) connection.send(out, at)
    if (body.done) connection.requestSent()
    else if (connection.blocked) {
      this.#pause()
      wheel.clear(this)
    }
  }

  /** Whether the client has sent enough since the last look. */
  #checkBody(): void {
    const { settings, clock } = this.#parts
    const isStream = this.#target?.streams === true
    const isOwed = !this.paused && !(isStream && this.#status !== 0)
    const least = isStream ? 1 : (BODY_BYTES_PER_S_MIN * settings.clientIdleMs) / 1_000
    const isLate = !isStream && this.#bodyDeadlineMs !== 0 && clock.monotonic() > this.#bodyDeadlineMs
    if (isLate || (isOwed && this.#windowBytes < least)) {
      if (this.#state === states.gathering && !this.blocked) this.#refuseLate()
      else this.#cut()
      return
    }
    this.#windowBytes = 0
    this.#watchSender()
  }

  /** A client that sends nothing although it owes a body does not stay; a stream owes nothing, and may rest. */
  #watchSender(): void {
    const { wheel, settings } = this.#parts
    const isStream = this.#target?.streams === true
    if (!isStream) wheel.set(this, settings.clientIdleMs)
    else if (settings.upstreamIdleMs > 0) wheel.set(this, settings.upstreamIdleMs)
  }

  /** A client that takes nothing although something waits for it does not stay. */
  #watchClient(): void {
    const { wheel, settings } = this.#parts
    if (this.#state === states.body || this.#state === states.gathering) return
    if (this.blocked) wheel.set(this, settings.clientIdleMs)
    else wheel.clear(this)
  }

  #tryAgain(reason: UpstreamReason, reset: boolean): boolean {
    const { upstreams } = this.#parts
    const [target, forwarding, kept] = [this.#target, this.#forwarding, this.#kept]
    if (this.#isAgain || target === null || forwarding === null || kept === null || this.closed) return false
    const sent = this.#state !== states.waiting
    const failure = { unreachable: reason === 'upstream_unreachable', sent, reset, repeatable: this.#isRepeatable }
    const next = upstreams.again(target, forwarding.service, failure)
    if (next === null) return false
    this.#isAgain = true
    this.#target = next
    // Over a new connection to the same target: others to it may have ended as this one did.
    const connection = next.url === target.url || this.#consuming ? null : next.take()
    if (connection === null) this.#wait(next)
    else this.connected(connection)
    return true
  }

  // Ends.

  #connectionSays(): number {
    if (!this.#keepAlive) return connectionSays.close
    return this.chunks ? connectionSays.nothing : connectionSays.keepAlive
  }

  #releaseKept(): void {
    if (this.#kept !== null) this.#parts.keptHeads.release(this.#kept)
    this.#kept = null
  }

  #endForwarding(kind: Forwarded['kind'], reason: UpstreamReason | null): void {
    const forwarding = this.#forwarding
    const target = this.#target?.url ?? ''
    const durationMs = this.#parts.clock.monotonic() - this.#forwardedMs
    this.#forwarding = null
    this.#target = null
    this.#releaseKept()
    if (forwarding === null) return
    const forwarded: Forwarded =
      kind === 'failed'
        ? { kind, reason: reason ?? 'upstream_failed', target, durationMs }
        : { kind, target, status: this.#status, durationMs }
    try {
      forwarding.ended(this, forwarded)
    } catch (thrown) {
      this.crash(thrown)
    }
  }

  /** The response was handed over to its last byte. */
  #complete(): void {
    this.#isOpen = false
    this.#endForwarding('answered', null)
    if (this.#state !== states.closing) this.#endExchange()
  }

  /** An answer has been given: goes on to the next request, when it can be found. */
  #endExchange(): void {
    this.#expectsContinue = false
    if (!this.#keepAlive) this.#close()
    else if (!this.#body.done) {
      this.#state = states.discarding
      this.#windowBytes = 0
      this.#parts.wheel.set(this, DISCARD_MS_MAX)
      this.#goOn()
    } else this.#next()
  }

  #next(): void {
    const { wheel, settings } = this.#parts
    this.#state = states.head
    wheel.set(this, this.blocked ? settings.clientIdleMs : settings.keepAliveMs)
    if (this.paused || this.#carry !== null) this.#goOn()
  }

  #discard(): void {
    const { arena } = this.#parts
    const body = this.#body
    body.transfer(arena.bytes, this.#at, this.#end, arena.out, false)
    this.#windowBytes += body.at - this.#at
    this.#at = body.at
    if (body.invalid) this.#refuseWire('framing_invalid')
    else if (body.done) this.#next()
    else if (this.#windowBytes > DISCARD_BYTES_MAX) this.#cut()
  }

  /** Gives up the request to the service, because the client has left or is cut off. */
  #abandon(): void {
    const upstream = this.#upstream
    this.#upstream = null
    if (this.#state === states.waiting) this.#target?.leave(this)
    upstream?.abandon()
    if (this.#forwarding !== null) this.#endForwarding('abandoned', null)
  }

  /** The body cannot be read: the service must not get what looks like the whole of it. */
  #refuseBody(): void {
    const isAnswering = this.#status !== 0
    this.#abandon()
    if (isAnswering) this.#cut()
    else this.#refuseWire('framing_invalid')
  }

  /** The body does not come. */
  #refuseLate(): void {
    this.#abandon()
    this.#refuseWire('request_timeout')
  }

  /** Says why nothing more can be read, and ends. */
  #refuseWire(reason: WireReason): void {
    const { onMalformed, requestId, clock } = this.#parts
    onMalformed(reason)
    const id = requestId(clock.now())
    const { status, body } = wireRefusal(reason, id)
    this.#keepAlive = false
    this.#isOpen = true
    this.refuse(status, [...PROBLEM_FIELDS, ['x-request-id', id]], body)
  }

  #close(): void {
    const { wheel } = this.#parts
    this.#state = states.closing
    this.#setCarry(null)
    this.#letHeadGo()
    if (this.closed) return
    this.io.end(this)
    if (this.paused) this.io.resume(this)
    wheel.set(this, LINGER_MS)
  }

  #cut(): void {
    this.#abandon()
    this.#state = states.closing
    if (!this.closed) this.io.destroy(this)
  }
}

/** States in which the client's bytes are wanted, beside `head`. */
const READING: ReadonlySet<number> = new Set([states.gathering, states.body, states.discarding, states.closing])
const NO_VALUES: readonly string[] = []
const NO_FIELDS: Fields = []
