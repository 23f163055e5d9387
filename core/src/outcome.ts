/**
 * Builds decisions: always the same fields in the same order, each filled from one place.
 *
 * @module
 */
import type { Decision, DecisionPorts, Facts, LimitDemand, LimitState, Principal, RuleReference } from './decision.ts'
import { reasons, type Reason } from './reasons.ts'
import type { CompiledAccess, CompiledRelease, CompiledRoute } from './release.ts'
import { describe, step, traceStop } from './trace.ts'

const NONE: readonly never[] = []

/** One request on its way through the gates: what is known of it so far. */
export interface Attempt {
  readonly release: CompiledRelease
  readonly facts: Facts
  readonly route: CompiledRoute | null
  readonly ports: DecisionPorts
  principal: Principal | null
  credentialHeaders: readonly string[]
  credentialQuery: readonly string[]
}

/** A request of which nothing but the route is known. */
export function attempt(
  release: CompiledRelease,
  facts: Facts,
  route: CompiledRoute | null,
  ports: DecisionPorts,
): Attempt {
  return { release, facts, route, ports, principal: null, credentialHeaders: NONE, credentialQuery: NONE }
}

/** The last line of a decision: every gate was passed. */
export function allow(
  at: Attempt,
  access: CompiledAccess,
  limits: readonly LimitState[],
  unsettled: readonly LimitDemand[] = NONE,
): Decision {
  at.ports.trace?.(step('limit', describe.limits(limits.length)))
  return {
    outcome: 'allow',
    reason: 'allowed',
    status: 200,
    route: at.route?.name ?? null,
    service: at.route?.service.name ?? null,
    principal: at.principal,
    rule: accessRule(access),
    needed: access.scopes,
    had: at.principal?.scopes ?? NONE,
    limits,
    unsettled,
    tightest: tightestOf(limits),
    limitFields: at.release.settings.rateLimitFields,
    credentialHeaders: at.credentialHeaders,
    credentialQuery: at.credentialQuery,
    allow: NONE,
    location: null,
    hsts: hstsOf(at),
    retryAfterMs: 0,
  }
}

/** What a refusal may add to what its reason says. `rule` is the access policy of the route if nothing else. */
export interface DenyDetails {
  readonly rule?: RuleReference | null
  readonly needed?: readonly string[]
  readonly had?: readonly string[]
  readonly limits?: readonly LimitState[]
  readonly tightest?: number
  readonly allow?: readonly string[]
  readonly location?: string
  readonly retryAfterMs?: number
}

/** Refuses, and traces where. */
export function deny(at: Attempt, reason: Reason, details: DenyDetails): Decision {
  const access = at.route?.access ?? null
  const { rule = access === null ? null : accessRule(access), needed = NONE, had = NONE } = details
  const { status, gate, title } = reasons[reason]
  if (at.ports.trace !== undefined) traceStop(at.ports, gate, describe.stop(title, needed, had))
  return {
    outcome: 'deny',
    reason,
    status,
    route: at.route?.name ?? null,
    service: at.route?.service.name ?? null,
    principal: at.principal,
    rule,
    needed,
    had,
    limits: details.limits ?? NONE,
    unsettled: NONE,
    tightest: details.tightest ?? -1,
    limitFields: at.release.settings.rateLimitFields,
    credentialHeaders: at.credentialHeaders,
    credentialQuery: at.credentialQuery,
    allow: details.allow ?? NONE,
    location: details.location ?? null,
    hsts: hstsOf(at),
    retryAfterMs: details.retryAfterMs ?? 0,
  }
}

/**
 * Refuses outside of `decide`: a head that cannot be normalised, no live release, a service that does not answer.
 *
 * @param from the decision that allowed the request, when there was one: what it found stays known.
 * @param retryAfterMs when to come back, in milliseconds from now; 0: nothing is said.
 */
export function refuse(reason: Reason, from: Decision | null = null, retryAfterMs = 0): Decision {
  return {
    outcome: 'deny',
    reason,
    status: reasons[reason].status,
    route: from?.route ?? null,
    service: from?.service ?? null,
    principal: from?.principal ?? null,
    rule: null,
    needed: NONE,
    had: NONE,
    limits: from?.limits ?? NONE,
    unsettled: NONE,
    tightest: from?.tightest ?? -1,
    limitFields: from?.limitFields ?? 'draft',
    credentialHeaders: from?.credentialHeaders ?? NONE,
    credentialQuery: from?.credentialQuery ?? NONE,
    allow: NONE,
    location: null,
    hsts: from?.hsts ?? null,
    retryAfterMs,
  }
}

/** Over plain HTTP anybody could have said it, and nobody listens (RFC 6797 section 8.1). */
function hstsOf({ route, facts }: Attempt): string | null {
  const https = route?.https ?? null
  return https === null || facts.scheme === 'http' ? null : https.hsts
}

function accessRule({ policy, origin }: CompiledAccess): RuleReference {
  return { kind: 'policy', name: policy, origin }
}

/** The one with the smallest remaining share; the first of equals. Shadow limits are not told to anybody. */
function tightestOf(limits: readonly LimitState[]): number {
  let tightest = -1
  let least = Infinity
  let index = 0
  for (const { remaining, amount, shadow } of limits) {
    const share = remaining / amount
    if (share < least && !shadow) [tightest, least] = [index, share]
    index += 1
  }
  return tightest
}
