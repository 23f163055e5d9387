/**
 * The arithmetic of a concurrency limit: so many requests at a time, counted up when one is admitted and down when it
 * has ended. Pure, and without time.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import type { LimitOutcome } from './outcome.ts'

/** What is told to who is refused: nobody knows when a place becomes free. */
export const CONCURRENCY_RETRY_MS = 1_000

/** Outcome of one request. */
export interface ConcurrencyResult extends LimitOutcome {
  /** To be stored. */
  readonly held: number
}

/** @param held places that are taken. */
export function concurrency(held: number, limit: Pick<CompiledLimit, 'amount'>): ConcurrencyResult {
  const outcome = concurrencyPeek(held, limit)
  if (!outcome.allowed) return { ...outcome, held }
  return { ...concurrencyPeek(held + 1, limit), allowed: true, held: held + 1 }
}

/** What is left, without taking. */
export function concurrencyPeek(held: number, { amount }: Pick<CompiledLimit, 'amount'>): LimitOutcome {
  const remaining = Math.max(0, amount - held)
  const allowed = remaining > 0
  return { allowed, remaining, resetMs: 0, retryAfterMs: allowed ? 0 : CONCURRENCY_RETRY_MS }
}

/** Places that are taken once a request has ended. */
export function concurrencyGiveBack(held: number): number {
  return Math.max(0, held - 1)
}
