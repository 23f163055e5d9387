/**
 * How a decision looks: which kind of outcome it is, and how far the request came on the gate rail. Pure.
 *
 * Works from the reason alone, so that a row needs no explain call. What `explain` answers is finer and wins.
 *
 * @module
 */
import type { DecisionRecord, Explanation } from '@headgate/admin-api'

export type Gate = Explanation['gates'][number]['gate']
export type GateOutcome = Explanation['gates'][number]['outcome']

/** Each has a colour, a shape and a word. `failed`: it was let through, and the service behind did not do its part. */
export type Kind = 'allowed' | 'refused' | 'limited' | 'failed'

/** In the order in which a request passes them. */
export const gateNames: Readonly<Record<Gate, string>> = {
  tls: 'TLS',
  network: 'Network',
  route: 'Route',
  identity: 'Identity',
  access: 'Access',
  limit: 'Limit',
  upstream: 'Upstream',
}

export const gates = Object.keys(gateNames) as readonly Gate[]

/**
 * Which gate a reason stops at, by its first word or by the whole. The table of reasons in `core` decides; the
 * contract does not carry it to a browser.
 */
const families: ReadonlyMap<string, Gate> = new Map([
  ['client_certificate_missing', 'tls'],
  ['https', 'tls'],
  ['cleartext_credential', 'tls'],
  ['host', 'network'],
  ['path', 'network'],
  ['target', 'network'],
  ['method_invalid', 'network'],
  ['proxy', 'network'],
  ['not_ready', 'route'],
  ['route', 'route'],
  ['method_not_allowed', 'route'],
  ['source_banned', 'network'],
  ['agent_overloaded', 'network'],
  ['source', 'identity'],
  ['credential', 'identity'],
  ['token', 'identity'],
  ['proof', 'identity'],
  ['signature', 'identity'],
  ['certificate', 'identity'],
  ['access', 'access'],
  ['consumer', 'access'],
  ['address', 'access'],
  ['scope', 'access'],
  ['role', 'access'],
  ['time', 'access'],
  ['expression', 'access'],
  ['limit', 'limit'],
  ['body_too_large', 'limit'],
  ['load_shed', 'upstream'],
  ['upstream', 'upstream'],
])

/** @returns null for a reason that this page does not know: the control plane is newer. */
export function gateOf(reason: string): Gate | null {
  return families.get(reason) ?? families.get(reason.split('_', 1)[0] ?? '') ?? null
}

export function kindOf({ outcome, reason, status }: Pick<DecisionRecord, 'outcome' | 'reason' | 'status'>): Kind {
  const gate = gateOf(reason)
  if (gate === 'upstream' || (outcome === 'allow' && status >= 500)) return 'failed'
  if (outcome === 'allow') return 'allowed'
  return gate === 'limit' ? 'limited' : 'refused'
}

/** Outcome at each of the seven gates, in order. */
export function railOf({ outcome, reason }: Pick<DecisionRecord, 'outcome' | 'reason'>): readonly GateOutcome[] {
  const stop = gateOf(reason)
  if (stop === null) return gates.map(() => (outcome === 'allow' ? 'passed' : 'not_reached'))
  const at = gates.indexOf(stop)
  return gates.map((_, index) => (index < at ? 'passed' : index === at ? 'stopped' : 'not_reached'))
}

/** The strip in words. */
export function railText(outcomes: readonly GateOutcome[]): string {
  const stop = gates[outcomes.indexOf('stopped')]
  if (stop !== undefined) return `stopped at ${gateNames[stop]}`
  return outcomes.includes('not_reached') ? 'stopped at a gate that this page does not know' : 'passed every gate'
}
