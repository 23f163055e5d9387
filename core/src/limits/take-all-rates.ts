/**
 * Takes one request from several limits, or from none of them, as if each were a rate.
 *
 * @module
 */
import type { LimitDemand, Taken } from '#core/decision.ts'
import { gcra, gcraPeek } from './gcra.ts'
import { limitState as stateOf, type LimitOutcome } from './outcome.ts'

/**
 * @param read stored time of a demand; 0 when there is none.
 * @param write stores it. Called only when every limit allows, once per demand.
 */
export function takeAllRates(
  demands: readonly LimitDemand[],
  nowMs: number,
  read: (demand: LimitDemand) => number,
  write: (demand: LimitDemand, tatMs: number) => void,
): Taken {
  const first = demands[0]
  // The usual route has one limit: nothing to keep of it until others are asked.
  if (first !== undefined && demands.length === 1) return takeOne(first, nowMs, read, write)
  const tries: Try[] = []
  let exceeded = -1
  for (const demand of demands) {
    const tatMs = read(demand)
    const result = gcra(tatMs, nowMs, demand.limit)
    if (exceeded === -1 && !result.allowed) exceeded = tries.length
    tries.push({ demand, tatMs, result })
  }
  if (exceeded !== -1) {
    const states = tries.map(({ demand: { limit }, tatMs }) => stateOf(limit, gcraPeek(tatMs, nowMs, limit)))
    return { kind: 'exceeded', states, exceeded }
  }
  for (const { demand, result } of tries) write(demand, result.tatMs)
  return { kind: 'taken', states: tries.map(({ demand, result }) => stateOf(demand.limit, result)) }
}

/** One demand that is looked at, and not yet taken. */
interface Try {
  readonly demand: LimitDemand
  readonly tatMs: number
  readonly result: LimitOutcome & { readonly tatMs: number }
}

function takeOne(
  demand: LimitDemand,
  nowMs: number,
  read: (demand: LimitDemand) => number,
  write: (demand: LimitDemand, tatMs: number) => void,
): Taken {
  const { limit } = demand
  const tatMs = read(demand)
  const result = gcra(tatMs, nowMs, limit)
  if (!result.allowed) {
    return { kind: 'exceeded', states: [stateOf(limit, gcraPeek(tatMs, nowMs, limit))], exceeded: 0 }
  }
  write(demand, result.tatMs)
  return { kind: 'taken', states: [stateOf(limit, result)] }
}
