/**
 * Counters of limits in this agent's memory: the `take` port of the decision.
 *
 * Every limit counts per agent for now. Time is the monotonic clock, so a jump of the wall clock neither opens nor
 * shuts a limit. The table is bounded: when it is full, counters that are whole again go first, then those that were
 * made first, which gives their callers a fresh limit. A flood of new keys can thus blunt limits, and never memory.
 *
 * @module
 */
import { type LimitDemand, takeAll, type Taken } from '@headgate/core'

export interface LocalLimits {
  /** Takes one unit from each, or from none. `environmentId` keeps environments of the same name apart. */
  take(environmentId: string, demands: readonly LimitDemand[]): Taken
  /** Counters in memory. */
  readonly size: number
  /** Counters that were given up although their limit was not whole. */
  readonly evicted: number
}

/** Entries that are looked at for each new one: clears twice as fast as the table can grow. */
const SWEEP_ENTRIES = 2
/** The same when the table is full: bounds the cost of one request. */
const SWEEP_ENTRIES_FULL = 64

/**
 * @param keysMax bound of the table.
 * @param monotonic milliseconds that never go back.
 */
export function createLocalLimits(keysMax: number, monotonic: () => number): LocalLimits {
  // A Map keeps the order of insertion: its first entries are the oldest. Its iterator survives changes.
  const table = new Map<string, number>()
  let sweep = table.entries()
  let evicted = 0

  function clear(entries: number, nowMs: number): void {
    for (let seen = 0; seen < entries; seen++) {
      const next = sweep.next()
      if (next.done === true) {
        sweep = table.entries()
        return
      }
      const [key, tatMs] = next.value
      if (tatMs <= nowMs) table.delete(key)
    }
  }

  /** Called when a counter was added: its own time is ahead of now, so that it does not make room for itself. */
  function makeRoom(nowMs: number): void {
    const full = table.size > keysMax
    clear(full ? SWEEP_ENTRIES_FULL : SWEEP_ENTRIES, nowMs)
    if (table.size <= keysMax) return
    const oldest = table.keys().next()
    if (oldest.done === true) return
    table.delete(oldest.value)
    evicted += 1
  }

  // Of the request that is being counted: the two functions are made once, and not for each of them.
  let nowMs = 0
  const read = (key: string): number => table.get(key) ?? 0
  const write = (key: string, tatMs: number): void => {
    const before = table.size
    table.set(key, tatMs)
    if (table.size !== before) makeRoom(nowMs)
  }

  return {
    get size() {
      return table.size
    },
    get evicted() {
      return evicted
    },
    take: (environmentId, demands) => {
      nowMs = monotonic()
      return takeAll(demands, nowMs, read, write, environmentId)
    },
  }
}
