/**
 * Adds up the requests that an agent counted, per minute.
 *
 * Pure. Reads the histogram of durations: its count is the number of requests, its sum their time. Agents send us
 * changes and never totals, so what arrives is what is added; a total would be counted again with every send and is
 * refused. A batch that is sent twice because its answer was lost counts twice: these are figures for people, not
 * for bills.
 *
 * @module
 */
import { DURATION_METRIC, type Metric, attributeNames as names, readAttributes } from './attributes.ts'

const MINUTE_MS = 60_000
/** How far a point may be ahead of and behind our clock, in milliseconds. */
const AHEAD_MS_MAX = 10 * 60_000
const BEHIND_MS_MAX = 86_400_000

/** `AggregationTemporality` of the specification: changes since the last report. */
const DELTA = 1

/** Requests of one agent, route and outcome in one minute. */
export interface MinuteRow {
  readonly environmentId: string
  readonly agentId: string
  /** Start of the minute, in milliseconds since 1970-01-01 UTC. */
  readonly minuteMs: number
  readonly route: string
  readonly reason: string
  readonly statusClass: number
  readonly requests: number
  readonly durationMsSum: number
}

export interface MinutesRead {
  /** Each minute, route and outcome once. */
  readonly rows: readonly MinuteRow[]
  /** Points that do not fit. */
  readonly refused: number
}

interface Sender {
  readonly agentId: string
  readonly environmentIds: ReadonlySet<string>
}

type Point = Extract<Metric['data'], { case: 'histogram' }>['value']['dataPoints'][number]

export function readMinutes(metrics: readonly Metric[], sender: Sender, nowMs: number): MinutesRead {
  const rows = new Map<string, MinuteRow>()
  let refused = 0
  for (const metric of metrics) {
    if (metric.name !== DURATION_METRIC || metric.data.case !== 'histogram') continue
    const { aggregationTemporality, dataPoints } = metric.data.value
    for (const point of dataPoints) {
      const row = aggregationTemporality === DELTA ? readPoint(point, sender, nowMs) : 'refused'
      if (row === 'refused') refused += 1
      else if (row !== 'of_nobody') add(rows, row)
    }
  }
  return { rows: [...rows.values()], refused }
}

function add(rows: Map<string, MinuteRow>, row: MinuteRow): void {
  const id = `${row.environmentId} ${row.minuteMs} ${row.statusClass} ${row.reason} ${row.route}`
  const present = rows.get(id)
  const requests = row.requests + (present?.requests ?? 0)
  rows.set(id, { ...row, requests, durationMsSum: row.durationMsSum + (present?.durationMsSum ?? 0) })
}

/** `of_nobody`: requests for a host that no environment serves. */
function readPoint(point: Point, sender: Sender, nowMs: number): MinuteRow | 'of_nobody' | 'refused' {
  const attributes = readAttributes(point.attributes)
  const environmentId = attributes.text(names.environmentId, 64) ?? ''
  if (environmentId === '') return 'of_nobody'
  if (!sender.environmentIds.has(environmentId)) return 'refused'
  const reason = attributes.text(names.reason, 64)
  const statusClass = attributes.number(names.statusClass) ?? 0
  if (reason === undefined || ![1, 2, 3, 4, 5].includes(statusClass)) return 'refused'
  const atMs = Number(point.timeUnixNano / 1_000_000n)
  if (atMs > nowMs + AHEAD_MS_MAX || atMs < nowMs - BEHIND_MS_MAX) return 'refused'
  const [requests, durationMsSum] = [Number(point.count), (point.sum ?? 0) * 1000]
  if (!Number.isSafeInteger(requests) || !Number.isFinite(durationMsSum) || durationMsSum < 0) return 'refused'
  return {
    environmentId,
    agentId: sender.agentId,
    minuteMs: Math.floor(atMs / MINUTE_MS) * MINUTE_MS,
    route: attributes.text(names.route, 255) ?? '',
    reason,
    statusClass,
    requests,
    durationMsSum,
  }
}
