/**
 * Adds up the requests that agents counted, per minute.
 *
 * Reads the histogram of durations: its count is the number of requests, its sum their time. Points that tell changes
 * are added as they are. Points that tell totals are turned into changes; the first one of a series is only a mark,
 * because what it contains may have been added before, by this process or another.
 *
 * @module
 */
import { DURATION_METRIC, type Metric, attributeNames as names, readAttributes } from './attributes.ts'

/** Series whose last total is kept. More than that, and the oldest starts anew. */
const SERIES_MAX = 200_000

const MINUTE_MS = 60_000
const AHEAD_MS_MAX = 10 * 60_000
const BEHIND_MS_MAX = 86_400_000

/** `AggregationTemporality` of the specification: totals since the start. */
const CUMULATIVE = 2
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

export interface RollupRead {
  /** Each minute and series once. */
  readonly rows: readonly MinuteRow[]
  /** Points that do not fit. */
  readonly refused: number
  /** Call it once the rows are stored: before, the same totals may come again. */
  commit(): void
}

export interface Rollup {
  read(
    metrics: readonly Metric[],
    sender: { readonly agentId: string; readonly environmentIds: ReadonlySet<string> },
    nowMs: number,
  ): RollupRead
}

interface Total {
  readonly startNano: bigint
  readonly requests: number
  readonly seconds: number
}

type Point = Extract<Metric['data'], { case: 'histogram' }>['value']['dataPoints'][number]
type Series = Omit<MinuteRow, 'minuteMs' | 'requests' | 'durationMsSum'>

export function createRollup(): Rollup {
  const totals = new Map<string, Total>()

  function remember(id: string, total: Total): void {
    totals.delete(id)
    totals.set(id, total)
    const [oldest] = totals.keys()
    if (totals.size > SERIES_MAX && oldest !== undefined) totals.delete(oldest)
  }

  /** Null: nothing to add. */
  function change(id: string, total: Total): { requests: number; seconds: number } | null {
    const before = totals.get(id)
    // Another start: the agent's process is a new one, or this series is.
    if (before === undefined || before.startNano !== total.startNano) return null
    return { requests: total.requests - before.requests, seconds: total.seconds - before.seconds }
  }

  return {
    read: (metrics, sender, nowMs) => {
      const rows = new Map<string, MinuteRow>()
      const seen = new Map<string, Total>()
      let refused = 0
      for (const metric of metrics) {
        if (metric.name !== DURATION_METRIC || metric.data.case !== 'histogram') continue
        const { aggregationTemporality, dataPoints } = metric.data.value
        for (const point of dataPoints) {
          const series = readSeries(point, sender)
          if (series === 'of_nobody') continue
          const atMs = Number(point.timeUnixNano / 1_000_000n)
          const isTimely = atMs < nowMs + AHEAD_MS_MAX && atMs > nowMs - BEHIND_MS_MAX
          const total = { startNano: point.startTimeUnixNano, requests: Number(point.count), seconds: point.sum ?? 0 }
          const isKnown = aggregationTemporality === DELTA || aggregationTemporality === CUMULATIVE
          if (series === null || !isTimely || !isKnown || !Number.isFinite(total.seconds)) {
            refused += 1
            continue
          }
          const id = seriesId(series)
          const added = aggregationTemporality === DELTA ? total : change(id, total)
          if (aggregationTemporality === CUMULATIVE) seen.set(id, total)
          if (added !== null && added.requests > 0) addRow(rows, series, atMs, added)
        }
      }
      return {
        rows: [...rows.values()],
        refused,
        commit: () => {
          for (const [id, total] of seen) remember(id, total)
        },
      }
    },
  }
}

function addRow(
  rows: Map<string, MinuteRow>,
  series: Series,
  atMs: number,
  added: { readonly requests: number; readonly seconds: number },
): void {
  const minuteMs = Math.floor(atMs / MINUTE_MS) * MINUTE_MS
  const id = `${seriesId(series)} ${minuteMs}`
  const row = rows.get(id)
  rows.set(id, {
    ...series,
    minuteMs,
    requests: (row?.requests ?? 0) + added.requests,
    durationMsSum: (row?.durationMsSum ?? 0) + Math.max(0, added.seconds * 1000),
  })
}

function readSeries(
  point: Point,
  sender: { readonly agentId: string; readonly environmentIds: ReadonlySet<string> },
): Series | 'of_nobody' | null {
  const attributes = readAttributes(point.attributes)
  const environmentId = attributes.text(names.environmentId, 64) ?? ''
  // Requests for a host that no environment serves.
  if (environmentId === '') return 'of_nobody'
  const reason = attributes.text(names.reason, 64)
  const statusClass = attributes.number(names.statusClass)
  const isClass = statusClass === 1 || statusClass === 2 || statusClass === 3 || statusClass === 4 || statusClass === 5
  if (!sender.environmentIds.has(environmentId) || reason === undefined || !isClass) return null
  return { environmentId, agentId: sender.agentId, route: attributes.text(names.route, 255) ?? '', reason, statusClass }
}

function seriesId({ environmentId, agentId, route, reason, statusClass }: Series): string {
  return `${environmentId} ${agentId} ${statusClass} ${reason} ${route}`
}
