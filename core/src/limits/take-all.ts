/**
 * Takes one request from several limits of any algorithm, or from none of them.
 *
 * A request that one limit refuses must not use up the others: a caller that waits for the tightest limit would find
 * the rest empty. So what was taken before is given back. Pure but for the store.
 *
 * @module
 */
import type { LimitDemand, LimitState, Taken } from '#core/decision.ts'
import type { LimitStore } from './store.ts'

/** @returns see `Taken`: shadow limits refuse nobody, and are taken from when the request passes. */
export function takeAll(demands: readonly LimitDemand[], store: LimitStore): Taken {
  const first = demands[0]
  // The usual route has one limit: nothing to keep of it until others are asked.
  if (first !== undefined && demands.length === 1) return takeOne(first, store)
  const states: LimitState[] = []
  for (const demand of demands) {
    // Shadow limits come last, when it is known that the request passes.
    const state = demand.limit.shadow ? store.peek(demand) : store.take(demand)
    if (state === null || (state.exceeded && !demand.limit.shadow)) {
      giveBack(demands, states.length, store)
      if (state === null) return { kind: 'unavailable', limit: states.length }
      const exceeded = states.length
      // Another thread may have made room since: it refused all the same.
      return {
        kind: 'exceeded',
        states: demands.map((one, at) => (at === exceeded ? state : store.peek(one))),
        exceeded,
      }
    }
    states.push(state)
  }
  for (const [index, demand] of demands.entries()) {
    if (demand.limit.shadow) states[index] = store.take(demand) ?? store.peek(demand)
  }
  return { kind: 'taken', states }
}

function takeOne(demand: LimitDemand, store: LimitStore): Taken {
  const { shadow } = demand.limit
  const state = store.take(demand) ?? (shadow ? store.peek(demand) : null)
  if (state === null) return { kind: 'unavailable', limit: 0 }
  const states = [state]
  return state.exceeded && !shadow ? { kind: 'exceeded', states, exceeded: 0 } : { kind: 'taken', states }
}

/** The first so many, but those of shadow limits: they were not taken yet. */
function giveBack(demands: readonly LimitDemand[], count: number, store: LimitStore): void {
  for (const demand of demands.slice(0, count)) if (!demand.limit.shadow) store.giveBack(demand)
}
