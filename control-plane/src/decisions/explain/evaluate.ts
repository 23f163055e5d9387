/**
 * Decides a request with the very function that agents decide with, and keeps the trace.
 *
 * Two callers: a recorded request, whose effects are answered from its record (recorded.ts), and a simulated one,
 * whose effects are answered from the database (simulated.ts).
 *
 * @module
 */
import {
  type CompiledRelease,
  type Decision,
  type DecisionPorts,
  type RequestHead,
  type TraceStep,
  decide,
  normalise,
  reasons,
  refuse,
} from '@headgate/core'

export interface Evaluation {
  readonly decision: Decision
  /** One per gate of core that was come to or not: network, route, identity, access, limit. */
  readonly steps: readonly TraceStep[]
  /** As it is matched and forwarded; as it was written when it could not be normalised. */
  readonly host: string
  readonly path: string
}

/** @param release null: nothing is live. */
export async function evaluate(
  release: CompiledRelease | null,
  head: RequestHead,
  ports: Omit<DecisionPorts, 'trace'>,
): Promise<Evaluation> {
  const normalised = normalise(head)
  if (normalised.kind === 'refused') {
    const detail = reasons[normalised.reason].title
    const steps: TraceStep[] = [{ gate: 'network', outcome: 'stopped', detail }]
    return { decision: refuse(normalised.reason), steps, host: head.header('host')[0] ?? '', path: pathOf(head.target) }
  }
  const { facts } = normalised
  const { host, path } = facts
  if (release === null) {
    const steps: TraceStep[] = [
      { gate: 'network', outcome: 'passed', detail: `${facts.scheme}://${host}${path} from ${facts.address}` },
      { gate: 'route', outcome: 'stopped', detail: reasons.not_ready.title },
    ]
    return { decision: refuse('not_ready'), steps, host, path }
  }
  const steps: TraceStep[] = []
  const decision = await decide(release, facts, { ...ports, trace: (step) => void steps.push(step) })
  return { decision, steps, host, path }
}

/** Without the query, which may hold what nobody should read. */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/)
  return end === -1 ? target : target.slice(0, end)
}

/** A head from single fields. @param fields names in any case; several of one name keep their order. */
export function requestHead(
  head: Omit<RequestHead, 'header'>,
  fields: readonly { readonly name: string; readonly value: string }[],
): RequestHead {
  const byName = Map.groupBy(fields, ({ name }) => name.toLowerCase())
  return { ...head, header: (name) => byName.get(name)?.map(({ value }) => value) ?? [] }
}
