/**
 * Takes one request from several limits, or from none of them.
 *
 * A request that one limit refuses must not use up the others: a caller that waits for the tightest limit would find
 * the rest empty. Pure but for the two functions that it is given; used for local counters, cases and explain.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'
import type { LimitDemand, LimitState, Taken } from '#core/decision.ts'
import { gcra, gcraPeek, type GcraResult } from './gcra.ts'

/** Under what a demand is counted, as one text: unique across limits, environments and tenants. */
export function demandKey({ limit, key }: LimitDemand): string {
  // The id holds names only, which have no space.
  return `${limit.id} ${key}`
}

/**
 * @param read stored time of a demand; 0 when there is none.
 * @param write stores it. Called only when every limit allows, once per demand.
 */
export function takeAll(
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
  readonly result: GcraResult
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

function stateOf(limit: CompiledLimit, result: GcraResult): LimitState {
  const { policy, algorithm, unit, amount, windowMs, shadow } = limit
  const { allowed, remaining, resetMs, retryAfterMs } = result
  return { policy, algorithm, unit, amount, windowMs, remaining, resetMs, retryAfterMs, exceeded: !allowed, shadow }
}
