/**
 * The one order in which a request is decided: route, connection, credential, access, limits.
 *
 * Effects go through the ports; the order is here only. When the ports answer at once, so does this. What a port
 * cannot find out is a value (`credential_unavailable`, `unavailable`); a port that throws is a bug of its owner and
 * is not caught here, where it could only be guessed what it means.
 *
 * @module
 */
import { lackingClient, lackingTls } from './connection.ts'
import { apiKeyEnvironment } from './credentials/api-key.ts'
import { findCredential } from './credentials/find.ts'
import type { Decision, DecisionPorts, Facts, Taken, Verified } from './decision.ts'
import { limitDemands } from './limits/demands.ts'
import { matchRoute } from './match/match.ts'
import { allow, attempt, deny, type Attempt } from './outcome.ts'
import type { CompiledAccess, CompiledRelease, CompiledRoute } from './release.ts'
import { describe, step } from './trace.ts'

/** What the ports allow: at once, or later. */
type Pending = Decision | Promise<Decision>

const API_KEY = ['api_key'] as const
const NONE: readonly never[] = []

/** Decides one request. Never throws by itself. */
export function decide(release: CompiledRelease, facts: Facts, ports: DecisionPorts): Pending {
  const match = matchRoute(release.index, facts.host, facts.path, facts.method)
  const at = attempt(facts, match.kind === 'route' ? match.route : null, ports)
  // Before anything that could be learnt about routes.
  if (release.requiresClients) {
    const lacking = lackingClient(release, at)
    if (lacking !== null) return lacking
  }
  if (match.kind === 'ambiguous') return deny(at, 'path_ambiguous', {})
  if (match.kind === 'route' && match.route.https !== null) {
    const lacking = lackingTls(release, at, match.route, match.route.https)
    if (lacking !== null) return lacking
  }
  ports.trace?.(step('network', describe.network(facts)))
  if (match.kind === 'unknown') return deny(at, 'route_unknown', {})
  if (match.kind === 'method_not_allowed') {
    return deny(at, 'method_not_allowed', { needed: match.allow, had: [facts.method], allow: match.allow })
  }
  ports.trace?.(step('route', describe.route(match.route)))
  return checkIdentity(at, match.route, release)
}

function checkIdentity(at: Attempt, route: CompiledRoute, release: CompiledRelease): Pending {
  const { access } = route
  if (access === null || access.public !== null) {
    // Which of two the service would read is its secret; whether it is public here does not matter to it.
    if (at.facts.header('authorization').length > 1) return deny(at, 'credential_repeated', {})
    at.ports.trace?.(step('identity', describe.anonymous))
    return access === null ? deny(at, 'access_undecided', {}) : checkAccess(at, route, access)
  }
  const found = findCredential(access.apiKeyHeaders, at.facts)
  if (found.kind === 'missing') return deny(at, 'credential_missing', { needed: API_KEY })
  if (found.kind === 'repeated') return deny(at, 'credential_repeated', { needed: API_KEY })
  at.credentialHeaders = found.headers
  const environment = apiKeyEnvironment(found.text, release.environment)
  if (environment === null) return deny(at, 'credential_malformed', { needed: API_KEY })
  if (environment !== release.environment) {
    return deny(at, 'credential_wrong_environment', { needed: [release.environment], had: [environment] })
  }
  const verified = at.ports.verify({ kind: 'api_key', text: found.text }, at.facts)
  return verified instanceof Promise
    ? whenVerified(at, route, access, verified)
    : checkVerified(at, route, access, verified)
}

function checkVerified(at: Attempt, route: CompiledRoute, access: CompiledAccess, verified: Verified): Pending {
  at.principal = verified.principal
  if (verified.kind === 'proven') {
    at.ports.trace?.(step('identity', describe.principal(verified.principal)))
    return checkAccess(at, route, access)
  }
  const { reason, principal } = verified
  if (reason === 'consumer_disabled' || reason === 'address_not_allowed') {
    at.ports.trace?.(step('identity', describe.principal(principal)))
    const had = reason === 'address_not_allowed' ? [at.facts.address] : []
    return deny(at, reason, { needed: verified.needed ?? [], had })
  }
  return deny(at, reason, { needed: verified.needed ?? API_KEY })
}

function checkAccess(at: Attempt, route: CompiledRoute, access: CompiledAccess): Pending {
  const had: readonly string[] = at.principal?.scopes ?? NONE
  if (!includesAll(had, access.scopes)) {
    return deny(at, 'scope_missing', { needed: access.scopes, had: had.toSorted() })
  }
  at.ports.trace?.(step('access', describe.access(access)))
  if (route.limits.length === 0) return allow(at, access, NONE)
  const taken = at.ports.take(limitDemands(route, at.facts, at.principal))
  return taken instanceof Promise ? whenTaken(at, route, access, taken) : checkLimits(at, route, access, taken)
}

function checkLimits(at: Attempt, route: CompiledRoute, access: CompiledAccess, taken: Taken): Decision {
  if (taken.kind === 'taken') return allow(at, access, taken.states)
  const refusing = route.limits[taken.kind === 'exceeded' ? taken.exceeded : 0] ?? null
  const rule = refusing === null ? null : { kind: 'policy', name: refusing.policy, origin: refusing.origin }
  if (taken.kind === 'unavailable') return deny(at, 'limit_unavailable', { rule })
  return deny(at, 'limit_exceeded', { rule, limits: taken.states, tightest: taken.exceeded })
}

function includesAll(had: readonly string[], needed: readonly string[]): boolean {
  for (const one of needed) if (!had.includes(one)) return false
  return true
}

// The two ways to go on later. They are functions of their own, so that the usual request, whose ports answer at once,
// makes neither a promise nor what a closure would keep.

async function whenVerified(
  at: Attempt,
  route: CompiledRoute,
  access: CompiledAccess,
  verified: Promise<Verified>,
): Promise<Decision> {
  return checkVerified(at, route, access, await verified)
}

async function whenTaken(
  at: Attempt,
  route: CompiledRoute,
  access: CompiledAccess,
  taken: Promise<Taken>,
): Promise<Decision> {
  return checkLimits(at, route, access, await taken)
}
