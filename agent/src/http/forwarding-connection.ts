/**
 * The way of a client's requests to services: chooses targets, waits for the beginning of a body and for a connection,
 * passes the body on, and tries once more what may be tried.
 *
 * What comes back is not its business: `client-connection.ts`.
 *
 * Source: RFC 9110 section 10.1.1 (Expect).
 *
 * @module
 */
import { putBytes } from './bytes.ts'
import { ClientForwarding } from './client-forwarding.ts'
import type { ClientOrigin } from './client-request.ts'
import type { EngineParts, UpstreamTarget } from './engine-parts.ts'
import type { Forwarding, UpstreamReason } from './exchange.ts'
import type { Io } from './io.ts'
import { CONTINUE } from './refusals.ts'
import { RequestConnection, states } from './request-connection.ts'
import { writeRequestHead } from './request-writer.ts'
import type { ResponseHead } from './response-head.ts'
import type { Caller, ServiceConnection } from './service-connection.ts'
import type { Tunnel } from './tunnel.ts'
import { type Handshake, WEBSOCKET_VERSION } from './websocket.ts'

export abstract class ForwardingConnection extends RequestConnection implements Caller {
  protected readonly way: ClientForwarding

  constructor(parts: EngineParts, io: Io, origin: ClientOrigin) {
    super(parts, io, origin)
    this.way = new ClientForwarding(parts)
  }

  protected get isForwarding(): boolean {
    return this.way.forwarding !== null
  }

  protected begun(): void {
    this.way.reset()
  }

  forward(forwarding: Forwarding): void {
    const { upstreams, arena, requestHead, clock } = this.parts
    // What is decided at once took no time worth asking the system for.
    this.way.begin(forwarding, this.isReading ? this.startedMs : clock.monotonic())
    if (this.closed || this.state === states.closing) return this.way.end(this, 'abandoned', null)
    if (!this.body.done) this.body.bytesMax = forwarding.bodyBytesMax
    if (this.body.isTooLarge) return this.#refuseLarge()
    this.request.restore(arena)
    if (requestHead.asksWebsocket) {
      if (!this.request.decideUpgrade(forwarding)) return this.#refuseHandshake()
      // What comes behind an upgrade that is refused was perhaps meant for the other protocol.
      if (this.handshake !== null) this.keepAlive = false
    }
    const target = upstreams.pick(forwarding.service, forwarding.consumer, this.request)
    this.way.target = target
    if (target === null) return this.way.end(this, 'failed', 'upstream_overloaded')
    const end = this.#writeHead(forwarding, target)
    const isGathered = this.body.done || target.streams || this.#isEnoughThere(end)
    if (this.body.invalid) {
      this.request.letFieldsGo()
      return this.#refuseBody()
    }
    const connection = isGathered ? target.take() : null
    if (connection === null || this.#isRepeatable || !this.isReading) this.way.keepHead(end)
    this.request.letFieldsGo()
    if (!isGathered) this.#gather()
    else if (connection === null) this.#wait(target)
    else if (this.isReading) this.#launch(connection, end)
    else this.connected(connection)
  }

  // What the service's side asks about the request.

  get toHead(): boolean {
    return this.request.toHead
  }
  get chunks(): boolean {
    return this.request.chunks
  }
  get takesTrailers(): boolean {
    return this.request.takesTrailers
  }

  get address(): string {
    return this.request.address
  }
  get handshake(): Handshake | null {
    return this.request.handshake
  }

  /** What is known of the response, which is the business of whoever extends this. */
  abstract responseBytes: number
  abstract get stalledSinceMs(): number
  abstract writeInterim(head: ResponseHead, to: number): number
  abstract writeHead(head: ResponseHead, to: number): number
  abstract switched(connection: ServiceConnection, head: ResponseHead, start: number, end: number): Tunnel
  abstract answered(): void
  abstract failed(reason: UpstreamReason, reset: boolean): void
  abstract evicted(): void

  // To the service.

  connected(connection: ServiceConnection): void {
    if (this.closed) return connection.abandon()
    const end = this.way.writeHead()
    // Whoever waits for a connection has kept its head and knows its target.
    if (end === -1) return connection.abandon()
    this.at = this.parts.arena.joined
    this.end = this.join()
    this.#launch(connection, end)
    this.forgetRead()
  }

  upstreamDrained(): void {
    if (this.state === states.body) this.goOn()
  }

  protected override step(): boolean {
    switch (this.state) {
      case states.body:
        this.#relayBody(this.parts.arena.out)
        return this.way.upstream !== null || this.state !== states.body
      case states.gathering:
        return false
      default:
        return super.step()
    }
  }

  protected resume(): void {
    if (this.closed || this.way.upstream?.blocked === true) return
    if (this.paused) this.io.resume(this)
    if (this.state !== states.body && this.state !== states.gathering) return
    this.body.watch()
    this.#watchSender()
  }

  get #isRepeatable(): boolean {
    return this.request.isRepeatable(this.body.framing)
  }

  /** Writes the head for a target to the arena's place of output. @returns the place behind it. */
  #writeHead(forwarding: Forwarding, target: UpstreamTarget): number {
    const { requestHead, arena } = this.parts
    const trailers = this.handshake === null ? this.request.decideTrailers(forwarding) : null
    if (trailers !== null) this.body.passTrailers(trailers)
    return writeRequestHead(requestHead, arena.out, forwarding, target.hostLine, this.request)
  }

  /** Looks at what has come behind the head. @param scratch a place of output. */
  #isEnoughThere(scratch: number): boolean {
    if (this.isReading) return this.body.isEnough(this.at, this.end, scratch)
    return this.body.isEnough(this.parts.arena.joined, this.join(), scratch)
  }

  /** Awaits the beginning of the body. The head is kept. */
  #gather(): void {
    this.state = states.gathering
    this.body.expect(this.startedMs)
    this.#sayContinue(this.isReading ? this.at < this.end : this.waiting > 0)
    this.resume()
  }

  protected gatherMore(start: number, end: number): void {
    const isEnough = this.body.isEnough(start, end, this.parts.arena.out)
    if (this.body.invalid) return this.#refuseBody()
    this.keep(start, end)
    const { target } = this.way
    if (target === null || !isEnough) return
    const connection = target.take()
    if (connection !== null) return this.connected(connection)
    this.pause()
    this.#wait(target)
  }

  /** @param isBegun whether the client has begun to send its body without being told. */
  #sayContinue(isBegun: boolean): void {
    const { bytes, out } = this.parts.arena
    if (this.body.expectsContinue && !isBegun) this.send(out, putBytes(bytes, out, CONTINUE))
    this.body.expectsContinue = false
  }

  #wait(target: UpstreamTarget): void {
    this.state = states.waiting
    this.deadlineMs = 0
    if (!target.open(this)) this.failed('upstream_overloaded', false)
    else if (this.state === states.waiting) this.parts.wheel.set(this, target.waitMs)
  }

  /** Begins on a connection. The head of the request lies at the arena's place of output. @param end of the head. */
  #launch(connection: ServiceConnection, end: number): void {
    const { out } = this.parts.arena
    this.way.upstream = connection
    this.deadlineMs = 0
    // Only within a forwarding.
    connection.begin(this, this.way.forwarding?.service.responseTimeoutMs ?? 0)
    if (this.body.done) {
      this.state = states.sent
      connection.send(out, end)
      connection.requestSent()
      return
    }
    this.state = states.body
    this.body.expect(this.startedMs)
    const isBegun = this.at < this.end
    this.#relayBody(end)
    this.#sayContinue(isBegun)
    if (this.state === states.body) this.resume()
  }

  /** @param to where output goes on; what lies between the arena's place of output and this is sent with it. */
  #relayBody(to: number): void {
    const { arena, wheel } = this.parts
    const connection = this.way.upstream
    if (connection === null) return
    const body = this.body
    const at = body.relay(this.at, this.end, to)
    this.at = body.at
    if (body.invalid) return this.#refuseBody()
    // Of what is too much, nothing reaches the service.
    if (body.isTooLarge) return this.#refuseLarge()
    if (body.done) {
      this.state = states.sent
      wheel.clear(this)
    }
    if (at > arena.out) connection.send(arena.out, at)
    if (body.done) connection.requestSent()
    else if (connection.blocked) {
      this.pause()
      wheel.clear(this)
    }
  }

  /** A client that sends nothing although it owes a body does not stay; a stream owes nothing, and may rest. */
  #watchSender(): void {
    const { wheel, settings } = this.parts
    if (!this.way.isStream) wheel.set(this, settings.clientIdleMs)
    else if (settings.upstreamIdleMs > 0) wheel.set(this, settings.upstreamIdleMs)
  }

  /** Whether the client has sent enough since the last look. */
  protected checkSender(): void {
    const { isStream, status } = this.way
    const isLate = !isStream && this.body.isLate
    const isOwed = !this.paused && !(isStream && status !== 0)
    const tooSlow = this.body.cameTooSlowly(isStream)
    if (!isLate && !(isOwed && tooSlow)) this.#watchSender()
    else if (this.state === states.gathering && !this.blocked) this.refuseLate()
    else this.cut()
  }

  protected tryAgain(reason: UpstreamReason, reset: boolean): boolean {
    if (this.closed) return false
    const before = this.way.target
    const sent = this.state !== states.waiting
    const [unreachable, timedOut] = [reason === 'upstream_unreachable', reason === 'upstream_timeout']
    const next = this.way.again({ unreachable, sent, reset, timedOut, repeatable: this.#isRepeatable })
    if (next === null) return false
    // Over a new connection to the same target: others to it may have ended as this one did.
    const connection = next.url === before?.url || this.isReading ? null : next.take()
    if (connection === null) this.#wait(next)
    else this.connected(connection)
    return true
  }

  // Ends.

  /** What follows a handshake that is none may be anything. */
  #refuseHandshake(): void {
    this.way.end(this, 'abandoned', null)
    this.refuseWire('handshake_invalid', [['sec-websocket-version', WEBSOCKET_VERSION]])
  }

  /** Gives up the request to the service, because the client has left or is cut off. */
  protected abandon(): void {
    this.letGo()
    this.way.end(this, 'abandoned', null)
  }

  /** The service is let go. */
  protected letGo(): void {
    const { upstream } = this.way
    this.way.upstream = null
    if (this.state === states.waiting) this.way.target?.leave(this)
    upstream?.abandon()
  }

  /** The body cannot be read: the service must not get what looks like the whole of it. */
  #refuseBody(): void {
    const isAnswering = this.way.status !== 0
    this.abandon()
    if (isAnswering) this.cut()
    else this.refuseWire('framing_invalid')
  }

  /** The body is larger than may pass. What the service got of it is no whole request. */
  #refuseLarge(): void {
    this.keepAlive = false
    this.way.withdraw('body_too_large')
    this.letGo()
    if (this.way.status === 0) this.way.end(this, 'failed', null)
    else this.cut()
  }

  /** The body does not come. */
  protected refuseLate(): void {
    this.abandon()
    this.refuseWire('request_timeout')
  }
}
