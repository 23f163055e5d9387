/**
 * What can be told about services and their targets at a moment, for people and for gauges.
 *
 * @module
 */

import type { Gauges } from '#agent/telemetry/points.ts'
import { type ConcurrencyState, mergeConcurrency } from '#agent/upstream/overload/concurrency-state.ts'

export interface ServiceState {
  readonly environmentId: string
  readonly service: string
  /** Whether too few targets are usable, so that all are used. */
  readonly panic: boolean
  /** Requests in flight. */
  readonly requests: number
  /** Requests that wait for a connection. */
  readonly pending: number
  readonly connections: number
  /** Second attempts, in all. */
  readonly retries: number
  /** Requests that were refused because there was no room, in all. */
  readonly overloaded: number
  readonly concurrency: ConcurrencyState
  readonly targets: readonly TargetState[]
}

/** The same as numbers, by target: addresses by health, and requests in flight. */
export function targetGauges(services: readonly ServiceState[]): Pick<Gauges, 'targetAddresses' | 'targetRequests'> {
  const addresses = services.flatMap(({ environmentId, service, targets }) =>
    targets.map(({ target, health, requests }) => ({ environmentId, service, target, health, requests })),
  )
  const byTarget = Map.groupBy(
    addresses,
    ({ environmentId, service, target }) => `${environmentId} ${service} ${target}`,
  )
  const all = [...byTarget.values()]
  return {
    targetAddresses: all.flatMap((ofTarget) =>
      [...Map.groupBy(ofTarget, ({ health }) => health).values()].flatMap((alike) =>
        alike.slice(0, 1).map((one) => ({ ...one, count: alike.length })),
      ),
    ),
    targetRequests: all.flatMap((ofTarget) =>
      ofTarget.slice(0, 1).map((one) => ({ ...one, count: sum(ofTarget, ({ requests }) => requests) })),
    ),
  }
}

/** Services as several threads see them, each as one: counts added up, and the worst that is known of each address. */
export function mergeStates(states: readonly (readonly ServiceState[])[]): readonly ServiceState[] {
  if (states.length === 1) return states[0] ?? []
  const byName = Map.groupBy(states.flat(), ({ environmentId, service }) => `${environmentId} ${service}`)
  return [...byName.values()].flatMap((all) => {
    const [first] = all
    if (first === undefined) return []
    return {
      ...first,
      panic: all.some(({ panic }) => panic),
      requests: sum(all, ({ requests }) => requests),
      pending: sum(all, ({ pending }) => pending),
      connections: sum(all, ({ connections }) => connections),
      retries: sum(all, ({ retries }) => retries),
      overloaded: sum(all, ({ overloaded }) => overloaded),
      concurrency: mergeConcurrency(all.map(({ concurrency }) => concurrency)),
      targets: mergeTargets(all.flatMap(({ targets }) => targets)),
    }
  })
}

function mergeTargets(targets: readonly TargetState[]): readonly TargetState[] {
  const byAddress = Map.groupBy(targets, ({ target, address }) => `${target} ${address ?? ''}`)
  return [...byAddress.values()].flatMap((all) => {
    const [first] = all
    if (first === undefined) return []
    return {
      ...first,
      health: all.find(({ health }) => health !== 'usable')?.health ?? 'usable',
      warmth: Math.min(...all.map(({ warmth }) => warmth)),
      requests: sum(all, ({ requests }) => requests),
      connections: sum(all, ({ connections }) => connections),
      ejections: sum(all, ({ ejections }) => ejections),
    }
  })
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0)
}

/** One address of a target, or a target whose address is not known. */
export interface TargetState {
  /** As configured. */
  readonly target: string
  /** IP address; null: not known. */
  readonly address: string | null
  readonly zone: string | null
  readonly health: 'usable' | 'unresolved' | 'unreachable' | 'failing' | 'failing_checks'
  /** Part of its weight that it gets at the moment, up to 1. */
  readonly warmth: number
  readonly requests: number
  readonly connections: number
  /** How often it was left alone, in all. */
  readonly ejections: number
}
