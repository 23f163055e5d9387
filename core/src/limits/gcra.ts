/**
 * The arithmetic of a rate: the generic cell rate algorithm, one number per counted key.
 *
 * That number is the theoretical arrival time (`tat`): the time at which the key would be whole again. Each unit moves
 * it on by one step, `windowMs / amount`, and a request is refused if that would put it more than `burst` steps ahead
 * of now. It behaves as a bucket of `burst` tokens that is refilled evenly, without ever touching idle keys.
 *
 * Times are counted in ticks of 2^-11 ms, which sums of times since 1970 keep exactly for another eighty years: so nothing
 * is rounded on the way, and what is said to remain is what passes. Steps are whole ticks, rounded up. A limit therefore
 * never admits more than its rate, and up to 32,000 a second less by one part in 64 at most (at 1,000 a second: by
 * nothing). Above that, steps of a single unit would be too coarse: what each request takes is rounded up as a whole.
 *
 * Source: ITU-T I.371, annex A (virtual scheduling). Pure; times are milliseconds, and read down to a whole tick.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import { type LimitOutcome, neededUnits } from './outcome.ts'

/** What the arithmetic needs of a limit. */
export type Rate = Pick<CompiledLimit, 'amount' | 'windowMs' | 'burst'> & Partial<Pick<CompiledLimit, 'unit'>>

/** Numbers as large as the milliseconds since 1970 are told apart by this much until 2109. */
const TICKS_PER_MS = 2_048

/** Steps of fewer ticks are not rounded by themselves. */
const STEP_TICKS_MIN = 64

/**
 * Longest debt that is kept of bytes, which pass before they are counted, beyond a full limit: no clock that was set
 * back and no limit that was lowered shuts a key out for longer.
 */
const DEBT_MS_MAX = 86_400_000
/**
 * The same of requests, which are charged only where agents admitted them while they could not ask: others may have used
 * up what there is by then.
 */
const CHARGED_MS_MAX = 10_000

/** Outcome of one request. */
export interface GcraResult extends LimitOutcome {
  /** To be stored; unchanged when refused. */
  readonly tatMs: number
}

/**
 * Takes one request.
 *
 * @param tatMs what was stored; 0 for a new key.
 * @param cost units that it takes; 0: it passes while one is left, and is charged later.
 */
export function gcra(tatMs: number, nowMs: number, rate: Rate, cost = 1): GcraResult {
  const now = tick(nowMs)
  const before = current(tatMs, now, rate)
  if (before + costMs(rate, neededUnits(cost)) - now > capacityMs(rate)) return refused(before, now, rate, cost)
  return passed(before + costMs(rate, cost), now, rate)
}

/** What is left, without taking. `allowed` is whether a request of this cost would pass. */
export function gcraPeek(tatMs: number, nowMs: number, rate: Rate, cost = 1): GcraResult {
  const now = tick(nowMs)
  const before = current(tatMs, now, rate)
  if (before + costMs(rate, neededUnits(cost)) - now > capacityMs(rate)) return refused(before, now, rate, cost)
  return passed(before, now, rate)
}

/** The stored time once units have passed, whether there was room for them or not. */
export function gcraCharge(tatMs: number, nowMs: number, rate: Rate, units: number): number {
  const now = tick(nowMs)
  return Math.min(current(tatMs, now, rate) + costMs(rate, units), furthestMs(now, rate))
}

/** The stored time without what a request had taken. It may be before now, which counts as now. */
export function gcraGiveBack(tatMs: number, rate: Rate, cost: number): number {
  return tatMs - costMs(rate, cost)
}

/** By how much units move the time. */
export function costMs({ amount, windowMs }: Rate, units: number): number {
  const stepTicks = (windowMs / amount) * TICKS_PER_MS
  const ticks = stepTicks >= STEP_TICKS_MIN ? Math.ceil(stepTicks) * units : Math.ceil(stepTicks * units)
  return ticks / TICKS_PER_MS
}

/** How far the time of a key may be ahead: `burst` steps, and room for one unit at least. */
export function capacityMs(rate: Rate): number {
  const stepTicks = (rate.windowMs / rate.amount) * TICKS_PER_MS
  if (stepTicks >= STEP_TICKS_MIN) return costMs(rate, rate.burst)
  return Math.max(Math.floor(stepTicks * rate.burst), Math.ceil(stepTicks)) / TICKS_PER_MS
}

const tick = (ms: number): number => Math.floor(ms * TICKS_PER_MS) / TICKS_PER_MS

/** The stored time as it counts now: not before now, and not further ahead than a full limit and its debt can be. */
function current(tatMs: number, now: number, rate: Rate): number {
  if (tatMs <= now) return now
  return Math.min(tatMs, furthestMs(now, rate))
}

const furthestMs = (now: number, rate: Rate): number =>
  now + capacityMs(rate) + (rate.unit === 'bytes' ? DEBT_MS_MAX : CHARGED_MS_MAX)

function passed(tatMs: number, now: number, rate: Rate): GcraResult {
  const spareMs = capacityMs(rate) - (tatMs - now)
  const remaining = unitsIn(spareMs, rate)
  const retryAfterMs = remaining > 0 ? 0 : Math.max(0, costMs(rate, 1) - spareMs)
  return { allowed: true, tatMs, remaining, resetMs: tatMs - now, retryAfterMs }
}

/** Who costs more than the burst never passes, and is told when the limit is whole. */
function refused(tatMs: number, now: number, rate: Rate, cost: number): GcraResult {
  const spareMs = capacityMs(rate) - (tatMs - now)
  const resetMs = tatMs - now
  const lackingMs = costMs(rate, neededUnits(cost)) - spareMs
  const retryAfterMs = lackingMs > resetMs ? resetMs : lackingMs
  return { allowed: false, tatMs, remaining: unitsIn(spareMs, rate), resetMs, retryAfterMs }
}

function unitsIn(spareMs: number, rate: Rate): number {
  const stepTicks = (rate.windowMs / rate.amount) * TICKS_PER_MS
  const whole = stepTicks >= STEP_TICKS_MIN ? Math.ceil(stepTicks) : stepTicks
  return Math.min(rate.burst, Math.max(0, Math.floor((spareMs * TICKS_PER_MS) / whole)))
}
