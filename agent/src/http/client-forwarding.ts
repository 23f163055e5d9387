/**
 * The way of a client's request to a service: to which target, over which connection, and what is kept to try it again.
 *
 * One object for all requests of a connection. Whoever was told to forward is told once how it ended.
 *
 * @module
 */
import type { Reason } from '@headgate/core'
import type { EngineParts, Failure, UpstreamTarget } from './engine-parts.ts'
import type { Exchange, Forwarded, Forwarding, UpstreamReason } from './exchange.ts'
import { type KeptHead, writeKept } from './kept-head.ts'
import { written } from './request-writer.ts'
import type { ServiceConnection } from './service-connection.ts'

export class ClientForwarding {
  /** Null: nothing is being forwarded. */
  forwarding: Forwarding | null = null
  target: UpstreamTarget | null = null
  /** The connection that the request is on. */
  upstream: ServiceConnection | null = null
  /** Of the response; 0: none has begun. */
  status = 0
  readonly #parts: EngineParts
  #kept: KeptHead | null = null
  #isAgain = false
  #startedMs = 0
  /** Why it ends, whatever its end looks like; null: for reasons of its own. */
  #withdrawn: Reason | null = null

  constructor(parts: EngineParts) {
    this.#parts = parts
  }

  /** @param nowMs of the monotonic clock. */
  begin(forwarding: Forwarding, nowMs: number): void {
    this.forwarding = forwarding
    this.target = null
    this.status = 0
    this.#isAgain = false
    this.#startedMs = nowMs
    this.#withdrawn = null
  }

  /** Nothing was forwarded of the request that begins now. */
  reset(): void {
    this.forwarding = null
    this.status = 0
  }

  get isStream(): boolean {
    return this.target?.streams === true
  }

  /** The head of the response is there. */
  answering(status: number): void {
    this.status = status
    this.forwarding?.answering(status, this.upstream?.sentMs ?? 0)
  }

  /** Keeps the head that was just written, up to this place. */
  keepHead(end: number): void {
    const { keptHeads, arena } = this.#parts
    this.#kept = keptHeads.keep(arena.bytes, arena.out, written.lineEnd, written.hostEnd, end)
  }

  /** Writes the head that was kept, for its present target. @returns the place behind it; -1: there is none. */
  writeHead(): number {
    const { arena } = this.#parts
    if (this.#kept === null || this.target === null) return -1
    return writeKept(this.#kept, arena.bytes, arena.out, this.target.hostLine)
  }

  releaseHead(): void {
    if (this.#kept !== null) this.#parts.keptHeads.release(this.#kept)
    this.#kept = null
  }

  /** Chooses a target to try once more. @returns null: it is not tried again. */
  again(failure: Failure): UpstreamTarget | null {
    const { target, forwarding } = this
    if (this.#isAgain || target === null || forwarding === null || this.#kept === null) return null
    const next = this.#parts.upstreams.again(target, forwarding.service, failure)
    if (next === null) return null
    this.#isAgain = true
    this.target = next
    return next
  }

  /** What allowed it counts no more. */
  withdraw(reason: Reason): void {
    this.#withdrawn = reason
  }

  /** Tells how it ended, when something was being forwarded. */
  end(exchange: Exchange, kind: Exclude<Forwarded['kind'], 'withdrawn'>, reason: UpstreamReason | null): void {
    const { forwarding, status } = this
    const target = this.target?.url ?? ''
    this.forwarding = null
    this.target = null
    this.releaseHead()
    if (forwarding === null) return
    const durationMs = this.#parts.clock.monotonic() - this.#startedMs
    const withdrawn = this.#withdrawn
    const forwarded: Forwarded =
      withdrawn !== null
        ? { kind: 'withdrawn', reason: withdrawn, target, status, durationMs }
        : kind === 'failed'
          ? { kind, reason: reason ?? 'upstream_failed', target, durationMs }
          : { kind, target, status, durationMs }
    try {
      forwarding.ended(exchange, forwarded)
    } catch (thrown) {
      exchange.crash(thrown)
    }
  }
}
