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
  type VerifiedPeer,
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
 * @param head without `peer` (null is one), the client certificate without which the host is not reached is taken as
 *   presented.
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
    head.peer === undefined ? { ...normalised.facts, peer: requiredPeer(release, asked, scheme) } : normalised.facts
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
 * The client certificate of a request that is thought or was recorded: as an agent would have verified it. What it would
 * have shown is not known, but for what is given.
 *
 * @returns null where the host asks for none.
 */
export function assumedPeer(
  release: CompiledRelease | null,
  host: string,
  scheme: string,
  known: Partial<Pick<VerifiedPeer, 'sha256' | 'subject' | 'names'>> = {},
): VerifiedPeer | null {
  const certificate = release === null || scheme !== 'https' ? null : certificateFor(release, host)
  if (certificate === null || certificate.clientCertificates === null) return null
  const { name, clientCertificates } = certificate
  const peer = { sha256: '', subject: '', names: [], notAfterMs: Infinity, ...known }
  return { kind: 'verified', certificate: name, authorities: clientCertificates.ca, ...peer }
}

function requiredPeer(release: CompiledRelease | null, host: string, scheme: string): TlsPeer | null {
  const isRequired = release !== null && certificateFor(release, host)?.clientCertificates?.mode === 'required'
  return isRequired ? assumedPeer(release, host, scheme) : null
}

/** A head from single fields. @param fields names in any case; several of one name keep their order. */
export function requestHead(
  head: Omit<RequestHead, 'header'>,
  fields: readonly { readonly name: string; readonly value: string }[],
): RequestHead {
  const byName = Map.groupBy(fields, ({ name }) => name.toLowerCase())
  return { ...head, header: (name) => byName.get(name)?.map(({ value }) => value) ?? [] }
}
