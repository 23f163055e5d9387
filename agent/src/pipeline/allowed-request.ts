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
import type { Exchange, Fields, Forwarded, Forwarding } from '#agent/http/exchange.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import type { Recorder } from '#agent/telemetry/recorder.ts'
import { refuseWith } from './answers.ts'

export class AllowedRequest implements Forwarding {
  readonly service: CompiledService
  readonly consumer: string | null
  readonly method: string
  readonly target: string
  readonly credentialHeaders: readonly string[]
  readonly requestFields: Fields
  readonly responseFields: Fields
  readonly #recorder: Recorder
  readonly #id: string
  readonly #decision: Decision
  readonly #environment: LiveEnvironment
  readonly #facts: Facts

  /** @param raw the target as it arrived. */
  constructor(
    recorder: Recorder,
    id: string,
    decision: Decision,
    environment: LiveEnvironment,
    facts: Facts,
    service: CompiledService,
    raw: string,
  ) {
    const idField = ['X-Request-Id', id] as const
    const { principal } = decision
    this.service = service
    this.consumer = principal === null ? null : principal.consumer
    this.method = facts.method
    this.target = targetOf(facts, raw)
    this.credentialHeaders = decision.credentialHeaders
    this.requestFields = principal === null ? [idField] : [idField, ['X-Headgate-Consumer', principal.consumer]]
    this.responseFields = responseHeaders(decision, idField)
    this.#recorder = recorder
    this.#id = id
    this.#decision = decision
    this.#environment = environment
    this.#facts = facts
  }

  // Rarely asked for, so it is not looked up for every request.
  get trailers(): boolean {
    return this.#route?.trailers === true
  }

  get websocket(): boolean {
    return this.#route?.websocket === true
  }

  get #route(): CompiledRoute | undefined {
    return this.#environment.release.routes.get(this.#decision.route ?? '')
  }

  ended(exchange: Exchange, forwarded: Forwarded): void {
    if (forwarded.kind === 'failed') refuseWith(exchange, refuse(forwarded.reason, this.#decision), this.#id)
    this.#recorder.forwarded(exchange, this.#id, this.#decision, this.#environment, this.#facts, forwarded)
  }
}

/** Path and query, as the very text that arrived where that is the same: usual targets are not put together again. */
function targetOf({ path, query }: Facts, raw: string): string {
  return raw.length === path.length + query.length && raw.startsWith(path) ? raw : path + query
}
