/**
 * Requests and ports for tests.
 *
 * @module
 */
import { formatApiKey } from '#core/credentials/api-key.ts'
import type { DecisionPorts, Facts, LimitState, Principal, RequestHead, TraceStep } from '#core/decision.ts'

import { plainLimit } from '#core/limits/plain-limit.ts'

/** Fields by lower-case name; several values are several fields. */
export type Fields = Readonly<Record<string, string | readonly string[]>>

/** Reads as an agent's request head does. */
export function headerOf(fields: Fields): RequestHead['header'] {
  return (name) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined
    return value === undefined ? [] : typeof value === 'string' ? [value] : value
  }
}

/** A request of `GET http://shop.test/` from 127.0.0.1. */
export function head(overrides: Partial<RequestHead> = {}, fields: Fields = { host: 'shop.test' }): RequestHead {
  const base = { method: 'GET', target: '/', scheme: 'http' as const, address: '127.0.0.1' }
  return { ...base, header: headerOf(fields), ...overrides }
}

/** Facts of the same request. */
export function facts(overrides: Partial<Facts> = {}, fields: Fields = {}): Facts {
  const base = { method: 'GET', host: 'shop.test', path: '/', query: '', scheme: 'http' as const, address: '127.0.0.1' }
  return { ...base, peer: null, header: headerOf(fields), ...overrides }
}

/** A well-formed key of the environment of `fakes/release.ts`. */
export const key = formatApiKey('production', 'k'.repeat(30))

/** Who holds it. */
export const alice: Principal = {
  consumerId: 'cns_1',
  consumer: 'alice',
  credentialId: 'key_1',
  credentialKind: 'api_key',
  credentialHint: '…kkkk',
  scopes: ['orders:write', 'orders:read'],
  roles: [],
  claims: null,
  boundTo: null,
  expiresAtMs: 0,
  limits: [],
}

/** Ports that prove everybody to be `alice` and have no limit; `steps` collects the trace. */
export function ports(overrides: Partial<DecisionPorts> = {}): DecisionPorts & { readonly steps: TraceStep[] } {
  const steps: TraceStep[] = []
  return {
    now: () => 0,
    verify: () => ({ kind: 'proven', principal: alice }),
    take: (demands) => ({
      kind: 'taken',
      states: demands.map(({ limit: { policy, algorithm, unit, amount, windowMs, shadow } }) => {
        const state = { remaining: amount - 1, resetMs: 1, retryAfterMs: 0, exceeded: false }
        return { policy, algorithm, unit, amount, windowMs, ...state, shadow }
      }),
    }),
    trace: (step) => void steps.push(step),
    steps,
    ...overrides,
  }
}

/** State of a limit of one a minute. */
export function limitState(fields: Partial<LimitState>): LimitState {
  const { policy, algorithm, unit, amount, windowMs, shadow } = plainLimit({})
  const state = { remaining: 0, resetMs: 0, retryAfterMs: 0, exceeded: false }
  return { policy, algorithm, unit, amount, windowMs, ...state, shadow, ...fields }
}
