/**
 * What can be told about what a service has waiting for an answer, for people and for gauges.
 *
 * @module
 */
import { priorities, type Priority } from '@headgate/core'
import type { AdaptiveState } from './adaptive-limit.ts'

export interface ConcurrencyState {
  readonly state: AdaptiveState
  /** Requests that may wait for an answer; null: as many as come. */
  readonly limit: number | null
  readonly waiting: number
  /** Median of the answers when nobody waits, in milliseconds; null: not known. */
  readonly baseline_ms: number | null
  /** Requests that were refused, in all. */
  readonly shed: Readonly<Record<Priority, number>>
}

/** From the least to the most that is done about it. */
const GRAVITY: readonly AdaptiveState[] = ['open', 'holding', 'probing', 'trying', 'throttled']

/**
 * Of several threads as one: what they have adds up, and the gravest state counts. A limit is theirs together, where all
 * have one.
 */
export function mergeConcurrency(all: readonly ConcurrencyState[]): ConcurrencyState {
  const total = (of: (one: ConcurrencyState) => number): number => all.reduce((sum, one) => sum + of(one), 0)
  const baselines = all.flatMap(({ baseline_ms: ms }) => (ms === null ? [] : [ms]))
  return {
    state: GRAVITY.findLast((state) => all.some((one) => one.state === state)) ?? 'open',
    limit: all.some(({ limit }) => limit === null) ? null : total(({ limit }) => limit ?? 0),
    waiting: total(({ waiting }) => waiting),
    baseline_ms: baselines.length === 0 ? null : Math.max(...baselines),
    shed: shedCounts((priority) => total(({ shed }) => shed[priority])),
  }
}

export function shedCounts(of: (priority: Priority) => number): ConcurrencyState['shed'] {
  const [low, normal, high, critical] = priorities
  return { low: of(low), normal: of(normal), high: of(high), critical: of(critical) }
}
