/**
 * The arithmetic of a limit: the generic cell rate algorithm, one number per counted key.
 *
 * That number is the theoretical arrival time (`tat`): the time at which the key would be whole again. A request
 * moves it on by `windowMs / amount`, and is refused if that would put it more than `burst` such steps ahead of now.
 * It behaves as a bucket of `burst` tokens that is refilled evenly, without ever touching idle keys.
 *
 * Source: ITU-T I.371, annex A (virtual scheduling). Pure; times are milliseconds, whole or not.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'

/** What the arithmetic needs of a limit. */
export type Rate = Pick<CompiledLimit, 'amount' | 'windowMs' | 'burst'>

/**
 * Distance of neighbouring numbers near today's milliseconds since 1970: each step may be off by half of it. A limit of
 * 100,000 a second is therefore kept within 1.2 %, one of 1,000 within a hundredth of that.
 */
const RESOLUTION_MS = 2 ** -12

/** Outcome of one request. */
export interface GcraResult {
  readonly allowed: boolean
  /** To be stored; unchanged when refused. */
  readonly tatMs: number
  /** Whole requests that may come at once after this one. */
  readonly remaining: number
  /** Until the limit is whole again. */
  readonly resetMs: number
  /** Until one more request passes; 0 when one passes now. */
  readonly retryAfterMs: number
}

/**
 * Takes one request.
 *
 * @param tatMs what was stored; 0 for a new key.
 */
export function gcra(tatMs: number, nowMs: number, rate: Rate): GcraResult {
  const before = settle(tatMs, nowMs, rate)
  const after = before + rate.windowMs / rate.amount
  const allowed = after - nowMs <= toleranceMs(rate)
  return gcraState(allowed ? after : before, nowMs, rate, allowed)
}

/** What is left, without taking. `allowed` is whether the next request passes. */
export function gcraPeek(tatMs: number, nowMs: number, rate: Rate): GcraResult {
  const settled = settle(tatMs, nowMs, rate)
  const next = settled + rate.windowMs / rate.amount
  return gcraState(settled, nowMs, rate, next - nowMs <= toleranceMs(rate))
}

function gcraState(tatMs: number, nowMs: number, rate: Rate, allowed: boolean): GcraResult {
  const intervalMs = rate.windowMs / rate.amount
  const resetMs = tatMs - nowMs
  const spareMs = toleranceMs(rate) - resetMs
  const remaining = Math.min(rate.burst, Math.max(0, Math.floor(spareMs / intervalMs)))
  // The tolerance may be a hair wider than the burst: never promise a time that has passed.
  const retryAfterMs = remaining > 0 ? 0 : Math.max(0, intervalMs - spareMs)
  return { allowed, tatMs, remaining, resetMs, retryAfterMs }
}

/**
 * The stored time as it counts now: not before now, and not further ahead than a full limit can be. Further ahead it
 * is after the clock was set back or the limit was lowered; without the bound, a key could be shut out for days.
 */
function settle(tatMs: number, nowMs: number, rate: Rate): number {
  const ceilingMs = nowMs + (rate.windowMs / rate.amount) * rate.burst
  return tatMs > nowMs ? Math.min(tatMs, ceilingMs) : nowMs
}

/** `burst` steps, and what their rounding may add up to: the last request of a burst is not lost to it. */
function toleranceMs({ amount, windowMs, burst }: Rate): number {
  const intervalMs = windowMs / amount
  return intervalMs * burst + Math.min(intervalMs / 2, burst * RESOLUTION_MS)
}
