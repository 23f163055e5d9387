/**
 * One connection of a client, and what becomes of its requests: how answers, tunnels and ends are passed on.
 *
 * Every wait for the client is bounded; a client that leaves takes its request to the service along. What belongs
 * together has its own file: `request-connection.ts` (reading and refusing requests), `forwarding-connection.ts` (their
 * way to services), `client-request.ts` (what was asked), `client-body.ts` (how the body comes), `client-forwarding.ts`
 * (what is known of the way), `tunnel.ts`.
 *
 * @module
 */
import type { Reason } from '@headgate/core'
import { bytesOf, LF, putBytes } from './bytes.ts'
import type { UpstreamReason } from './exchange.ts'
import { ForwardingConnection } from './forwarding-connection.ts'
import { framings } from './head.ts'
import { LINGER_MS, NO_FIELDS, states } from './request-connection.ts'
import { HEAD_BYTES_MAX } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'
import { connectionSays, writeResponseHead } from './response-writer.ts'
import type { ServiceConnection } from './service-connection.ts'
import { Tunnel } from './tunnel.ts'
import { closeCodes } from './websocket-frames.ts'

/** Status 16 of gRPC. */
const UNAUTHENTICATED = 'grpc-status: 16\r\n'

export class ClientConnection extends ForwardingConnection {
  /** Since when the client takes nothing, while it is `blocked`. */
  #blockedMs = 0
  responseBytes = 0
  #tunnel: Tunnel | null = null
  /** Whether the response ends in trailers between whole chunks, so that a status can be said at any time. */
  #endsInStatus = false

  protected override begun(): void {
    this.responseBytes = 0
    super.begun()
  }

  get bodyBytes(): number {
    return this.body.passed + this.responseBytes + (this.#tunnel?.bytes ?? 0)
  }

  // The socket's side.

  received(start: number, end: number): void {
    if (this.state === states.closing) return
    if (this.#tunnel !== null) return this.#tunnel.received(this, start, end)
    if (this.state === states.gathering) return this.gatherMore(start, end)
    // Only a line's end can make a head whole; without this a head that drips would be read again for every byte.
    if (this.state === states.head && this.waiting > 0 && this.waiting + end - start <= HEAD_BYTES_MAX) {
      if (!this.parts.arena.bytes.subarray(start, end).includes(LF)) return this.keep(start, end)
    }
    this.read(start, end)
  }

  ended(): void {
    if (this.state === states.closing) return
    if (this.#tunnel !== null) return this.#tunnel.ended(this)
    if (this.state === states.flushing) {
      this.keepAlive = false
      return
    }
    this.abandon()
    this.io.end(this)
    this.state = states.closing
    this.parts.wheel.set(this, LINGER_MS)
  }

  gone(): void {
    this.parts.wheel.remove(this)
    this.#tunnel?.gone(this)
    this.abandon()
    this.forgetWaiting()
    this.parts.onGone(this)
  }

  drained(): void {
    if (this.closed) return
    if (this.#tunnel !== null) return this.#tunnel.drained(this)
    if (this.state === states.flushing) {
      this.deadlineMs = 0
      this.#complete()
    } else if (this.state === states.head) this.next()
    else if (this.state !== states.closing) {
      this.#watchReader()
      this.way.upstream?.resume()
    }
  }

  override expired(): void {
    switch (this.state) {
      case states.head:
        if (this.waiting === 0 || this.blocked) this.cut()
        else this.refuseWire('request_timeout')
        break
      case states.waiting:
        this.way.target?.leave(this)
        this.failed('upstream_unreachable', false)
        break
      case states.gathering:
      case states.body:
        this.checkSender()
        break
      case states.tunnel:
        this.#tunnel?.cut()
        break
      default:
        this.cut()
    }
  }

  // The service's side.

  writeInterim(head: ResponseHead, to: number): number {
    const connection = connectionSays.nothing
    return writeResponseHead(head, to, { added: NO_FIELDS, connection, chunks: false, trailers: false })
  }

  writeHead(head: ResponseHead, to: number): number {
    const { chunks, takesTrailers } = this.request
    this.way.answering(head.status)
    this.way.releaseHead()
    this.#endsInStatus = head.framing === framings.chunked && takesTrailers && this.request.grpc && this.way.isStream
    const isUndelimited = head.framing === framings.untilClose || head.framing === framings.chunked
    if ((isUndelimited && !chunks) || this.parts.draining()) this.keepAlive = false
    return writeResponseHead(head, to, {
      added: this.way.forwarding?.responseFields ?? NO_FIELDS,
      connection: this.connectionSays(),
      chunks,
      trailers: takesTrailers,
    })
  }

  switched(connection: ServiceConnection, head: ResponseHead, start: number, end: number): Tunnel {
    const { out } = this.parts.arena
    this.way.answering(head.status)
    this.way.upstream = null
    const added = this.way.forwarding?.responseFields ?? NO_FIELDS
    const wish = { added, connection: connectionSays.upgrade, chunks: false, trailers: false }
    this.send(out, writeResponseHead(head, out, wish))
    this.state = states.tunnel
    const tunnel = new Tunnel(this.parts, this, connection, () => this.#leaveTunnel())
    this.#tunnel = tunnel
    if (start < end) tunnel.received(connection, start, end)
    if (this.blocked && !connection.paused && !connection.closed) connection.io.pause(connection)
    // What the client has sent without waiting for the answer has waited until now.
    this.readWaiting()
    if (this.paused && !connection.blocked && !this.closed) this.io.resume(this)
    return tunnel
  }

  send(start: number, end: number): void {
    if (this.closed || end === start) return
    const wasBlocked = this.blocked
    this.io.write(this, start, end)
    if (!this.blocked) return
    if (!wasBlocked) this.#blockedMs = this.parts.wheel.nowMs
    this.#watchReader()
  }

  get stalledSinceMs(): number {
    if (this.blocked) return this.#blockedMs
    return this.state === states.body && !this.paused && !this.way.isStream ? this.body.slowSinceMs : 0
  }

  evicted(): void {
    if (this.way.status !== 0 || this.blocked) this.cut()
    else this.refuseLate()
  }

  answered(): void {
    this.way.upstream = null
    if (this.blocked) {
      this.state = states.flushing
      this.parts.wheel.set(this, this.parts.settings.clientIdleMs)
    } else this.#complete()
  }

  failed(reason: UpstreamReason, reset: boolean): void {
    this.way.upstream = null
    if (this.way.status !== 0) {
      this.way.end(this, 'broken', null)
      // A response that stops short must look like that to the client.
      this.cut()
    } else if (!this.tryAgain(reason, reset)) this.way.end(this, 'failed', reason)
  }

  /** Ends the connection because the time is over. */
  leave(): void {
    if (this.#tunnel === null) this.io.destroy(this)
    else this.#tunnel.close(closeCodes.goingAway, '')
  }

  withdraw(reason: Reason): void {
    if (!this.isForwarding) return
    this.way.withdraw(reason)
    if (this.#tunnel !== null) return this.#tunnel.close(closeCodes.policy, reason)
    if (this.way.status === 0) {
      this.letGo()
      // It is refused then.
      this.way.end(this, 'failed', null)
    } else if (this.#endsInStatus && !this.blocked && !this.closed) this.#endCall(reason)
    // A response that stops short must look like that to the client.
    else this.cut()
  }

  // Passing on.

  protected override step(): boolean {
    if (this.state !== states.tunnel) return super.step()
    this.#tunnel?.received(this, this.at, this.end)
    this.at = this.end
    return false
  }

  /** A client that takes nothing although something waits for it does not stay. */
  #watchReader(): void {
    const { wheel, settings } = this.parts
    if (this.state === states.body || this.state === states.gathering) return
    if (this.blocked) wheel.set(this, settings.clientIdleMs)
    else wheel.clear(this)
  }

  // Ends.

  #leaveTunnel(): void {
    this.state = states.closing
    this.isOpen = false
    this.responseBytes += this.#tunnel?.bytes ?? 0
    this.#tunnel = null
    this.way.end(this, 'answered', null)
  }

  /** The response was handed over to its last byte. */
  #complete(): void {
    this.isOpen = false
    this.way.end(this, 'answered', null)
    if (this.state !== states.closing) this.endExchange()
  }

  /** Ends a call of gRPC that was answered already. */
  #endCall(reason: Reason): void {
    const { bytes, out } = this.parts.arena
    this.letGo()
    this.keepAlive = false
    this.send(out, putBytes(bytes, out, bytesOf(`0\r\n${UNAUTHENTICATED}grpc-message: ${reason}\r\n\r\n`)))
    this.answered()
  }
}
