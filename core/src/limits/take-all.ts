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

/**
 * Under what a demand is counted: unique across limits, environments and tenants.
 *
 * @param scope what keeps counters of one table apart beside the limit; without a space.
 */
export function demandKey({ limit, key }: LimitDemand, scope = ''): string {
  // The id holds names only, which have no space.
  return scope === '' ? `${limit.id} ${key}` : `${scope} ${limit.id} ${key}`
}

/**
 * @param read stored time of a key (`demandKey`); 0 when there is none.
 * @param write stores it. Called only when every limit allows, once per demand.
 * @param scope as of `demandKey`.
 */
export function takeAll(
  demands: readonly LimitDemand[],
  nowMs: number,
  read: (key: string) => number,
  write: (key: string, tatMs: number) => void,
  scope = '',
): Taken {
  const [first] = demands
  // The usual route has one limit: nothing to keep of it until others are asked.
  if (first !== undefined && demands.length === 1) return takeOne(first, nowMs, read, write, scope)
  const tries: Try[] = []
  let exceeded = -1
  for (const demand of demands) {
    const key = demandKey(demand, scope)
    const tatMs = read(key)
    const result = gcra(tatMs, nowMs, demand.limit)
    if (exceeded === -1 && !result.allowed) exceeded = tries.length
    tries.push({ limit: demand.limit, key, tatMs, result })
  }
  if (exceeded !== -1) {
    const states = tries.map(({ limit, tatMs }) => stateOf(limit, gcraPeek(tatMs, nowMs, limit)))
    return { kind: 'exceeded', states, exceeded }
  }
  for (const { key, result } of tries) write(key, result.tatMs)
  return { kind: 'taken', states: tries.map(({ limit, result }) => stateOf(limit, result)) }
}

/** One demand that is looked at, and not yet taken. */
interface Try {
  readonly limit: CompiledLimit
  readonly key: string
  readonly tatMs: number
  readonly result: GcraResult
}

function takeOne(
  demand: LimitDemand,
  nowMs: number,
  read: (key: string) => number,
  write: (key: string, tatMs: number) => void,
  scope: string,
): Taken {
  const { limit } = demand
  const key = demandKey(demand, scope)
  const tatMs = read(key)
  const result = gcra(tatMs, nowMs, limit)
  if (!result.allowed) {
    return { kind: 'exceeded', states: [stateOf(limit, gcraPeek(tatMs, nowMs, limit))], exceeded: 0 }
  }
  write(key, result.tatMs)
  return { kind: 'taken', states: [stateOf(limit, result)] }
}

function stateOf({ policy, requests, windowMs }: CompiledLimit, result: GcraResult): LimitState {
  const { remaining, resetMs, retryAfterMs } = result
  return { policy, requests, windowMs, remaining, resetMs, retryAfterMs }
}
