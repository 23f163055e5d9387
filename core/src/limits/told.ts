/**
 * How callers are told about the limits that count for them, in the style that their environment has chosen.
 *
 * Shadow limits are told to nobody. Names of policies are; what they count by is not.
 *
 * Sources: draft-ietf-httpapi-ratelimit-headers-11 (RateLimit-Policy, RateLimit), RFC 9651 (structured fields).
 *
 * @module
 */
import type { Decision, LimitState } from '#core/decision.ts'
import type { ResponseHeader } from '#core/respond.ts'

/** Largest integer of a structured field (RFC 9651 section 3.3.1). */
const INTEGER_MAX = 999_999_999_999_999

const HOUR_MS = 3_600_000

/**
 * @param decision with a tightest limit.
 * @param last goes behind the fields.
 */
export function limitFields(decision: Decision, last: ResponseHeader): readonly ResponseHeader[] {
  const { limits, tightest } = decision
  const state = limits[tightest]
  if (state === undefined || decision.limitFields === 'none') return [last]
  if (decision.limitFields === 'x-ratelimit') {
    return [
      ['X-RateLimit-Limit', String(state.amount)],
      ['X-RateLimit-Remaining', String(state.remaining)],
      // In seconds from now, as `t` of the draft: the clock of a caller may be wrong.
      ['X-RateLimit-Reset', String(timeSeconds(state))],
      last,
    ]
  }
  const item = decision.reason === 'limit_exceeded' ? violatedItems(decision) : limitItem(state)
  return [policyField(limits), ['RateLimit', item], last]
}

/** Names of the policies because of which a request is refused. */
export function violatedPolicies({ limits }: Decision): readonly string[] {
  return limits.filter(isViolated).map(({ policy }) => policy)
}

/** When none of the limits that refuse would refuse any more, in milliseconds from now. */
export function longestWaitMs({ limits }: Decision): number {
  return limits.reduce((most, state) => (isViolated(state) ? Math.max(most, state.retryAfterMs) : most), 0)
}

const isViolated = ({ exceeded, shadow }: LimitState): boolean => exceeded && !shadow

const violatedItems = ({ limits }: Decision): string => limits.filter(isViolated).map(limitItem).join(', ')

function policyField(limits: readonly LimitState[]): ResponseHeader {
  const [only] = limits
  if (only !== undefined && limits.length === 1) return textsOf(only).policyField
  const told = limits.filter(({ shadow }) => !shadow)
  return ['RateLimit-Policy', told.map((limit) => textsOf(limit).policyField[1]).join(', ')]
}

function limitItem(limit: LimitState): string {
  const start = `${textsOf(limit).itemStart}${Math.min(limit.remaining, INTEGER_MAX)}`
  // Nobody knows when a place becomes free.
  return limit.algorithm === 'concurrency' ? start : `${start};t=${timeSeconds(limit)}`
}

/** When more comes: as Retry-After when the request or the next one is refused (the draft asks for that), else when all is back. */
function timeSeconds({ remaining, exceeded, resetMs, retryAfterMs }: LimitState): number {
  return remaining === 0 || exceeded ? Math.max(1, seconds(retryAfterMs)) : seconds(resetMs)
}

/** What is said about one limit policy whatever its state. */
interface LimitTexts {
  readonly amount: number
  readonly windowMs: number
  readonly unit: LimitState['unit']
  readonly algorithm: LimitState['algorithm']
  readonly policyField: ResponseHeader
  readonly itemStart: string
}

// By the name of the policy. It only saves time: what is there for other numbers is made anew.
const prepared = new Map<string, LimitTexts>()

/** Policies of which texts are kept: more than one agent serves at a time. */
const PREPARED_MAX = 10_000

function textsOf(limit: LimitState): LimitTexts {
  const { policy, amount, windowMs, unit, algorithm } = limit
  const known = prepared.get(policy)
  const isSame =
    known?.amount === amount && known.windowMs === windowMs && known.unit === unit && known.algorithm === algorithm
  if (isSame) return known
  const texts: LimitTexts = {
    amount,
    windowMs,
    unit,
    algorithm,
    policyField: ['RateLimit-Policy', policyItem(limit)],
    itemStart: `"${policy}";r=`,
  }
  if (prepared.size >= PREPARED_MAX) prepared.clear()
  prepared.set(policy, texts)
  return texts
}

function policyItem({ policy, amount, windowMs, unit, algorithm }: LimitState): string {
  const quota = `"${policy}";q=${Math.min(amount, INTEGER_MAX)}`
  if (algorithm === 'concurrency') return `${quota};qu="concurrent-requests"`
  const counted = unit === 'bytes' ? `${quota};qu="content-bytes"` : quota
  // A period is an hour longer once a year, which is more than a caller needs to know.
  return `${counted};w=${Math.max(1, seconds(algorithm === 'quota' ? windowMs - HOUR_MS : windowMs))}`
}

/** Rounded up: who waits that long is not refused again. */
const seconds = (ms: number): number => Math.ceil(ms / 1000)
