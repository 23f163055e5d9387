/**
 * The sentences of a trace. Built only when somebody asks for one; never a secret, never more of a key than its hint.
 *
 * @module
 */
import type { CredentialKind } from './credentials/kinds.ts'
import type { DecisionPorts, Facts, Principal, TraceStep } from './decision.ts'
import { gates, type Gate } from './reasons.ts'
import type { CompiledAccess, CompiledRoute } from './release.ts'

/** Gates that a decision passes by itself; the caller knows about TLS and the service. */
export const decidedGates: readonly Gate[] = gates.filter((gate) => gate !== 'tls' && gate !== 'upstream')

/** A gate that let the request pass. */
export function step(gate: Gate, detail: string): TraceStep {
  return { gate, outcome: 'passed', detail }
}

/** Traces the gate that stopped the request, and those that it did not come to. */
export function traceStop(ports: Pick<DecisionPorts, 'trace'>, gate: Gate, detail: string): void {
  ports.trace?.({ gate, outcome: 'stopped', detail })
  const stopped = decidedGates.indexOf(gate)
  for (const later of decidedGates.slice(stopped + 1)) {
    ports.trace?.({ gate: later, outcome: 'not_reached', detail: '' })
  }
}

const list = (texts: readonly string[]): string => (texts.length === 0 ? 'none' : texts.join(', '))

/** For people. */
const credentialNames: Readonly<Record<CredentialKind, string>> = {
  api_key: 'API key',
  jwt: 'a token of',
  introspection: 'a token of',
  mtls: 'client certificate',
  signature: 'signature with',
}

/** What is said at each gate. */
export const describe = {
  network: ({ scheme, host, path, address }: Facts): string => `${scheme}://${host}${path} from ${address}`,
  route: ({ name, service }: CompiledRoute): string => `Route ${name} of service ${service.name}`,
  noRoute: ({ host, path }: Facts): string => `No route serves ${path} on ${host}`,
  anonymous: 'No credential is asked for',
  principal: (principal: Principal | null): string =>
    principal === null
      ? 'The caller is not known'
      : `${principal.consumer} by ${credentialNames[principal.credentialKind]} ${principal.credentialHint}`,
  access: ({ policy, public: open, scopes, conditions }: CompiledAccess): string => {
    if (open !== null) return `Policy ${policy} makes it public; ${open.owner} answers for it`
    const more = conditions === null ? '' : ', and its conditions are met'
    return `Policy ${policy} needs ${scopes.length === 0 ? 'a credential' : scopes.join(', ')}${more}`
  },
  limits: (count: number): string =>
    count === 0 ? 'No limit applies' : `${count} limit${count === 1 ? '' : 's'} taken from`,
  stop: (title: string, needed: readonly string[], had: readonly string[]): string =>
    needed.length === 0 && had.length === 0 ? title : `${title}. Needed: ${list(needed)}. Had: ${list(had)}`,
} as const
