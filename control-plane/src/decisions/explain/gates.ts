/**
 * The seven gates of an explanation: from core's trace, with TLS and service added here.
 *
 * @module
 */
import type { Explanation } from '@headgate/admin-api'
import { type Gate, type TraceStep, gates } from '@headgate/core'

export type GateView = Explanation['gates'][number]

/** What is known beside the trace. */
export interface Surroundings {
  /** Sentence about the connection. */
  readonly tls: string
  readonly upstream: GateView
}

/** @param steps in any number: a gate without a step was not reached. */
export function gatesOf(steps: readonly TraceStep[], { tls, upstream }: Surroundings): GateView[] {
  const byGate = new Map(steps.map((step) => [step.gate, step]))
  return gates.map((gate): GateView => {
    if (gate === 'upstream') return upstream
    const step = byGate.get(gate)
    // Core says something about the connection only when it stops there.
    if (gate === 'tls' && step === undefined) return { gate, outcome: 'passed', detail: tls }
    return step === undefined
      ? { gate, outcome: 'not_reached', detail: '' }
      : { gate, outcome: step.outcome, detail: step.detail }
  })
}

/** What limits that refuse nobody would have done. */
export function withShadows(views: readonly GateView[], limits: Explanation['limits']): GateView[] {
  const full = limits.filter(({ shadow, exceeded }) => shadow === true && exceeded === true)
  if (full.length === 0) return [...views]
  const names = full.map(({ policy }) => policy).join(', ')
  const shadow = `${full.length === 1 ? 'The shadow limit' : 'The shadow limits'} ${names} would have refused this`
  return views.map((view) =>
    view.gate === 'limit' && view.detail !== '' ? { ...view, detail: `${view.detail}. ${shadow}` } : view,
  )
}

/** Gates of a request of which only the outcome is known. @param stopped null: it was allowed. */
export function gatesByOutcome(stopped: Gate | null, detail: string, tls: string): GateView[] {
  const at = stopped === null ? gates.length : gates.indexOf(stopped)
  return gates.map((gate, index): GateView => {
    if (index > at) return { gate, outcome: 'not_reached', detail: '' }
    if (index === at) return { gate, outcome: 'stopped', detail }
    return { gate, outcome: 'passed', detail: gate === 'tls' ? tls : '' }
  })
}
