/**
 * Turns the counters into metric data of OpenTelemetry.
 *
 * Delta temporality for our control plane, which adds up what arrives, cumulative for collectors, which expect what
 * Prometheus does. A delta counts as sent only when the receiver said so; until then it is part of the next one.
 *
 * @module
 */
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api'
import { AggregationTemporality, DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import { eventMeasures, type Measure } from './measures.ts'
import { DURATION_BOUNDS_S, metricAttributes, metricNames, type Slot } from './metrics.ts'
import type { Counters } from './totals.ts'

interface TargetLabels {
  readonly environmentId: string
  readonly service: string
  readonly target: string
}

/** What is measured beside requests, at the moment of collection. */
export interface Gauges {
  /** By environment id. */
  readonly releases: readonly { readonly environmentId: string; readonly number: number }[]
  /** By environment id; those without any are left out. */
  readonly certificatesUnusable: readonly { readonly environmentId: string; readonly count: number }[]
  /** Likewise: presented, but expired or not valid yet. */
  readonly certificatesOutdated: readonly { readonly environmentId: string; readonly count: number }[]
  readonly targetAddresses: readonly (TargetLabels & { readonly health: string; readonly count: number })[]
  readonly targetRequests: readonly (TargetLabels & { readonly count: number })[]
  readonly connections: number
  /** Whatever has nothing about it that only one exporter knows. */
  readonly measures: readonly Measure[]
  readonly dropped: readonly { readonly receiver: string; readonly kind: string; readonly count: number }[]
}

export interface Collected {
  readonly metrics: MetricData[]
  /** The receiver has it: later deltas start here. */
  readonly confirm: () => void
}

export interface Collector {
  collect(gauges: Gauges, nowMs: number): Collected
}

interface Before {
  readonly requests: number
  readonly durationMsSum: number
  readonly buckets: Float64Array
}

const NOTHING: Before = { requests: 0, durationMsSum: 0, buckets: new Float64Array(DURATION_BOUNDS_S.length + 1) }

/** @param startMs when counting began, in milliseconds since 1970-01-01 UTC. */
export function createCollector(slots: Counters, temporality: 'delta' | 'cumulative', startMs: number): Collector {
  const delta = temporality === 'delta'
  const sent = new Map<Slot, Before>()
  const malformedSent = new Map<string, number>()
  const droppedSent = new Map<string, number>()
  const measuresSent = new Map<string, number>()
  const aggregationTemporality = delta ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE
  let sinceMs = startMs

  return {
    collect: (gauges, nowMs) => {
      const [startTime, endTime] = [hrTime(sinceMs), hrTime(nowMs)]
      const requests: Point<number>[] = []
      const durations: Point<HistogramValue>[] = []
      const seen: [Slot, Before][] = []
      for (const slot of slots.all) {
        const before = sent.get(slot) ?? NOTHING
        if (delta && slot.requests === before.requests) continue
        const attributes = slotAttributes(slot)
        requests.push({ startTime, endTime, attributes, value: slot.requests - before.requests })
        durations.push({ startTime, endTime, attributes, value: histogram(slot, before) })
        if (delta) {
          const { requests: count, durationMsSum, buckets } = slot
          seen.push([slot, { requests: count, durationMsSum, buckets: buckets.slice() }])
        }
      }
      const malformed = sums(slots.malformed, malformedSent, (reason) => ({ [metricAttributes.reason]: reason }))
      const dropped = sums(
        new Map(gauges.dropped.map(({ receiver, kind, count }) => [`${receiver} ${kind}`, count])),
        droppedSent,
        droppedAttributes,
      )
      const measured = [...gauges.measures, ...eventMeasures(slots.events)].map((measure) => ({
        measure,
        news: newsOf(measure),
      }))
      const sum = (name: string, unit: string, dataPoints: Point<number>[]): MetricData => ({
        descriptor: { name, unit, description: '', valueType: ValueType.INT },
        aggregationTemporality,
        dataPointType: DataPointType.SUM,
        dataPoints,
        isMonotonic: true,
      })
      const gauge = (name: string, unit: string, dataPoints: Point<number>[]): MetricData => ({
        descriptor: { name, unit, description: '', valueType: ValueType.INT },
        aggregationTemporality: AggregationTemporality.CUMULATIVE,
        dataPointType: DataPointType.GAUGE,
        dataPoints,
      })
      const point = (value: number, attributes: Attributes): Point<number> => ({
        startTime,
        endTime,
        attributes,
        value,
      })
      const toPoints = (list: Sums): Point<number>[] => list.map(({ value, attributes }) => point(value, attributes))
      const byEnvironment = (counts: Gauges['certificatesUnusable']): Point<number>[] =>
        counts.map(({ environmentId, count }) => point(count, { [metricAttributes.environmentId]: environmentId }))
      const all: MetricData[] = [
        sum(metricNames.requests, '{request}', requests),
        {
          descriptor: { name: metricNames.duration, unit: 's', description: '', valueType: ValueType.DOUBLE },
          aggregationTemporality,
          dataPointType: DataPointType.HISTOGRAM,
          dataPoints: durations,
        },
        sum(metricNames.malformed, '{request}', toPoints(malformed)),
        sum(metricNames.dropped, '{record}', toPoints(dropped)),
        gauge(
          metricNames.release,
          '1',
          gauges.releases.map((release) =>
            point(release.number, { [metricAttributes.environmentId]: release.environmentId }),
          ),
        ),
        gauge(metricNames.certificatesUnusable, '{certificate}', byEnvironment(gauges.certificatesUnusable)),
        gauge(metricNames.certificatesOutdated, '{certificate}', byEnvironment(gauges.certificatesOutdated)),
        gauge(
          metricNames.targetAddresses,
          '{address}',
          gauges.targetAddresses.map((each) =>
            point(each.count, { ...targetAttributes(each), [metricAttributes.health]: each.health }),
          ),
        ),
        gauge(
          metricNames.targetRequests,
          '{request}',
          gauges.targetRequests.map((each) => point(each.count, targetAttributes(each))),
        ),
        gauge(metricNames.connections, '{connection}', [point(gauges.connections, {})]),
        ...measured.map(({ measure: { name, unit, kind }, news }) => {
          const data = (kind === 'sum' ? sum : gauge)(name, unit, toPoints(news))
          return unit === 's' ? { ...data, descriptor: { ...data.descriptor, valueType: ValueType.DOUBLE } } : data
        }),
      ]
      return {
        metrics: all.filter(({ dataPoints }) => dataPoints.length > 0),
        confirm: () => {
          if (!delta) return
          for (const [slot, before] of seen) sent.set(slot, before)
          for (const { key, count } of malformed) malformedSent.set(key, count)
          for (const { key, count } of dropped) droppedSent.set(key, count)
          for (const { news } of measured) for (const { key, count } of news) measuresSent.set(key, count)
          sinceMs = nowMs
        },
      }
    },
  }

  /** Of a sum in a delta: what came since; of everything else: what is. */
  function newsOf({ name, kind, points }: Measure): Sums {
    const all = points.map(({ attributes, value }) => ({
      key: `${name} ${JSON.stringify(attributes)}`,
      count: value,
      value,
      attributes,
    }))
    if (kind === 'gauge' || !delta) return all
    return all
      .map((one) => ({ ...one, value: growth(one.count, measuresSent.get(one.key) ?? 0) }))
      .filter(({ value }) => value > 0)
  }

  function sums(
    counts: ReadonlyMap<string, number>,
    before: ReadonlyMap<string, number>,
    attributesOf: (key: string) => Attributes,
  ): Sums {
    return [...counts]
      .map(([key, count]) => ({
        key,
        count,
        value: count - (delta ? (before.get(key) ?? 0) : 0),
        attributes: attributesOf(key),
      }))
      .filter(({ value }) => !delta || value > 0)
  }
}

/** A count that is smaller than it was began again, with a new thread or a new service. */
function growth(now: number, before: number): number {
  return now < before ? now : now - before
}

type Sums = readonly {
  readonly key: string
  readonly count: number
  readonly value: number
  readonly attributes: Attributes
}[]

interface Point<T> {
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly attributes: Attributes
  readonly value: T
}

interface HistogramValue {
  readonly buckets: { boundaries: number[]; counts: number[] }
  readonly sum: number
  readonly count: number
}

function histogram(slot: Slot, before: Before): HistogramValue {
  const counts = Array.from(slot.buckets, (count, index) => count - (before.buckets[index] ?? 0))
  return {
    buckets: { boundaries: [...DURATION_BOUNDS_S], counts },
    sum: (slot.durationMsSum - before.durationMsSum) / 1000,
    count: slot.requests - before.requests,
  }
}

function slotAttributes({ environmentId, route, reason, statusClass }: Slot): Attributes {
  return {
    [metricAttributes.environmentId]: environmentId,
    [metricAttributes.route]: route,
    [metricAttributes.reason]: reason,
    [metricAttributes.statusClass]: statusClass,
  }
}

function targetAttributes({ environmentId, service, target }: TargetLabels): Attributes {
  return {
    [metricAttributes.environmentId]: environmentId,
    [metricAttributes.service]: service,
    [metricAttributes.target]: target,
  }
}

function droppedAttributes(key: string): Attributes {
  const [receiver = '', kind = ''] = key.split(' ')
  return { [metricAttributes.receiver]: receiver, [metricAttributes.kind]: kind }
}

/** Seconds and nanoseconds. */
export function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
