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

/** Under what a demand is counted: unique across limits, environments and tenants. */
export function demandKey({ limit, key }: LimitDemand): string {
  // The id holds names only, which have no space.
  return `${limit.id} ${key}`
}

/**
 * @param read stored time of a key (`demandKey`); 0 when there is none.
 * @param write stores it. Called only when every limit allows, once per demand.
 */
export function takeAll(
  demands: readonly LimitDemand[],
  nowMs: number,
  read: (key: string) => number,
  write: (key: string, tatMs: number) => void,
): Taken {
  const tries = demands.map((demand) => {
    const key = demandKey(demand)
    const tatMs = read(key)
    return { limit: demand.limit, key, tatMs, result: gcra(tatMs, nowMs, demand.limit) }
  })
  const exceeded = tries.findIndex(({ result }) => !result.allowed)
  if (exceeded !== -1) {
    const states = tries.map(({ limit, tatMs }) => stateOf(limit, gcraPeek(tatMs, nowMs, limit)))
    return { kind: 'exceeded', states, exceeded }
  }
  for (const { key, result } of tries) write(key, result.tatMs)
  return { kind: 'taken', states: tries.map(({ limit, result }) => stateOf(limit, result)) }
}

function stateOf({ policy, requests, windowMs }: CompiledLimit, result: GcraResult): LimitState {
  const { remaining, resetMs, retryAfterMs } = result
  return { policy, requests, windowMs, remaining, resetMs, retryAfterMs }
}
