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
  type TlsPeer,
  type TraceStep,
  certificateFor,
  decide,
  normalise,
  reasons,
  refuse,
} from '@headgate/core'

export interface Evaluation {
  readonly decision: Decision
  /** One per gate of core that was come to or not: network, route, identity, access, limit; and TLS if it stopped. */
  readonly steps: readonly TraceStep[]
  /** As it is matched and forwarded; as it was written when it could not be normalised. */
  readonly host: string
  readonly path: string
}

/**
 * @param release null: nothing is live.
 * @param head without `peer` (null is one), the client certificate that the host asks for is taken as presented.
 */
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
  const { host: asked, scheme } = normalised.facts
  const facts =
    head.peer === undefined ? { ...normalised.facts, peer: assumedPeer(release, asked, scheme) } : normalised.facts
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

/**
 * The client certificate of a request that is thought or was recorded: what the host asks for, as an agent would have
 * verified it. Certificates are neither given nor recorded, so what they would have shown is not judged here.
 */
function assumedPeer(release: CompiledRelease | null, host: string, scheme: string): TlsPeer | null {
  const certificate = release === null || scheme !== 'https' ? null : certificateFor(release, host)
  if (certificate === null || certificate.clientCertificates === null) return null
  const { name, clientCertificates } = certificate
  const unknown = { sha256: '', subject: '', names: [], notAfterMs: Infinity }
  return { kind: 'verified', certificate: name, authorities: clientCertificates.ca, ...unknown }
}

/** A head from single fields. @param fields names in any case; several of one name keep their order. */
export function requestHead(
  head: Omit<RequestHead, 'header'>,
  fields: readonly { readonly name: string; readonly value: string }[],
): RequestHead {
  const byName = Map.groupBy(fields, ({ name }) => name.toLowerCase())
  return { ...head, header: (name) => byName.get(name)?.map(({ value }) => value) ?? [] }
}
