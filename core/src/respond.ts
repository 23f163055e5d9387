/**
 * What a caller is told: the body of a refusal, and the fields of every response.
 *
 * Says nothing about rules that a caller does not know about itself; the exception is the name of a limit policy,
 * so that a client can tell which of its budgets is used up.
 *
 * Sources: RFC 9457 (problem details), RFC 9110 section 10.2.1 (Allow), 10.2.2 (Location), 10.2.3 (Retry-After) and
 * 11.6.1 (WWW-Authenticate), RFC 6797 (Strict-Transport-Security), RFC 6750 section 3,
 * draft-ietf-httpapi-ratelimit-headers-11 (problem types; its fields are in limits/told.ts).
 *
 * @module
 */
import type { Decision } from './decision.ts'
import { limitFields, longestWaitMs, violatedPolicies } from './limits/told.ts'
import { reasons, type Reason } from './reasons.ts'

/** Where each reason has its page. */
const PROBLEM_BASE = 'https://headgate.dev/problems/'

/** Problem types of the draft, for who is told about limits in its words. */
const draftTypes: Partial<Record<Reason, string>> = {
  limit_exceeded: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  source_locked_out: 'https://iana.org/assignments/http-problem-types#abnormal-usage-detected',
  limit_unavailable: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  agent_overloaded: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  load_shed: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  upstream_overloaded: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
}

/** Body of a refusal, as `application/problem+json`. */
export interface PublicProblem {
  readonly type: string
  readonly title: string
  readonly status: number
  /** The reason. */
  readonly code: string
  readonly detail?: string
  /** Name of the limit policy that is used up, the first of several. */
  readonly policy?: string
  /** Names of all of them. */
  readonly 'violated-policies'?: readonly string[]
  readonly request_id: string
}

/**
 * @param decision a refusal.
 * @throws RangeError for a decision that allows: there is nothing to say then.
 */
export function publicProblem(decision: Decision, requestId: string): PublicProblem {
  const { reason, status, retryAfterMs, limits, tightest } = decision
  if (reason === 'allowed') throw new RangeError('an allowed request is no problem')
  const inDraft = decision.limitFields === 'draft' ? draftTypes[reason] : undefined
  const type = inDraft ?? `${PROBLEM_BASE}${reason}`
  const base = { type, title: reasons[reason].title, status, code: reason }
  const first = reason === 'limit_exceeded' ? limits[tightest] : undefined
  if (first === undefined) {
    return { ...base, ...(retryAfterMs > 0 && { detail: comeBack(retryAfterMs) }), request_id: requestId }
  }
  const names = inDraft === undefined ? {} : { 'violated-policies': violatedPolicies(decision) }
  const detail = comeBack(longestWaitMs(decision))
  return { ...base, detail, policy: first.policy, ...names, request_id: requestId }
}

const comeBack = (ms: number): string => `Try again in ${waitSeconds(ms)} s`

/** One field of a response. */
export type ResponseHeader = readonly [name: string, value: string]

/**
 * Fields that a decision asks for, on refusals and on what is forwarded back alike.
 *
 * @param last goes behind them.
 */
export function responseHeaders(decision: Decision, last: ResponseHeader): readonly ResponseHeader[] {
  if (decision.outcome === 'allow' && decision.hsts === null) {
    // Most of all requests: a list of its very length.
    return decision.tightest === -1 ? [last] : limitFields(decision, last)
  }
  const headers: ResponseHeader[] = []
  if (decision.status === 401) headers.push(['WWW-Authenticate', challenge(decision)])
  if (decision.status === 405) headers.push(['Allow', decision.allow.join(', ')])
  if (decision.location !== null) headers.push(['Location', decision.location])
  if (decision.hsts !== null) headers.push(['Strict-Transport-Security', decision.hsts])
  if (decision.reason === 'limit_exceeded') {
    headers.push(['Retry-After', String(waitSeconds(longestWaitMs(decision)))])
  } else if (decision.retryAfterMs > 0) headers.push(['Retry-After', String(waitSeconds(decision.retryAfterMs))])
  else if (decision.reason === 'upstream_overloaded') headers.push(['Retry-After', '1'])
  if (decision.tightest !== -1) headers.push(...limitFields(decision, last))
  else headers.push(last)
  return headers
}

/** Whole seconds, rounded up and at least one: who waits that long is not refused again. */
function waitSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000))
}

/** RFC 6750 section 3.1: no error code when nothing was presented. RFC 9449 section 7.1: a proof has its own. */
function challenge({ reason }: Decision): string {
  if (reason === 'proof_invalid' || reason === 'proof_replayed') {
    return `DPoP realm="headgate", error="invalid_dpop_proof", error_description="${reasons[reason].title}"`
  }
  if (reason === 'credential_unbound') {
    return `DPoP realm="headgate", error="invalid_token", error_description="${reasons[reason].title}"`
  }
  if (reason === 'credential_missing' || reason === 'allowed') return 'Bearer realm="headgate"'
  return `Bearer realm="headgate", error="invalid_token", error_description="${reasons[reason].title}"`
}
