/**
 * What a caller is told: the body of a refusal, and the fields of every response.
 *
 * Says nothing about rules that a caller does not know about itself; the exception is the name of a limit policy,
 * so that a client can tell which of its budgets is used up.
 *
 * Sources: RFC 9457 (problem details), RFC 9110 section 10.2.1 (Allow), 10.2.2 (Location), 10.2.3 (Retry-After) and
 * 11.6.1 (WWW-Authenticate), RFC 6797 (Strict-Transport-Security), RFC 6750 section 3, RFC 9651 (structured fields),
 * draft-ietf-httpapi-ratelimit-headers from -08 on (RateLimit-Policy and RateLimit).
 *
 * @module
 */
import type { Decision, LimitState } from './decision.ts'
import { reasons } from './reasons.ts'

/** Where each reason has its page. */
const PROBLEM_BASE = 'https://headgate.dev/problems/'

/** Body of a refusal, as `application/problem+json`. */
export interface PublicProblem {
  readonly type: string
  readonly title: string
  readonly status: number
  /** The reason. */
  readonly code: string
  readonly detail?: string
  /** Name of the limit policy that is used up. */
  readonly policy?: string
  readonly request_id: string
}

/**
 * @param decision a refusal.
 * @throws RangeError for a decision that allows: there is nothing to say then.
 */
export function publicProblem(decision: Decision, requestId: string): PublicProblem {
  const { reason, status } = decision
  if (reason === 'allowed') throw new RangeError('an allowed request is no problem')
  const base = { type: `${PROBLEM_BASE}${reason}`, title: reasons[reason].title, status, code: reason }
  const limit = refusingLimit(decision)
  if (limit === null) {
    const { retryAfterMs } = decision
    return { ...base, ...(retryAfterMs > 0 && { detail: comeBack(retryAfterMs) }), request_id: requestId }
  }
  return { ...base, detail: comeBack(limit.retryAfterMs), policy: limit.policy, request_id: requestId }
}

const comeBack = (ms: number): string => `Try again in ${seconds(ms, 1)} s`

/** One field of a response. */
export type ResponseHeader = readonly [name: string, value: string]

/**
 * Fields that a decision asks for, on refusals and on what is forwarded back alike.
 *
 * @param last goes behind them.
 */
export function responseHeaders(decision: Decision, last: ResponseHeader): readonly ResponseHeader[] {
  const tightest = decision.limits[decision.tightest]
  if (decision.outcome === 'allow' && decision.hsts === null) {
    // Most of all requests: a list of its very length.
    return tightest === undefined ? [last] : [policyField(decision.limits), ['RateLimit', limitItem(tightest)], last]
  }
  const headers: ResponseHeader[] = []
  if (decision.status === 401) headers.push(['WWW-Authenticate', challenge(decision)])
  if (decision.status === 405) headers.push(['Allow', decision.allow.join(', ')])
  if (decision.location !== null) headers.push(['Location', decision.location])
  if (decision.hsts !== null) headers.push(['Strict-Transport-Security', decision.hsts])
  const limit = refusingLimit(decision)
  if (limit !== null) headers.push(['Retry-After', String(seconds(limit.retryAfterMs, 1))])
  else if (decision.retryAfterMs > 0) headers.push(['Retry-After', String(seconds(decision.retryAfterMs, 1))])
  if (decision.reason === 'upstream_overloaded') headers.push(['Retry-After', '1'])
  if (tightest !== undefined) headers.push(policyField(decision.limits), ['RateLimit', limitItem(tightest)])
  headers.push(last)
  return headers
}

/** The limit because of which a request is refused. */
function refusingLimit({ reason, limits, tightest }: Decision): LimitState | null {
  return reason === 'limit_exceeded' ? (limits[tightest] ?? null) : null
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

function policyField(limits: readonly LimitState[]): ResponseHeader {
  const [only] = limits
  if (only !== undefined && limits.length === 1) return textsOf(only).policyField
  return ['RateLimit-Policy', limits.map((limit) => textsOf(limit).policyField[1]).join(', ')]
}

/** `t` is when more comes: as Retry-After when nothing is left (the draft asks for that), else when all is back. */
function limitItem(limit: LimitState): string {
  const { remaining, resetMs, retryAfterMs } = limit
  const t = seconds(remaining === 0 ? retryAfterMs : resetMs, remaining === 0 ? 1 : 0)
  return `${textsOf(limit).itemStart}${remaining};t=${t}`
}

/** What is said about one limit policy whatever its state. */
interface LimitTexts {
  readonly amount: number
  readonly windowMs: number
  readonly policyField: ResponseHeader
  readonly itemStart: string
}

// By the name of the policy. It only saves time: what is there for other numbers is made anew.
const prepared = new Map<string, LimitTexts>()

/** Policies of which texts are kept: more than one agent serves at a time. */
const PREPARED_MAX = 10_000

function textsOf({ policy, amount, windowMs }: LimitState): LimitTexts {
  const known = prepared.get(policy)
  if (known !== undefined && known.amount === amount && known.windowMs === windowMs) return known
  const item = `"${policy}";q=${amount};w=${seconds(windowMs, 1)}`
  const texts: LimitTexts = {
    amount,
    windowMs,
    policyField: ['RateLimit-Policy', item],
    itemStart: `"${policy}";r=`,
  }
  if (prepared.size >= PREPARED_MAX) prepared.clear()
  prepared.set(policy, texts)
  return texts
}

/** Whole seconds, rounded up: who waits that long is not refused again. */
function seconds(ms: number, least: number): number {
  return Math.max(least, Math.ceil(ms / 1000))
}
