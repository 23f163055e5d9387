/**
 * Limits counted in this agent's memory: the `take` port of the decision.
 *
 * Every limit counts per agent for now, over all its threads. Time is the monotonic clock, so a jump of the wall clock
 * neither opens nor shuts a limit.
 *
 * Exact without a lock: a counter is one number, and it is moved on only from the value that the decision was made
 * with; whoever finds it moved by another thread decides anew. With several limits, what was taken from the first is
 * given back when another thread was faster at a later one. For that moment, some hundred nanoseconds, others may find
 * the first one a request lower than it is: one of them may be refused that could have passed. None passes too much,
 * but where a place of the table is full (see table.ts): a key that loses its counter begins anew, and one whose counter
 * was whole and is taken over in the very moment of its next request has that one request for nothing.
 *
 * @module
 */
import { type CompiledLimit, type LimitDemand, takeAllRates, type Taken } from '@headgate/core'
import { type HashBeginning, type LimitMemory, LimitTable } from './table.ts'

export interface LocalLimits {
  /** Takes one unit from each, or from none. `environmentId` keeps environments of the same name apart. */
  take(environmentId: string, demands: readonly LimitDemand[]): Taken
  /** Counters that are not whole. Looks at all of them. */
  readonly size: number
  /** Counters that were given up although their limit was not whole. */
  readonly evicted: number
}

interface Beginning extends HashBeginning {
  readonly environment: string
}

/** Whoever is faster has moved on, so one more try is mostly enough. Without a bound, a bug here would block a thread. */
const TRIES_MAX = 1_000
const UNAVAILABLE: Taken = { kind: 'unavailable' }

/**
 * @param memory shared by all threads that count together.
 * @param monotonic milliseconds that never go back, since the same moment on all of those threads.
 */
export function createLocalLimits(memory: LimitMemory, monotonic: () => number): LocalLimits {
  const table = new LimitTable(memory)
  // Made once for each limit that is live, and forgotten with it.
  const beginnings = new WeakMap<CompiledLimit, Beginning>()
  // Of the request that is being counted, one for each demand: the two functions are made once, and not for each.
  const places: number[] = []
  const tags: number[] = []
  const seen: bigint[] = []
  let environment = ''
  let nowMs = 0
  let count = 0
  let written = 0
  let outrun = false

  /** Of the keys of a limit, which holds no space: so no two combinations with an environment read the same. */
  const beginningOf = (limit: CompiledLimit): HashBeginning => {
    let known = beginnings.get(limit)
    if (known === undefined || known.environment !== environment) {
      known = { environment, ...table.beginning(`${environment} ${limit.id} `) }
      beginnings.set(limit, known)
    }
    return known
  }
  const read = ({ limit, key }: LimitDemand): number => {
    const at = table.find(beginningOf(limit), key, nowMs, places, count)
    const bits = table.bits(at)
    places[count] = at
    tags[count] = table.tag
    seen[count] = bits
    count += 1
    return table.numberOf(bits)
  }
  // Called in the order of the reads, once for each.
  const write = (_demand: LimitDemand, tatMs: number): void => {
    if (outrun) return
    const [at = 0, tag = 0, bits = 0n] = [places[written], tags[written], seen[written]]
    if (!table.exchange(at, bits, tatMs)) {
      outrun = true
      return
    }
    written += 1
    // Taken over by another key between the look and the exchange.
    if (!table.belongs(at, tag)) outrun = true
  }

  function giveBack(demands: readonly LimitDemand[]): void {
    for (let index = 0; index < written; index++) {
      const limit = demands[index]?.limit
      if (limit !== undefined) table.giveBack(places[index] ?? 0, limit.windowMs / limit.amount)
    }
  }

  return {
    get size() {
      return table.inUse(monotonic())
    },
    get evicted() {
      return table.evicted
    },
    take: (environmentId, demands) => {
      environment = environmentId
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        nowMs = monotonic()
        count = 0
        written = 0
        outrun = false
        const taken = takeAllRates(demands, nowMs, read, write)
        if (!outrun) return taken
        giveBack(demands)
      }
      return UNAVAILABLE
    },
  }
}
