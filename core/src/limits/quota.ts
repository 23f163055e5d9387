/**
 * The arithmetic of a quota: so much per calendar day or month.
 *
 * Pure but for the time zone database; times are milliseconds since 1970-01-01 UTC.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import { type Calendar, periodAt, periodOf } from './calendar.ts'
import { type LimitOutcome, neededUnits } from './outcome.ts'

/** What the arithmetic needs of a limit. One without a calendar counts by days of UTC. */
export type Quota = Pick<CompiledLimit, 'amount' | 'calendar'>

/** What is stored for a key. */
export interface QuotaCount {
  /** Number of the period that is counted; it never goes back. */
  readonly period: number
  readonly used: number
}

/** A new key. */
export const EMPTY_QUOTA: QuotaCount = { period: 0, used: 0 }

/** Outcome of one request. */
export interface QuotaResult extends LimitOutcome {
  /** To be stored. */
  readonly count: QuotaCount
}

const UTC_DAY: Calendar = { period: 'day', zone: 'UTC' }

/**
 * Takes one request.
 *
 * @param cost units that it takes; 0: it passes while one is left, and is charged later.
 */
export function quota(count: QuotaCount, nowMs: number, limit: Quota, cost = 1): QuotaResult {
  const before = current(count, nowMs, limit)
  const outcome = outcomeOf(before, nowMs, limit, cost)
  if (!outcome.allowed) return { ...outcome, count: before }
  const after = { period: before.period, used: before.used + cost }
  return { ...outcomeOf(after, nowMs, limit, 1), allowed: true, count: after }
}

/** What is left, without taking. `allowed` is whether a request of this cost would pass. */
export function quotaPeek(count: QuotaCount, nowMs: number, limit: Quota, cost = 1): LimitOutcome {
  return outcomeOf(current(count, nowMs, limit), nowMs, limit, cost)
}

/** What is stored once units have passed, whether there was room for them or not. */
export function quotaCharge(count: QuotaCount, nowMs: number, limit: Quota, units: number): QuotaCount {
  const { period, used } = current(count, nowMs, limit)
  return { period, used: used + units }
}

/**
 * What is stored without what a request had taken.
 *
 * @param period in which it was taken.
 */
export function quotaGiveBack(count: QuotaCount, period: number, cost: number): QuotaCount {
  return count.period === period ? { period, used: Math.max(0, count.used - cost) } : count
}

/** A clock that was set back counts on in the period that it had reached. */
function current(count: QuotaCount, nowMs: number, { calendar }: Quota): QuotaCount {
  const { number } = periodAt(calendar ?? UTC_DAY, nowMs)
  return number > count.period ? { period: number, used: 0 } : count
}

function outcomeOf({ period, used }: QuotaCount, nowMs: number, limit: Quota, cost: number): LimitOutcome {
  const remaining = Math.max(0, limit.amount - used)
  const resetMs = used === 0 ? 0 : Math.max(0, periodOf(limit.calendar ?? UTC_DAY, period).endMs - nowMs)
  const allowed = remaining >= neededUnits(cost)
  return { allowed, remaining, resetMs, retryAfterMs: allowed ? 0 : resetMs }
}
