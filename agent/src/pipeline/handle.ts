/**
 * One request: facts -> decide -> act -> record.
 *
 * The order of the decision is core's, the effects are `auth/` and `limits/`, the bytes are `http/` and `upstream/`.
 * What is left here is one screen of calls; every way through it ends in exactly one answer and one record.
 *
 * @module
 */
import { type CompiledService, decide, type Decision, type Facts, normalise, refuse } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Exchange } from '#agent/http/exchange.ts'
import type { Live, LiveEnvironment } from '#agent/live-table.ts'
import type { Recorder } from '#agent/telemetry/recorder.ts'
import { ServiceFields, type ServiceFieldsMade } from '#agent/upstream/caller/service-fields.ts'
import type { ServiceSecrets } from '#agent/upstream/credentials/service-secrets.ts'
import type { ServiceUpstreams } from '#agent/upstream/forward.ts'
import { refuseWith } from './answers.ts'
import { type Allowed, AllowedRequest } from './allowed-request.ts'
import type { InFlight } from './in-flight.ts'
import { createPorts, type PortsOptions } from './ports.ts'
import { type Settlement, settlementOf } from './settlement.ts'
import type { Shedding } from './shedding.ts'

export interface HandlerOptions extends PortsOptions {
  readonly live: Live
  readonly clock: Clock
  readonly recorder: Recorder
  readonly inFlight: InFlight
  /** As in `AllowedParts`. */
  readonly bodyBytesMax: number
  readonly secrets: ServiceSecrets
  readonly upstreams: Pick<ServiceUpstreams, 'concurrencyOf'>
  readonly shedding: Shedding
  readonly requestId: (nowMs: number) => string
}

/** @returns what is done with every exchange. Throws only when there is a bug. */
export function createHandler(options: HandlerOptions): (exchange: Exchange) => void {
  const { live, clock, limits, recorder, secrets, shedding, upstreams, requestId } = options
  const portsOf = createPorts(options)
  const serviceFields = new ServiceFields(secrets, clock)

  function act(
    exchange: Exchange,
    id: string,
    nowMs: number,
    decision: Decision,
    environment: LiveEnvironment | null,
    facts: Facts | null,
  ): void {
    const settlement = environment === null ? null : settlementOf(limits, environment.id, decision)
    try {
      actOn(exchange, id, nowMs, decision, environment, facts, settlement)
    } catch (thrown) {
      settlement?.end(0)
      throw thrown
    }
  }

  function actOn(
    exchange: Exchange,
    id: string,
    nowMs: number,
    decision: Decision,
    environment: LiveEnvironment | null,
    facts: Facts | null,
    settlement: Settlement | null,
  ): void {
    const service = environment?.release.services.get(decision.service ?? '')
    if (decision.outcome === 'deny' || environment === null || service === undefined || facts === null) {
      settlement?.end(0)
      refuseWith(exchange, decision, id)
      recorder.refused(exchange, id, decision, environment, facts)
      return
    }
    recorder.allowed(decision, environment, facts, nowMs)
    const allowed: Allowed = { id, nowMs, decision, environment, facts, settlement }
    const idField = ['X-Request-Id', id] as const
    const fields = serviceFields.of(environment, service, decision.principal, idField)
    if (!(fields instanceof Promise)) forward(exchange, allowed, service, fields)
    else {
      fields
        .then((made) => forward(exchange, allowed, service, made))
        .catch((thrown: unknown) => {
          settlement?.end(0)
          exchange.crash(thrown)
        })
    }
  }

  function forward(exchange: Exchange, allowed: Allowed, service: CompiledService, fields: ServiceFieldsMade): void {
    const { environment, decision } = allowed
    if (typeof fields === 'string') return refuseAllowed(exchange, allowed, refuse(fields, decision))
    const concurrency = upstreams.concurrencyOf(service)
    const shed = shedding.after(environment, decision, concurrency)
    if (shed !== null) return refuseAllowed(exchange, allowed, shed)
    exchange.forward(new AllowedRequest(options, allowed, service, concurrency, exchange, fields))
  }

  /** Refuses what the decision had let through. */
  function refuseAllowed(exchange: Exchange, { id, environment, facts, settlement }: Allowed, refused: Decision): void {
    settlement?.end(0)
    refuseWith(exchange, refused, id)
    recorder.refused(exchange, id, refused, environment, facts)
  }

  return (exchange) => {
    const nowMs = clock.now()
    const id = requestId(nowMs)
    const normalised = normalise(exchange.head)
    if (normalised.kind === 'refused') {
      const owner = normalised.host === null ? null : live.forHost(normalised.host)
      act(exchange, id, nowMs, refuse(normalised.reason), owner, null)
      return
    }
    const { facts } = normalised

    const environment = live.forHost(facts.host)
    if (environment === null) {
      act(exchange, id, nowMs, refuse(live.environments().length === 0 ? 'not_ready' : 'route_unknown'), null, facts)
      return
    }
    const shed = shedding.before(environment, facts)
    if (shed !== null) return act(exchange, id, nowMs, shed, environment, facts)
    const decision = decide(environment.release, facts, portsOf(environment))
    if (!(decision instanceof Promise)) act(exchange, id, nowMs, decision, environment, facts)
    else {
      decision
        .then((decided) => act(exchange, id, nowMs, decided, environment, facts))
        .catch((thrown: unknown) => exchange.crash(thrown))
    }
  }
}
