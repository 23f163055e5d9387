/**
 * One request: facts -> decide -> act -> record.
 *
 * The order of the decision is core's, the effects are `auth/` and `limits/`, the bytes are `http/` and `upstream/`.
 * What is left here is one screen of calls; every way through it ends in exactly one answer and one record.
 *
 * @module
 */
import { decide, type Decision, type Facts, normalise, refuse } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Exchange } from '#agent/http/exchange.ts'
import type { Live, LiveEnvironment } from '#agent/live-table.ts'
import type { Recorder } from '#agent/telemetry/recorder.ts'
import { refuseWith } from './answers.ts'
import { AllowedRequest } from './allowed-request.ts'
import { createPorts, type PortsOptions } from './ports.ts'

export interface HandlerOptions extends PortsOptions {
  readonly live: Live
  readonly clock: Clock
  readonly recorder: Recorder
  readonly requestId: (nowMs: number) => string
}

/** @returns what is done with every exchange. Throws only when there is a bug. */
export function createHandler(options: HandlerOptions): (exchange: Exchange) => void {
  const { live, clock, recorder, requestId } = options
  const portsOf = createPorts(options)

  function act(
    exchange: Exchange,
    id: string,
    decision: Decision,
    environment: LiveEnvironment | null,
    facts: Facts | null,
  ): void {
    const service = environment?.release.services.get(decision.service ?? '')
    if (decision.outcome === 'deny' || environment === null || service === undefined || facts === null) {
      refuseWith(exchange, decision, id)
      recorder.refused(exchange, id, decision, environment, facts)
      return
    }
    exchange.forward(new AllowedRequest(recorder, id, decision, environment, facts, service, exchange.head.target))
  }

  return (exchange) => {
    const id = requestId(clock.now())
    const normalised = normalise(exchange.head)
    if (normalised.kind === 'refused') {
      const owner = normalised.host === null ? null : live.forHost(normalised.host)
      act(exchange, id, refuse(normalised.reason), owner, null)
      return
    }
    const { facts } = normalised

    const environment = live.forHost(facts.host)
    if (environment === null) {
      act(exchange, id, refuse(live.environments().length === 0 ? 'not_ready' : 'route_unknown'), null, facts)
      return
    }
    const decision = decide(environment.release, facts, portsOf(environment))
    if (!(decision instanceof Promise)) act(exchange, id, decision, environment, facts)
    else {
      decision
        .then((decided) => act(exchange, id, decided, environment, facts))
        .catch((thrown: unknown) => exchange.crash(thrown))
    }
  }
}
