/**
 * Where limits are counted: what a store of counters offers, whatever the algorithm of a limit.
 *
 * @module
 */
import type { LimitDemand, LimitState } from '#core/decision.ts'

/** Counters of limits of any algorithm. A store knows what time it is. */
export interface LimitStore {
  /**
   * Takes the cost of a demand from its limit where it has room; a demand without cost is met while one unit is left.
   *
   * @returns the state behind it. `exceeded`: it had no room, and nothing was taken. Null: it cannot be counted now.
   */
  take(demand: LimitDemand): LimitState | null
  /** The state of its limit, without taking. `exceeded`: the demand would be refused. */
  peek(demand: LimitDemand): LimitState
  /** Undoes a `take` that was met: the request did not pass after all, or it has ended and held a place. */
  giveBack(demand: LimitDemand): void
  /** Takes units that have passed already, whether there is room or not. */
  charge(demand: LimitDemand, units: number): void
}

/** Under what a demand is counted, as one text: unique across limits, environments and tenants. */
export function demandKey({ limit, key }: LimitDemand): string {
  // The id holds names only, which have no space.
  return `${limit.id} ${key}`
}

/**
 * A request has ended that was admitted: places that it held are given back, bytes that passed are charged.
 *
 * @param demands those of the decision's `unsettled`.
 * @param bytes of both bodies.
 */
export function settleAll(demands: readonly LimitDemand[], bytes: number, store: LimitStore): void {
  for (const demand of demands) {
    if (demand.limit.algorithm === 'concurrency') store.giveBack(demand)
    else if (demand.limit.unit === 'bytes' && bytes > 0) store.charge(demand, bytes)
  }
}
