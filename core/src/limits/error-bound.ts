/**
 * By how much the admissions of one window may differ from the plain model of a limit, over a whole group of agents.
 *
 * The model is the algorithm, exact, with one counter for all agents that count together. What makes the difference is
 * the rounding that algorithms state (gcra.ts, sliding-window.ts), and what agents have taken ahead (sharing.ts). Bytes
 * are counted once they have passed: what is in flight comes on top of `over`, and is paid off by who comes after it.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import { costMs } from './gcra.ts'
import { leaseUnits, localShare } from './sharing.ts'
import { WINDOW_COUNTS } from './sliding-window.ts'

/** In units of the limit, for one window or period; of concurrency at one time. */
export interface ErrorBound {
  /** So many more may be admitted. */
  readonly over: number
  /** So many of those that would be admitted may be refused. */
  readonly under: number
  /**
   * So many more in a window in which the store is away, or goes, or comes back: then what agents have admitted
   * meanwhile is charged, or their counters begin used up. Null: no bound. 0 for a limit that is not shared.
   */
  readonly whileAway: number | null
}

/**
 * @param agents that count together, at least 1. For a limit that is not shared it does not matter: it is promised for
 *   each agent, not for all of them.
 */
export function errorBound(limit: CompiledLimit, agents: number): ErrorBound {
  const { shared } = limit
  const rounded = roundedUnits(limit)
  if (shared === null) return { over: 0, under: rounded, whileAway: 0 }
  const ahead = shared.mode === 'leased' ? agents * leaseUnits(limit, agents) : 0
  const over = ahead
  // What the agents hold, and what ended unused in the same window.
  const under = Math.min(limit.amount, rounded + 2 * ahead)
  return { over, under, whileAway: whileAway(limit, shared.onFailure, agents, ahead) }
}

function whileAway(
  limit: CompiledLimit,
  onFailure: NonNullable<CompiledLimit['shared']>['onFailure'],
  agents: number,
  ahead: number,
): number | null {
  switch (onFailure) {
    case 'open':
      return null
    case 'closed':
      // What was taken ahead may still be used.
      return ahead
    case 'local_share': {
      const share = localShare(limit, agents)
      // The model may admit a burst and a window's worth; for few units and many agents, one each is more.
      const [most, all] = [limit.amount, agents * share.amount]
      const bursts = limit.algorithm === 'rate' ? Math.max(0, agents * share.burst - limit.burst) : 0
      return ahead + Math.max(0, all - most) + bursts
    }
  }
}

/** Units of a window that the rounding of the algorithm may cost. */
function roundedUnits(limit: CompiledLimit): number {
  const { algorithm, amount, windowMs } = limit
  switch (algorithm) {
    case 'rate':
      // Of bytes, each request is rounded up as a whole: too little to be told.
      return limit.unit === 'bytes' ? Math.ceil(amount / 64) : amount - Math.floor(windowMs / costMs(limit, 1))
    case 'sliding_window':
      return Math.ceil(amount / WINDOW_COUNTS)
    case 'concurrency':
    case 'quota':
      return 0
  }
}
