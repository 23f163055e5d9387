/**
 * Limits counted in this agent's memory, over all its threads together.
 *
 * Rates, windows and concurrency run on the monotonic clock, so a jump of the wall clock neither opens nor shuts a limit;
 * quotas are of the calendar, so they run on the wall clock.
 *
 * Exact without a lock (each table says how). With several limits, what was taken from the first is given back when a
 * later one refuses. For that moment, some hundred nanoseconds, others may find the first one a request lower than it
 * is: one of them may be refused that could have passed. None passes too much, but where a place of a table is full: a
 * key that loses its counter begins anew, and one whose counter was whole and is taken over in the very moment of its
 * next request has that one request for nothing.
 *
 * @module
 */
import {
  type CompiledLimit,
  type LimitDemand,
  type LimitOutcome,
  type LimitState,
  limitState,
  type LimitStore,
  settleAll,
  takeAll,
  type Taken,
} from '@headgate/core'
import { type Counting, HeldCounting, QuotaCounting, RateCounting, type Times, WindowCounting } from './counting.ts'
import { createThreadHoldings, HeldTable } from './held-table.ts'
import type { HashBeginning } from './key-places.ts'
import type { LocalMemory } from './memory.ts'
import { QuotaTable } from './quota-table.ts'
import { LimitTable } from './table.ts'
import { WindowTable } from './window-table.ts'

/** Limits of which nobody else knows. It answers at once. */
export interface LocalLimits {
  /** As in `Limits`. */
  take(environmentId: string, demands: readonly LimitDemand[]): Taken
  /** As in `Limits`. */
  settle(environmentId: string, demands: readonly LimitDemand[], bytes: number): void
  /** Undoes a `take` of these demands, because another limit refused the request. */
  giveBack(environmentId: string, demands: readonly LimitDemand[]): void
}

export interface LocalOptions {
  /** Shared by all threads that count together. */
  readonly memory: LocalMemory
  /** Its monotonic time is since the same moment on all of those threads. */
  readonly clock: { now(): number; monotonic(): number }
  /** Where the thread notes what it holds, for whoever outlives it; default: nobody does. */
  readonly holdings?: SharedArrayBuffer
}

export function createLocalLimits(options: LocalOptions): LocalLimits {
  const store = new LocalStore(options)
  return {
    take: (environmentId, demands) => {
      store.begin(environmentId)
      return takeAll(demands, store)
    },
    settle: (environmentId, demands, bytes) => {
      store.begin(environmentId)
      settleAll(demands, bytes, store)
    },
    giveBack: (environmentId, demands) => {
      store.begin(environmentId)
      for (const demand of demands) store.giveBack(demand)
    },
  }
}

/** How the keys of a limit begin, and who counts them. Names hold no space, so no two limits read the same. */
interface Counted {
  readonly environmentId: string
  readonly beginning: HashBeginning
  readonly counting: Counting
}

/** What time it is for one request. The wall clock is asked where a quota wants it only. */
class RequestTimes implements Times {
  monotonic = 0
  readonly #clock: LocalOptions['clock']
  #now = 0

  constructor(clock: LocalOptions['clock']) {
    this.#clock = clock
  }

  begin(): void {
    this.monotonic = this.#clock.monotonic()
    this.#now = 0
  }

  get now(): number {
    if (this.#now === 0) this.#now = this.#clock.now()
    return this.#now
  }
}

class LocalStore implements LimitStore {
  readonly #countings: Readonly<Record<CompiledLimit['algorithm'], Counting>>
  readonly #all: readonly Counting[]
  // Made once for each limit that is live, and forgotten with it.
  readonly #counted = new WeakMap<CompiledLimit, Counted>()
  readonly #times: RequestTimes
  #environmentId = ''

  constructor({ memory, clock, holdings = createThreadHoldings() }: LocalOptions) {
    this.#times = new RequestTimes(clock)
    this.#countings = {
      rate: new RateCounting(new LimitTable(memory.rates)),
      sliding_window: new WindowCounting(new WindowTable(memory.windows)),
      concurrency: new HeldCounting(new HeldTable(memory.held, holdings)),
      quota: new QuotaCounting(new QuotaTable(memory.quotas)),
    }
    this.#all = Object.values(this.#countings)
  }

  /** What comes now belongs to one request. */
  begin(environmentId: string): void {
    this.#environmentId = environmentId
    this.#times.begin()
    for (const counting of this.#all) counting.forget()
  }

  take(demand: LimitDemand): LimitState | null {
    const { counting, beginning } = this.#countedOf(demand.limit)
    const outcome = counting.take(beginning, demand, this.#times)
    return outcome === null ? null : limitState(demand.limit, outcome)
  }

  peek(demand: LimitDemand): LimitState {
    const { counting, beginning } = this.#countedOf(demand.limit)
    const outcome: LimitOutcome = counting.state(beginning, demand, this.#times)
    return limitState(demand.limit, outcome)
  }

  giveBack(demand: LimitDemand): void {
    const { counting, beginning } = this.#countedOf(demand.limit)
    counting.giveBack(beginning, demand, this.#times)
  }

  charge(demand: LimitDemand, units: number): void {
    const { counting, beginning } = this.#countedOf(demand.limit)
    counting.charge(beginning, demand, this.#times, units)
  }

  #countedOf(limit: CompiledLimit): Counted {
    let counted = this.#counted.get(limit)
    if (counted === undefined || counted.environmentId !== this.#environmentId) {
      const environmentId = this.#environmentId
      const counting = this.#countings[limit.algorithm]
      counted = { environmentId, counting, beginning: counting.beginning(`${environmentId} ${limit.id}`, limit) }
      this.#counted.set(limit, counted)
    }
    return counted
  }
}
