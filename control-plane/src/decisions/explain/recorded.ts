/**
 * A request that an agent decided: decided once more, on the same release, with its effects answered from the record.
 *
 * A record holds no credential and no query, so what depends on their text is taken as it was recorded, and where the
 * evaluator cannot come to the recorded reason without them, the record counts.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import {
  type Ban,
  type Bans,
  type CompiledLimit,
  type CompiledRelease,
  type CredentialKind,
  type Principal,
  type Reason,
  type RequestHead,
  type Taken,
  type Verified,
  credentialKinds,
  formatApiKey,
  plainLimit,
  reasons,
} from '@headgate/core'
import { type Evaluation, assumedPeer, evaluate, requestHead } from './evaluate.ts'

export interface Replay {
  readonly evaluation: Evaluation
  /** The evaluator comes to what was recorded. */
  readonly agrees: boolean
}

/** Reasons whose cause is in parts of the head that are not recorded. */
const UNRECORDED: ReadonlySet<string> = new Set([
  'host_missing',
  'host_invalid',
  'target_invalid',
  'path_ambiguous',
  'proxy_chain_invalid',
])

/** Reasons that come of an expression, which may be over anything. */
const BY_EXPRESSION = /^expression_/

/** Reasons with which the `verify` port may answer. */
const DENIED =
  /^(?:credential_(?:unknown|disabled|revoked|expired|unavailable|malformed|unbound|repeated)|token_.*|proof_.*|signature_.*|certificate_unknown|source_locked_out|credential_locked_out|consumer_disabled|consumer_unknown|address_not_allowed)$/

/** @param release the one that decided; null when none was live. */
export async function replay(
  release: CompiledRelease | null,
  environment: string,
  record: DecisionRecord,
): Promise<Replay> {
  const evaluation = await evaluate(release, headOf(record, environment, release), {
    now: () => Date.parse(record.at),
    bans: () => bansOf(record),
    verify: () => verify(record, release),
    take: () => take(record),
  })
  const { decision } = evaluation
  const afterwards =
    isReason(record.reason) && (reasons[record.reason].gate === 'upstream' || isOfAgent(record, release))
  const expected = afterwards ? 'allowed' : record.reason
  // Whether an expression was true depends on fields, query and claims; where it was, the record counts.
  const isOpen =
    [expected, decision.reason].some((reason) => BY_EXPRESSION.test(reason)) && hasExpression(release, record)
  const isSame = decision.reason === expected || (isOpen && isBehindAccess(expected))
  return { evaluation, agrees: UNRECORDED.has(record.reason) || (isSame && decision.route === record.route) }
}

/** The one that the record tells of. */
function bansOf({ reason, rule }: DecisionRecord): Bans {
  const ban: Ban = { id: rule?.name ?? '', source: null, consumerId: null, expiresAtMs: 0 }
  return {
    ofSource: () => (reason === 'source_banned' ? ban : null),
    ofConsumer: () => (reason === 'consumer_banned' ? ban : null),
  }
}

/** Where no policy says how large a body may be, the agent does, once the request is decided about. */
function isOfAgent({ reason, route }: DecisionRecord, release: CompiledRelease | null): boolean {
  return reason === 'body_too_large' && (release?.routes.get(route ?? '')?.bodyBytesMax ?? null) === null
}

function hasExpression(release: CompiledRelease | null, { route }: DecisionRecord): boolean {
  return (release?.routes.get(route ?? '')?.access?.conditions?.expression ?? null) !== null
}

/** An expression is the last condition: what is refused before it was refused whatever it is. */
function isBehindAccess(reason: string): boolean {
  return reason === 'allowed' || BY_EXPRESSION.test(reason) || (isReason(reason) && reasons[reason].gate === 'limit')
}

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text)
}

const PLACEHOLDER = '0'.repeat(30)

type Field = Readonly<{ name: string; value: string }>

const authorization = (value: string): Field => ({ name: 'authorization', value })
const keyOf = (environment: string): Field => authorization(`Bearer ${formatApiKey(environment, PLACEHOLDER)}`)
const TOKEN = authorization('Bearer recorded')

/** A head that leads the evaluator to the credential that the record tells of. */
function headOf(record: DecisionRecord, environment: string, release: CompiledRelease | null): RequestHead {
  const { method, path, address, host } = record
  const scheme = record.scheme === 'https' ? 'https' : 'http'
  const kind = presentedKind(record, release)
  return requestHead({ method, target: path, scheme, address, ...peerOf(record, kind, release, scheme) }, [
    ...(host === '' ? [] : [{ name: 'host', value: host }]),
    ...fieldsOf(record, kind, environment),
    ...lengthOf(record),
  ])
}

/** The length that was declared, or one that is too much where it was not. */
function lengthOf({ reason, had }: DecisionRecord): readonly Field[] {
  if (reason !== 'body_too_large') return []
  const declared = /^([0-9]{1,15}) bytes$/.exec(had[0] ?? '')?.[1]
  return [{ name: 'content-length', value: declared ?? String(Number.MAX_SAFE_INTEGER) }]
}

function fieldsOf({ reason }: DecisionRecord, kind: string, environment: string): readonly Field[] {
  switch (reason) {
    case 'credential_missing':
    case 'https_redirect':
    case 'https_required':
      return []
    case 'credential_repeated':
      return [keyOf(environment), keyOf(environment)]
    case 'credential_malformed':
      return [authorization('Bearer malformed')]
    case 'credential_wrong_environment':
      return [keyOf(environment === 'other' ? 'another' : 'other')]
    case 'credential_not_accepted':
    case 'cleartext_credential':
      return [keyOf(environment)]
    default:
      break
  }
  if (kind === 'mtls') return []
  if (kind === 'signature') return [{ name: 'signature-input', value: 'recorded' }]
  return kind === 'jwt' || kind === 'introspection' ? [TOKEN] : [keyOf(environment)]
}

/** What was presented: as it was told, by the reason, or the first that the route accepts. */
function presentedKind({ principal, reason, route }: DecisionRecord, release: CompiledRelease | null): string {
  if (principal !== null) return principal.credential_kind
  if (reason.startsWith('certificate_')) return 'mtls'
  if (reason.startsWith('signature_')) return 'signature'
  const kinds: readonly string[] = release?.routes.get(route ?? '')?.access?.sources.kinds ?? []
  const isOfToken = /^(?:token_|proof_|credential_unbound)/.test(reason)
  return (isOfToken ? kinds.find((kind) => kind === 'jwt' || kind === 'introspection') : kinds[0]) ?? 'api_key'
}

/** The certificate of the connection, where it mattered; by default that without which the host is not reached. */
function peerOf(
  { reason, host }: DecisionRecord,
  kind: string,
  release: CompiledRelease | null,
  scheme: 'http' | 'https',
): Pick<RequestHead, 'peer'> {
  if (reason === 'client_certificate_missing') return { peer: null }
  if (reason === 'credential_missing') return {}
  if (reason === 'certificate_untrusted') {
    const { certificate = '' } = assumedPeer(release, host, scheme) ?? {}
    return { peer: { kind: 'unverified', certificate, sha256: '', why: '' } }
  }
  return kind === 'mtls' ? { peer: assumedPeer(release, host, scheme) } : {}
}

function verify(record: DecisionRecord, release: CompiledRelease | null): Verified {
  const { reason, principal, needed } = record
  const who = principal === null ? null : { ...principalOf(principal), limits: ownLimits(record, release) }
  if (DENIED.test(reason) && isReason(reason)) {
    // The port answers with reasons of credentials only; the pattern is that list.
    return { kind: 'denied', reason, principal: who, ...(needed.length === 0 ? {} : { needed }) }
  }
  return who === null
    ? { kind: 'denied', reason: 'credential_unknown', principal: null }
    : { kind: 'proven', principal: who }
}

/** Limits of the credential itself, which come behind those of the route. */
function ownLimits({ limits, route }: DecisionRecord, release: CompiledRelease | null): readonly CompiledLimit[] {
  const found = release?.routes.get(route ?? '')
  if (found === undefined) return []
  // By name: limits for which a request is free leave nothing in its record.
  const ofRoute = new Set(found.limits.map(({ policy }) => policy))
  const own = limits.filter(({ policy }) => !ofRoute.has(policy))
  return own.map(({ policy, requests, window_ms: windowMs }) => {
    return plainLimit({ of: 'api_key', policy, id: policy, amount: requests, windowMs, burst: requests })
  })
}

const isCredentialKind = (kind: string): kind is CredentialKind => (credentialKinds as readonly string[]).includes(kind)

function principalOf(principal: NonNullable<DecisionRecord['principal']>): Principal {
  const { credential_kind: kind } = principal
  const isToken = kind === 'jwt' || kind === 'introspection'
  return {
    consumerId: principal.consumer_id,
    consumer: principal.consumer,
    credentialId: principal.credential_id,
    // An agent of another version may know others: whichever it was, it proved the caller.
    credentialKind: isCredentialKind(kind) ? kind : 'api_key',
    credentialHint: principal.hint,
    scopes: principal.scopes,
    roles: principal.roles,
    claims: null,
    // A certificate beside a token that was let pass is the one that the token is bound to.
    boundTo: isToken ? 'certificate' : null,
    expiresAtMs: 0,
    limits: [],
  }
}

function take({ reason, limits, tightest }: DecisionRecord): Taken {
  if (reason === 'limit_unavailable') return { kind: 'unavailable' }
  const states = limits.map((limit, index) => ({
    policy: limit.policy,
    algorithm: limit.algorithm ?? ('rate' as const),
    unit: limit.unit ?? ('requests' as const),
    amount: limit.requests,
    windowMs: limit.window_ms,
    remaining: limit.remaining,
    resetMs: limit.reset_ms,
    retryAfterMs: limit.retry_after_ms,
    exceeded: limit.exceeded ?? (reason === 'limit_exceeded' && index === tightest),
    shadow: limit.shadow ?? false,
  }))
  return reason === 'limit_exceeded'
    ? { kind: 'exceeded', states, exceeded: Math.max(0, tightest) }
    : { kind: 'taken', states }
}
