/**
 * The memory of all limits that an agent counts for itself, shared by all of its threads.
 *
 * Pages that are never touched take no memory, so the tables of algorithms that no release uses cost nothing.
 *
 * @module
 */
import { createHeldMemory, type HeldMemory, HeldTable } from './held-table.ts'
import { createQuotaMemory, type QuotaMemory, QuotaTable } from './quota-table.ts'
import { createLimitMemory, type LimitMemory, LimitTable } from './table.ts'
import { createWindowMemory, type WindowMemory, WindowTable } from './window-table.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface LocalMemory {
  readonly rates: LimitMemory
  readonly windows: WindowMemory
  readonly held: HeldMemory
  readonly quotas: QuotaMemory
}

/** How it stands with the counters of one algorithm. */
export interface CountersState {
  readonly algorithm: 'rate' | 'sliding_window' | 'concurrency' | 'quota'
  /** Counters that are not whole. */
  readonly inUse: number
  /** Counters that were given up although their limit was not whole. */
  readonly evicted: number
  /** Requests that could not be counted, because everything that is kept in their place is held. */
  readonly overflowed: number
}

/** Counters that are looked at, at most: where there are more, what is in use is told from so many of them. */
const LOOKED_AT_MAX = 1_048_576
const STRIDES = 64

/** @param keysMax counters of each algorithm that are to be kept. @param quotas those that were kept on disk. */
export function createLocalMemory(keysMax: number, quotas = createQuotaMemory(keysMax)): LocalMemory {
  return {
    rates: createLimitMemory(keysMax),
    windows: createWindowMemory(keysMax),
    held: createHeldMemory(keysMax),
    quotas,
  }
}

/** @param clock that of the threads. @returns how it stands, for people and metrics. */
export function watchLocalMemory(
  memory: LocalMemory,
  clock: { now(): number; monotonic(): number },
): () => readonly CountersState[] {
  const [rates, windows] = [new LimitTable(memory.rates), new WindowTable(memory.windows)]
  const [held, quotas] = [new HeldTable(memory.held, null), new QuotaTable(memory.quotas)]
  return () => {
    const [nowMs, monotonicMs] = [clock.now(), clock.monotonic()]
    const rate = inAll(rates.counters, (from, to) => rates.inUse(monotonicMs, from, to))
    const window = inAll(windows.counters, (from, to) => windows.inUse(monotonicMs, from, to))
    const quota = inAll(quotas.counters, (from, to) => quotas.inUse(nowMs, from, to))
    const holding = inAll(held.counters, (from, to) => held.inUse(from, to))
    return [
      { algorithm: 'rate', inUse: rate, evicted: rates.evicted, overflowed: 0 },
      { algorithm: 'sliding_window', inUse: window, evicted: windows.evicted, overflowed: 0 },
      { algorithm: 'concurrency', inUse: holding, evicted: 0, overflowed: held.overflowed },
      { algorithm: 'quota', inUse: quota, evicted: quotas.evicted, overflowed: 0 },
    ]
  }
}

/** Counts in all of them, or in some that lie evenly between the others: keys are spread by a hash. */
function inAll(counters: number, countIn: (from: number, to: number) => number): number {
  if (counters <= LOOKED_AT_MAX) return countIn(0, counters)
  const length = LOOKED_AT_MAX / STRIDES
  let count = 0
  for (let stride = 0; stride < STRIDES; stride++) {
    const from = Math.floor(((counters - length) * stride) / (STRIDES - 1))
    count += countIn(from, from + length)
  }
  return Math.round((count * counters) / LOOKED_AT_MAX)
}
