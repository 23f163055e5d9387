/**
 * One request: facts -> decide -> act -> record.
 *
 * The order of the decision is core's, the effects are `auth/` and `limits/`, the bytes are `http/` and `upstream/`.
 * What is left here is one screen of calls; every way through it ends in exactly one answer and one record.
 *
 * @module
 */
import { decide, type Decision, normalise, refuse } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Exchange } from '#agent/http/exchange.ts'
import type { Live } from '#agent/live.ts'
import type { Recorder } from '#agent/telemetry/recorder.ts'
import { refuseWith } from './answers.ts'
import { forwardingOf } from './forwarding.ts'
import { createPorts, type PortsOptions } from './ports.ts'

export interface HandlerOptions extends PortsOptions {
  readonly live: Live
  readonly clock: Clock
  readonly recorder: Recorder
  readonly requestId: (nowMs: number) => string
}

/** @returns what is done with every exchange. Rejects only when there is a bug. */
export function createHandler(options: HandlerOptions): (exchange: Exchange) => Promise<void> {
  const { live, clock, recorder, requestId } = options
  const portsOf = createPorts(options)

  return async (exchange) => {
    const id = requestId(clock.now())
    const normalised = normalise(exchange.head)
    if (normalised.kind === 'refused') {
      const decision = refuse(normalised.reason)
      refuseWith(exchange, decision, id)
      const owner = normalised.host === null ? null : live.forHost(normalised.host)
      recorder.refused(exchange, id, decision, owner, null)
      return
    }
    const { facts } = normalised

    const environment = live.forHost(facts.host)
    const pending: Decision | Promise<Decision> =
      environment === null
        ? refuse(live.environments().length === 0 ? 'not_ready' : 'route_unknown')
        : decide(environment.release, facts, portsOf(environment))
    const decision = pending instanceof Promise ? await pending : pending

    const service = environment?.release.services.get(decision.service ?? '')
    if (decision.outcome === 'deny' || environment === null || service === undefined) {
      refuseWith(exchange, decision, id)
      recorder.refused(exchange, id, decision, environment, facts)
      return
    }

    const forwarded = await exchange.forward(forwardingOf(service, facts, decision, id))
    if (forwarded.kind === 'failed') refuseWith(exchange, refuse(forwarded.reason, decision), id)
    recorder.forwarded(exchange, id, decision, environment, facts, forwarded)
  }
}
