/**
 * A request that was allowed: what its service is told, what its caller is told, and what is noted in the end.
 *
 * Where a request came from is told by the engine, which knows it; everything else that a service may believe is
 * written here. Everything of theirs that a client sent was stripped (`http/fields.ts`).
 *
 * @module
 */
import {
  type CompiledRoute,
  type CompiledService,
  type Decision,
  type Facts,
  refuse,
  responseHeaders,
} from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Exchange, Fields, Forwarded, Forwarding } from '#agent/http/exchange.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import type { Recorder } from '#agent/telemetry/recorder.ts'
import type { ServiceConcurrency } from '#agent/upstream/overload/service-concurrency.ts'
import { refuseWith } from './answers.ts'
import { forwardedTarget } from './forwarded-target.ts'
import { type InFlight, Watched } from './in-flight.ts'
import { judgeAgain } from './judge-again.ts'
import type { Settlement } from './settlement.ts'

/** What all requests of a thread share. */
export interface AllowedParts {
  readonly clock: Clock
  readonly recorder: Recorder
  readonly inFlight: InFlight
  /** Longest body of a request whose route has no size policy, in bytes; 0: no bound. */
  readonly bodyBytesMax: number
}

/** What was decided about a request. */
export interface Allowed {
  readonly id: string
  /** When its head was read, in milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number
  readonly decision: Decision
  readonly environment: LiveEnvironment
  readonly facts: Facts
  /** What it owes to its limits; null: nothing. */
  readonly settlement: Settlement | null
}

export class AllowedRequest extends Watched implements Forwarding {
  readonly service: CompiledService
  readonly consumer: string | null
  readonly method: string
  readonly target: string
  readonly withheldHeaders: readonly string[]
  readonly requestFields: Fields
  readonly responseFields: Fields
  readonly startedMs: number
  readonly #parts: AllowedParts
  readonly #allowed: Allowed
  readonly #exchange: Exchange
  readonly #concurrency: ServiceConcurrency
  /** Whether it holds a place among those that wait for the service. */
  #isWaiting = true

  /** @param requestFields what the service is told, the request id in front. */
  constructor(
    parts: AllowedParts,
    allowed: Allowed,
    service: CompiledService,
    concurrency: ServiceConcurrency,
    exchange: Exchange,
    requestFields: Fields,
  ) {
    super()
    const { id, decision, facts } = allowed
    const { principal } = decision
    this.service = service
    this.consumer = principal === null ? null : principal.consumer
    this.method = facts.method
    this.target = forwardedTarget(facts, exchange.head.target, decision.credentialQuery)
    this.withheldHeaders = withheld(decision.credentialHeaders, service.reservedHeaders)
    this.requestFields = requestFields
    this.responseFields = responseHeaders(decision, ['X-Request-Id', id])
    this.startedMs = exchange.startedMs
    this.#parts = parts
    this.#allowed = allowed
    this.#exchange = exchange
    this.#concurrency = concurrency
    concurrency.enter(this.startedMs)
    parts.inFlight.add(this)
  }

  // Rarely asked for, so it is not looked up for every request.
  get trailers(): boolean {
    return this.#route?.trailers === true
  }

  get websocket(): boolean {
    return this.#route?.websocket === true
  }

  get bodyBytesMax(): number {
    return this.#route?.bodyBytesMax ?? (this.#parts.bodyBytesMax || Infinity)
  }

  get #route(): CompiledRoute | undefined {
    const { environment, decision } = this.#allowed
    return environment.release.routes.get(decision.route ?? '')
  }

  look(nowMs: number): void {
    const { decision, environment, facts, nowMs: allowedMs, settlement } = this.#allowed
    // A long stream is charged as it goes on.
    settlement?.charge(this.#exchange.bodyBytes)
    const reason = judgeAgain(environment, decision.principal, facts, allowedMs, nowMs)
    if (reason !== null) this.#exchange.withdraw(reason)
  }

  answering(status: number, sentMs: number): void {
    this.#leave()
    // An error may be fast because nothing was done. What was answered before it was sent whole says nothing.
    if (status >= 500 || sentMs === 0) return
    const nowMs = this.#parts.clock.monotonic()
    this.#concurrency.answered(nowMs - sentMs, nowMs)
  }

  #leave(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#concurrency.leave(this.startedMs)
  }

  ended(exchange: Exchange, forwarded: Forwarded): void {
    const { recorder, inFlight, clock } = this.#parts
    this.#leave()
    const isLate = forwarded.kind === 'failed' && forwarded.reason === 'upstream_timeout'
    if (isLate) this.#concurrency.timedOut(clock.monotonic())
    const { id, decision, environment, facts, settlement } = this.#allowed
    inFlight.remove(this)
    // Before the client hears of it: it may come again at once.
    settlement?.end(exchange.bodyBytes)
    if (forwarded.kind === 'failed' || (forwarded.kind === 'withdrawn' && forwarded.status === 0)) {
      refuseWith(exchange, refuse(forwarded.reason, decision), id)
    }
    recorder.forwarded(exchange, id, decision, environment, facts, forwarded)
  }
}

/** Nearly always one of them is empty. */
function withheld(credential: readonly string[], reserved: readonly string[]): readonly string[] {
  if (reserved.length === 0) return credential
  return credential.length === 0 ? reserved : [...credential, ...reserved]
}
