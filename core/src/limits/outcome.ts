/**
 * What every algorithm answers, and the state that a decision makes of it.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import type { LimitState } from '#core/decision.ts'

/** Outcome of one request at one limit. Times are milliseconds from now. */
export interface LimitOutcome {
  readonly allowed: boolean
  /** Whole units that may come at once after it. */
  readonly remaining: number
  /** Until the limit is whole again. */
  readonly resetMs: number
  /** Until one passes: one like it when it was refused, else one of a single unit; 0 when one passes now. */
  readonly retryAfterMs: number
}

/** What a decision keeps of it. */
export function limitState(limit: CompiledLimit, outcome: LimitOutcome): LimitState {
  const { policy, algorithm, unit, amount, windowMs, shadow } = limit
  const { allowed, remaining, resetMs, retryAfterMs } = outcome
  return { policy, algorithm, unit, amount, windowMs, remaining, resetMs, retryAfterMs, exceeded: !allowed, shadow }
}

/** Units that must be left for a request: where its cost is known later only, any one. */
export const neededUnits = (cost: number): number => (cost > 0 ? cost : 1)
