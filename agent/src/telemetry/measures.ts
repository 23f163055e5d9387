/**
 * What is measured beside requests and is the same for every exporter: a name, a kind, and numbers with attributes.
 *
 * Attributes are names from the configuration and words of fixed lists, so a caller cannot make their number grow.
 *
 * @module
 */
import type { IssuerStatus } from '#agent/issuers/keeper.ts'
import type { CountersState } from '#agent/limits/memory.ts'
import type { ThreadLoadState } from '#agent/pipeline/thread-load.ts'
import type { ServiceState } from '#agent/upstream/state.ts'
import type { WorkerReport } from '#agent/workers/side.ts'
import { type LimitCounts, limitOutcomes } from './limit-counts.ts'
import { type CountedEvent, metricAttributes, metricNames } from './metrics.ts'

/** One metric. */
export interface Measure {
  readonly name: string
  /** As in OpenTelemetry: `s`, `1`, or what is counted in braces. */
  readonly unit: string
  /** A sum only grows, unless what counts it begins again. */
  readonly kind: 'sum' | 'gauge'
  readonly points: readonly MeasuredPoint[]
}

interface MeasuredPoint {
  readonly attributes: Readonly<Record<string, string>>
  readonly value: number
}

const sum = (name: string, unit: string, points: readonly MeasuredPoint[]): Measure => ({
  name,
  unit,
  kind: 'sum',
  points,
})
const gauge = (name: string, unit: string, points: readonly MeasuredPoint[]): Measure => ({
  name,
  unit,
  kind: 'gauge',
  points,
})

/** Second attempts, refusals for want of room, what waits and what was shed, and addresses that were left alone. */
export function serviceMeasures(services: readonly ServiceState[]): readonly Measure[] {
  const ofService = ({ environmentId, service }: ServiceState): Readonly<Record<string, string>> => ({
    [metricAttributes.environmentId]: environmentId,
    [metricAttributes.service]: service,
  })
  const ejections = services.flatMap((service) => {
    const byTarget = Map.groupBy(service.targets, ({ target }) => target)
    return [...byTarget].map(([target, all]) => ({
      attributes: { ...ofService(service), [metricAttributes.target]: target },
      value: all.reduce((total, one) => total + one.ejections, 0),
    }))
  })
  const pointsOf = (value: (service: ServiceState) => number): readonly MeasuredPoint[] =>
    services.map((service) => ({ attributes: ofService(service), value: value(service) }))
  return [
    sum(
      metricNames.serviceRetries,
      '{request}',
      pointsOf(({ retries }) => retries),
    ),
    sum(
      metricNames.serviceOverloaded,
      '{request}',
      pointsOf(({ overloaded }) => overloaded),
    ),
    gauge(
      metricNames.serviceWaiting,
      '{request}',
      pointsOf(({ concurrency }) => concurrency.waiting),
    ),
    gauge(
      metricNames.serviceLimit,
      '{request}',
      services.flatMap((service) => {
        const { limit } = service.concurrency
        return limit === null ? [] : [{ attributes: ofService(service), value: limit }]
      }),
    ),
    sum(
      metricNames.serviceShed,
      '{request}',
      services.flatMap((service) =>
        Object.entries(service.concurrency.shed).map(([priority, value]) => ({
          attributes: { ...ofService(service), [metricAttributes.priority]: priority },
          value,
        })),
      ),
    ),
    sum(metricNames.targetEjections, '{ejection}', ejections),
  ]
}

/** How much serving threads have to do. */
export function threadMeasures(workers: readonly WorkerReport[]): readonly Measure[] {
  const pointsOf = (value: (load: ThreadLoadState) => number): readonly MeasuredPoint[] =>
    workers.flatMap(({ worker, load }) =>
      load === null ? [] : [{ attributes: { [metricAttributes.worker]: String(worker) }, value: value(load) }],
    )
  return [
    gauge(
      metricNames.threadDelay,
      's',
      pointsOf(({ delayMs }) => delayMs / 1_000),
    ),
    gauge(
      metricNames.threadHeap,
      '1',
      pointsOf(({ heapShare }) => heapShare),
    ),
    sum(
      metricNames.threadShed,
      '{request}',
      pointsOf(({ shed }) => shed),
    ),
  ]
}

/** How it stands with the keys of issuers. Those that are asked about each token have none. */
export function issuerMeasures(statuses: readonly IssuerStatus[]): readonly Measure[] {
  const pointsOf = (value: (status: IssuerStatus) => number | null): readonly MeasuredPoint[] =>
    statuses.flatMap((status) => {
      const measured = value(status)
      if (measured === null) return []
      const { environmentId, issuer } = status
      const attributes = { [metricAttributes.environmentId]: environmentId, [metricAttributes.issuer]: issuer }
      return [{ attributes, value: measured }]
    })
  return [
    gauge(
      metricNames.issuerKeys,
      '{key}',
      pointsOf(({ keys }) => keys),
    ),
    gauge(
      metricNames.issuerKeysAge,
      's',
      pointsOf(({ ageMs }) => (ageMs === null ? null : ageMs / 1_000)),
    ),
    gauge(
      metricNames.issuerFailing,
      '1',
      pointsOf(({ problem }) => (problem === null ? 0 : 1)),
    ),
    sum(
      metricNames.issuerFetches,
      '{fetch}',
      pointsOf(({ fetches }) => fetches),
    ),
  ]
}

/** What became of requests at limits, and how it stands with the counters of each algorithm. */
export function limitMeasures(counts: LimitCounts, counters: readonly CountersState[]): readonly Measure[] {
  const requests = Array.from(counts.all).flatMap((count) =>
    limitOutcomes.map((outcome) => ({
      attributes: {
        [metricAttributes.environmentId]: count.environmentId,
        [metricAttributes.policy]: count.policy,
        [metricAttributes.outcome]: outcome,
      },
      value: count[outcome],
    })),
  )
  const pointsOf = (value: (state: CountersState) => number): readonly MeasuredPoint[] =>
    counters.map((state) => ({ attributes: { [metricAttributes.algorithm]: state.algorithm }, value: value(state) }))
  return [
    sum(metricNames.limitRequests, '{request}', requests),
    gauge(
      metricNames.limitCounters,
      '{counter}',
      pointsOf(({ inUse }) => inUse),
    ),
    sum(
      metricNames.limitEvicted,
      '{counter}',
      pointsOf(({ evicted }) => evicted),
    ),
    sum(
      metricNames.limitOverflowed,
      '{request}',
      pointsOf(({ overflowed }) => overflowed),
    ),
  ]
}

export function proofMeasures(overflowed: number): readonly Measure[] {
  return [sum(metricNames.proofsOverflowed, '{proof}', [{ attributes: {}, value: overflowed }])]
}

/** What is counted by what, and which attribute says why. */
const EVENTS: Readonly<Record<CountedEvent, { readonly name: string; readonly unit: string; readonly why: string }>> = {
  source_refused: { name: metricNames.sourceRefused, unit: '{connection}', why: metricAttributes.refused },
  handshake_refused: { name: metricNames.handshakesRefused, unit: '{handshake}', why: metricAttributes.cause },
  client_revoked: { name: metricNames.clientsRevoked, unit: '{connection}', why: '' },
  limit_store_away: { name: metricNames.limitStoreAway, unit: '{event}', why: '' },
  lock_out: { name: metricNames.lockOuts, unit: '{lock_out}', why: metricAttributes.lockedOut },
  stream_ended: { name: metricNames.streamsEnded, unit: '{request}', why: metricAttributes.reason },
}

/** @param events as `Slots` has them. */
export function eventMeasures(events: ReadonlyMap<string, number>): readonly Measure[] {
  const read = [...events].map(([text, value]) => {
    const [event = '', environmentId = '', why = ''] = text.split(' ')
    return { event, environmentId, why, value }
  })
  return Object.entries(EVENTS).map(([event, { name, unit, why: attribute }]) =>
    sum(
      name,
      unit,
      read
        .filter((one) => one.event === event)
        .map(({ environmentId, why, value }) => ({
          attributes: {
            ...(environmentId !== '' && { [metricAttributes.environmentId]: environmentId }),
            ...(attribute !== '' && { [attribute]: why }),
          },
          value,
        })),
    ),
  )
}
