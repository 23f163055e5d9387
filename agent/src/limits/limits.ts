/**
 * All limits of an agent: those that it counts for itself, and those that are counted in a store.
 *
 * The usual request has local limits only, and is counted without a list or a promise. Where some are shared, the local
 * ones are taken first, which costs nothing, and given back when a shared one refuses or cannot be checked.
 *
 * Without a store a shared limit follows what it says for its failure: this agent's share is the whole, it is not
 * counted, or it cannot be checked.
 *
 * @module
 */
import { type CompiledLimit, type LimitDemand, type LimitState, limitState, type Taken } from '@headgate/core'
import type { LimitCounts } from '#agent/telemetry/limit-counts.ts'
import type { LocalLimits } from './local.ts'
import type { Limits, SharedLimits } from './port.ts'

/** @param shared null: there is no store. */
export function createLimits(local: LocalLimits, shared: SharedLimits | null, counts: LimitCounts): Limits {
  return {
    take: (environmentId, demands) => {
      const taken = take(environmentId, demands)
      if (!(taken instanceof Promise)) {
        counts.count(environmentId, demands, taken)
        return taken
      }
      return taken.then((answer) => {
        counts.count(environmentId, demands, answer)
        return answer
      })
    },
    settle: (environmentId, demands, bytes) => {
      for (const { limit } of demands) {
        if (limit.shared === null) continue
        const { here, there } = split(demands, shared !== null)
        if (here.demands.length > 0) local.settle(environmentId, here.demands, bytes)
        if (there.demands.length > 0) shared?.settle(environmentId, there.demands, bytes)
        return
      }
      local.settle(environmentId, demands, bytes)
    },
  }

  function take(environmentId: string, demands: readonly LimitDemand[]): Taken | Promise<Taken> {
    for (const { limit } of demands) {
      if (limit.shared !== null) return takeSplit(environmentId, split(demands, shared !== null))
    }
    return local.take(environmentId, demands)
  }

  function takeSplit(environmentId: string, { here, there, states, closed }: Split): Taken | Promise<Taken> {
    if (closed !== -1) return { kind: 'unavailable', limit: closed }
    const mine = local.take(environmentId, here.demands)
    if (mine.kind !== 'taken') return merged(mine, here, states)
    put(mine.states, here, states)
    if (shared === null || there.demands.length === 0) return { kind: 'taken', states }

    const finish = (theirs: Taken): Taken => {
      if (theirs.kind !== 'taken') local.giveBack(environmentId, takenOf(here.demands, mine.states))
      return merged(theirs, there, states)
    }
    const theirs = shared.take(environmentId, there.demands)
    return theirs instanceof Promise ? theirs.then(finish) : finish(theirs)
  }
}

/** Some demands, and where they are among all. */
interface Part {
  readonly demands: LimitDemand[]
  readonly places: number[]
}

interface Split {
  readonly here: Part
  readonly there: Part
  /** For each demand; of those that were not asked yet as if nobody had taken anything. */
  readonly states: LimitState[]
  /** The first that must be checked, and cannot; -1: there is none. */
  readonly closed: number
}

function split(demands: readonly LimitDemand[], hasStore: boolean): Split {
  const here: Part = { demands: [], places: [] }
  const there: Part = { demands: [], places: [] }
  let closed = -1
  for (const [index, demand] of demands.entries()) {
    const counted = countedBy(demand.limit, hasStore)
    if (counted === 'closed' && closed === -1 && !demand.limit.shadow) closed = index
    const part = counted === 'agent' ? here : counted === 'store' ? there : null
    part?.demands.push(demand)
    part?.places.push(index)
  }
  return { here, there, states: demands.map(({ limit }) => untouched(limit)), closed }
}

function countedBy({ shared }: CompiledLimit, hasStore: boolean): 'agent' | 'store' | 'open' | 'closed' {
  if (shared === null) return 'agent'
  if (hasStore) return 'store'
  return shared.onFailure === 'local_share' ? 'agent' : shared.onFailure
}

const untouched = (limit: CompiledLimit): LimitState =>
  limitState(limit, { allowed: true, remaining: limit.burst, resetMs: 0, retryAfterMs: 0 })

/** What a part has answered, as an answer to all. */
function merged(taken: Taken, part: Part, states: LimitState[]): Taken {
  if (taken.kind === 'unavailable') return { kind: 'unavailable', limit: part.places[taken.limit ?? 0] ?? 0 }
  put(taken.states, part, states)
  if (taken.kind === 'taken') return { kind: 'taken', states }
  return { kind: 'exceeded', states, exceeded: part.places[taken.exceeded] ?? 0 }
}

function put(of: readonly LimitState[], { places }: Part, states: LimitState[]): void {
  for (const [index, state] of of.entries()) states[places[index] ?? 0] = state
}

/** Shadow limits without room were not taken. */
function takenOf(demands: readonly LimitDemand[], states: readonly LimitState[]): readonly LimitDemand[] {
  return demands.filter((_, index) => states[index]?.exceeded === false)
}
