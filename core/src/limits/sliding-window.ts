/**
 * The arithmetic of a sliding window: never more than `amount` in any window of that length, wherever it begins.
 *
 * The window is cut into seven parts, and what came is counted per part: eight counts for each key, because a window
 * mostly begins inside a part. A part counts as a whole until its end has left the window. So no window ever holds
 * more than `amount`, and what came counts for an eighth part longer at most: that is the bound below.
 *
 * Pure; times are milliseconds of a clock that does not go back, whole or not.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import { type LimitOutcome, neededUnits } from './outcome.ts'

/** What the arithmetic needs of a limit. */
export type Window = Pick<CompiledLimit, 'amount' | 'windowMs'>

/** Parts into which a window is cut. */
export const WINDOW_PARTS = 7

/** Counts that are kept for a key: the current part, and those before it that reach into the window. */
export const WINDOW_COUNTS = WINDOW_PARTS + 1

/** Length of a part. Whole milliseconds, rounded up, so that seven are never shorter than the window. */
export function partMs({ windowMs }: Window): number {
  return Math.ceil(windowMs / WINDOW_PARTS)
}

/** Number of the part in which a time is, since the clock's zero. */
export function partAt(nowMs: number, limit: Window): number {
  return Math.floor(nowMs / partMs(limit))
}

/** What is stored for a key. */
export interface WindowCounts {
  /** Number of the current part, when it was last counted. */
  readonly part: number
  /** By age: first what came in that part, last in the oldest that counts. `WINDOW_COUNTS` numbers. */
  readonly counts: readonly number[]
}

/** A new key. */
export const EMPTY_WINDOW: WindowCounts = { part: 0, counts: Array.from({ length: WINDOW_COUNTS }, () => 0) }

/** Outcome of one request. */
export interface WindowResult extends LimitOutcome {
  /** To be stored. */
  readonly window: WindowCounts
}

/**
 * Takes one request.
 *
 * @param cost units that it takes; 0: it passes while one is left, and is charged later.
 */
export function slidingWindow(window: WindowCounts, nowMs: number, limit: Window, cost = 1): WindowResult {
  const before = current(window, nowMs, limit)
  const outcome = windowOutcome(before.counts, before.part, nowMs, limit, cost)
  if (!outcome.allowed) return { ...outcome, window: before }
  const after = added(before, cost)
  return { ...windowOutcome(after.counts, after.part, nowMs, limit, 1), allowed: true, window: after }
}

/** What is left, without taking. `allowed` is whether a request of this cost would pass. */
export function windowPeek(window: WindowCounts, nowMs: number, limit: Window, cost = 1): LimitOutcome {
  const { counts, part } = current(window, nowMs, limit)
  return windowOutcome(counts, part, nowMs, limit, cost)
}

/** What is stored once units have passed, whether there was room for them or not. */
export function windowCharge(window: WindowCounts, nowMs: number, limit: Window, units: number): WindowCounts {
  return added(current(window, nowMs, limit), units)
}

/**
 * What is stored without what a request had taken.
 *
 * @param part in which it was taken.
 */
export function windowGiveBack(window: WindowCounts, part: number, cost: number): WindowCounts {
  const age = window.part - part
  const counts = window.counts.map((count, index) => (index === age ? Math.max(0, count - cost) : count))
  return { part: window.part, counts }
}

/**
 * Whether a request passes, and when one does: for stores that keep the counts in their own way.
 *
 * @param counts by age, as in `WindowCounts`.
 * @param part in which now is.
 */
export function windowOutcome(
  counts: ArrayLike<number>,
  part: number,
  nowMs: number,
  limit: Window,
  cost: number,
): LimitOutcome {
  let used = 0
  let youngest = -1
  for (let age = WINDOW_PARTS; age >= 0; age--) {
    const count = counts[age] ?? 0
    used += count
    if (count > 0) youngest = age
  }
  const remaining = Math.max(0, limit.amount - used)
  const resetMs = youngest === -1 ? 0 : gone(part, youngest, limit) - nowMs
  const needed = neededUnits(cost)
  if (remaining >= needed) return { allowed: true, remaining, resetMs, retryAfterMs: 0 }
  // The oldest leave first. What costs more than the limit never passes, and is told when it is whole.
  for (let age = WINDOW_PARTS; age >= 0; age--) {
    used -= counts[age] ?? 0
    if (used + needed > limit.amount) continue
    return { allowed: false, remaining, resetMs, retryAfterMs: gone(part, age, limit) - nowMs }
  }
  return { allowed: false, remaining, resetMs, retryAfterMs: resetMs }
}

/** When the part of an age does not reach into the window any more. */
function gone(part: number, age: number, limit: Window): number {
  return (part - age + WINDOW_COUNTS) * partMs(limit)
}

/** The counts with the part of now in front. A clock that went back counts on in the part that it had reached. */
function current(window: WindowCounts, nowMs: number, limit: Window): WindowCounts {
  const part = partAt(nowMs, limit)
  const passed = part - window.part
  if (passed <= 0) return window
  return { part, counts: window.counts.map((_, age) => (age < passed ? 0 : (window.counts[age - passed] ?? 0))) }
}

function added({ part, counts }: WindowCounts, units: number): WindowCounts {
  return { part, counts: counts.with(0, (counts[0] ?? 0) + units) }
}
