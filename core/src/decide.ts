/**
 * The one order in which a request is decided: route, connection, source, credential, access, limits.
 *
 * Effects go through the ports; the order is here only. When the ports answer at once, so does this. What a port
 * cannot find out is a value (`credential_unavailable`, `unavailable`); a port that throws is a bug of its owner and
 * is not caught here, where it could only be guessed what it means.
 *
 * @module
 */
import type { CompiledLimit } from './compile.ts'
import { lackingAddress } from './access/addresses.ts'
import type { Ban } from './access/bans.ts'
import { internalRanges, isInternal } from './access/exposure.ts'
import { effectiveScopes, lackingAccess } from './access/judge.ts'
import { lackingClient, lackingTls, peerForHost } from './connection.ts'
import { apiKeyEnvironment, looksLikeApiKey } from './credentials/api-key.ts'
import { findCredential, type FoundCredential } from './credentials/find.ts'
import type {
  Credential,
  Decision,
  DecisionPorts,
  Facts,
  LimitDemand,
  LimitState,
  Taken,
  TlsPeer,
  Verified,
} from './decision.ts'
import { limitDemands } from './limits/demands.ts'
import { matchRoute } from './match/match.ts'
import { allow, attempt, deny, type Attempt, type DenyDetails } from './outcome.ts'
import { reasons } from './reasons.ts'
import type { CompiledAccess, CompiledRelease, CompiledRoute, CompiledSources } from './release.ts'
import { describe, step } from './trace.ts'

/** What the ports allow: at once, or later. */
type Pending = Decision | Promise<Decision>

const NONE: readonly never[] = []

/** Decides one request. Never throws by itself. */
export function decide(release: CompiledRelease, facts: Facts, ports: DecisionPorts): Pending {
  // Before anything that costs more than the refusal.
  const ban = ports.bans?.()?.ofSource(facts.address, ports.now()) ?? null
  if (ban !== null) return deny(attempt(release, facts, null, ports), 'source_banned', byBan(ban, facts.address))
  const match = matchRoute(release.index, facts.host, facts.path, facts.method)
  const at = attempt(release, facts, match.kind === 'route' ? match.route : null, ports)
  // Before anything that could be learnt about routes.
  if (release.requiresClients) {
    const lacking = lackingClient(at)
    if (lacking !== null) return lacking
  }
  if (match.kind === 'ambiguous') return deny(at, 'path_ambiguous', {})
  if (match.kind === 'route' && match.route.https !== null) {
    const lacking = lackingTls(at, match.route, match.route.https)
    if (lacking !== null) return lacking
  }
  ports.trace?.(step('network', describe.network(facts)))
  if (match.kind === 'unknown') return deny(at, 'route_unknown', {})
  if (match.kind === 'method_not_allowed') {
    return deny(at, 'method_not_allowed', { needed: match.allow, had: [facts.method], allow: match.allow })
  }
  ports.trace?.(step('route', describe.route(match.route)))
  return checkSource(at, match.route)
}

function checkSource(at: Attempt, route: CompiledRoute): Pending {
  const { access, exposure } = route
  const { address } = at.facts
  if (access !== null && access.addresses !== null) {
    const needed = lackingAddress(access.addresses, address)
    if (needed !== null) return deny(at, 'source_not_allowed', { needed, had: [address] })
  } else if (exposure === 'internal' && !isInternal(address)) {
    const rule = { kind: 'route', name: route.name, origin: route.origin }
    return deny(at, 'source_not_allowed', { rule, needed: internalRanges, had: [address] })
  }
  return checkIdentity(at, route)
}

function checkIdentity(at: Attempt, route: CompiledRoute): Pending {
  const { access } = route
  if (access === null || access.public !== null) {
    // Which of two the service would read is its secret; whether it is public here does not matter to it.
    if (at.facts.header('authorization').length > 1) return deny(at, 'credential_repeated', {})
    at.ports.trace?.(step('identity', describe.anonymous))
    return access === null ? deny(at, 'access_undecided', {}) : checkAccess(at, route, access)
  }
  const { sources } = access
  const needed = sources.kinds
  const { facts } = at
  const isAsked = sources.certificate !== null && facts.peer !== null
  const found = findCredential(sources, isAsked ? { ...facts, peer: peerForHost(at) } : facts)
  if (found.kind === 'missing') return deny(at, 'credential_missing', { needed })
  if (found.kind === 'repeated') return deny(at, 'credential_repeated', { needed })
  if (found.kind === 'text') {
    at.credentialHeaders = found.headers
    at.credentialQuery = found.query
  }
  const credential = readCredential(at, sources, found)
  if ('outcome' in credential) return credential
  const verified = at.ports.verify(credential, at.facts)
  const other = found.kind === 'text' ? found.peer : null
  return verified instanceof Promise
    ? whenVerified(at, route, access, other, verified)
    : checkVerified(at, route, access, other, verified)
}

/** @returns what has to be proven, or the refusal of what is not worth it. */
function readCredential(
  at: Attempt,
  sources: CompiledSources,
  found: Exclude<FoundCredential, { kind: 'missing' | 'repeated' }>,
): Credential | Decision {
  const needed = sources.kinds
  if (found.kind === 'certificate') {
    const { peer } = found
    if (peer.kind === 'unverified') return deny(at, 'certificate_untrusted', { needed })
    return { kind: 'mtls', peer, identities: sources.certificate ?? NONE }
  }
  if (found.kind === 'signature') {
    const { covered, ageMsMax } = sources.signature ?? UNSATISFIABLE
    return { kind: 'signature', covered, ageMsMax }
  }
  const { text, scheme } = found
  const isApiKey = scheme === 'key' || (scheme === 'bearer' && (sources.tokens.length === 0 || looksLikeApiKey(text)))
  if (!isApiKey) return { kind: 'token', text, scheme: scheme === 'dpop' ? 'dpop' : 'bearer', sources: sources.tokens }
  if (sources.apiKeyHeaders.length === 0) return deny(at, 'credential_not_accepted', { needed })
  const { environment: expected } = at.release
  const environment = apiKeyEnvironment(text, expected)
  if (environment === null) return deny(at, 'credential_malformed', { needed })
  if (environment !== expected) {
    return deny(at, 'credential_wrong_environment', { needed: [expected], had: [environment] })
  }
  return { kind: 'api_key', text }
}

const byBan = ({ id }: Ban, who: string): DenyDetails => ({ rule: { kind: 'ban', name: id, origin: '' }, had: [who] })

/** A signature that nothing satisfies. */
const UNSATISFIABLE = { covered: ['@never'], ageMsMax: 0 } as const

/** @param other the certificate of the connection, where certificates are accepted beside what was presented. */
function checkVerified(
  at: Attempt,
  route: CompiledRoute,
  access: CompiledAccess,
  other: TlsPeer | null,
  verified: Verified,
): Pending {
  at.principal = verified.principal
  if (verified.kind === 'denied') {
    const { reason, principal, retryAfterMs } = verified
    if (reasons[reason].gate !== 'identity') at.ports.trace?.(step('identity', describe.principal(principal)))
    const had = reason === 'address_not_allowed' ? [at.facts.address] : NONE
    const isOfConsumer = reasons[reason].gate === 'access'
    return deny(at, reason, {
      needed: verified.needed ?? (isOfConsumer ? NONE : access.sources.kinds),
      had,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }
  // A certificate beside a token is one credential with it only where the token is bound to it.
  if (other !== null && verified.principal.boundTo !== 'certificate') {
    return deny(at, 'credential_repeated', { needed: access.sources.kinds })
  }
  at.ports.trace?.(step('identity', describe.principal(verified.principal)))
  const { consumerId, consumer } = verified.principal
  const ban = consumerId === '' ? null : (at.ports.bans?.()?.ofConsumer(consumerId, at.ports.now()) ?? null)
  if (ban !== null) return deny(at, 'consumer_banned', byBan(ban, consumer))
  return checkAccess(at, route, access)
}

function checkAccess(at: Attempt, route: CompiledRoute, access: CompiledAccess): Pending {
  const { principal } = at
  const scopes = effectiveScopes(principal, at.release.roles)
  if (principal !== null && scopes !== principal.scopes) at.principal = { ...principal, scopes }
  const lacking = lackingAccess(access, at.facts, principal, scopes, at.ports.now)
  if (lacking !== null) return deny(at, lacking.reason, lacking.details)
  at.ports.trace?.(step('access', describe.access(access)))
  // Before anything is taken that would have to be given back.
  if (route.bodyBytesMax !== null && declaredBytes(at.facts) > route.bodyBytesMax) {
    return tooLarge(at, route, route.bodyBytesMax)
  }
  const demands = limitDemands(route, at.facts, at.principal)
  if (demands.length === 0) return allow(at, access, NONE)
  const taken = at.ports.take(demands)
  return taken instanceof Promise ? whenTaken(at, access, demands, taken) : checkLimits(at, access, demands, taken)
}

/** A body whose length is not declared is cut off while it flows, by whoever reads it. */
function declaredBytes(facts: Facts): number {
  const [length] = facts.header('content-length')
  return length === undefined ? 0 : Number(length)
}

function tooLarge(at: Attempt, { name }: CompiledRoute, bodyBytesMax: number): Decision {
  const policy = at.release.effective.get(name)?.size ?? null
  const rule = policy === null ? null : { kind: 'policy', name: policy.name, origin: policy.origin }
  const had = [`${declaredBytes(at.facts)} bytes`]
  return deny(at, 'body_too_large', { rule, needed: [`at most ${bodyBytesMax} bytes`], had })
}

function checkLimits(at: Attempt, access: CompiledAccess, demands: readonly LimitDemand[], taken: Taken): Decision {
  if (taken.kind === 'taken') return allow(at, access, taken.states, unsettled(demands, taken.states))
  const refusing = demands[taken.kind === 'exceeded' ? taken.exceeded : (taken.limit ?? 0)]?.limit ?? null
  const rule = refusing === null ? null : { kind: refusing.of, name: refusing.policy, origin: refusing.origin }
  if (taken.kind === 'unavailable') return deny(at, 'limit_unavailable', { rule })
  return deny(at, 'limit_exceeded', { rule, limits: taken.states, tightest: taken.exceeded })
}

/**
 * Those of which something is left to do when the request has ended. Most requests have none, and make no list. A shadow
 * limit without room holds nothing.
 */
function unsettled(demands: readonly LimitDemand[], states: readonly LimitState[]): readonly LimitDemand[] {
  for (const { limit } of demands) {
    if (!isSettledLater(limit)) continue
    return demands.filter((one, index) => isSettledLater(one.limit) && states[index]?.exceeded !== true)
  }
  return NONE
}

const isSettledLater = ({ algorithm, unit }: CompiledLimit): boolean => algorithm === 'concurrency' || unit === 'bytes'

// The two ways to go on later. They are functions of their own, so that the usual request, whose ports answer at once,
// makes neither a promise nor what a closure would keep.

async function whenVerified(
  at: Attempt,
  route: CompiledRoute,
  access: CompiledAccess,
  other: TlsPeer | null,
  verified: Promise<Verified>,
): Promise<Decision> {
  return checkVerified(at, route, access, other, await verified)
}

async function whenTaken(
  at: Attempt,
  access: CompiledAccess,
  demands: readonly LimitDemand[],
  taken: Promise<Taken>,
): Promise<Decision> {
  return checkLimits(at, access, demands, await taken)
}
