import { type MessageInitShape, create } from '@bufbuild/protobuf'
import { ExportMetricsServiceRequestSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Metric } from './attributes.ts'
import { readMinutes } from './minutes.ts'

const NOW_MS = 1_795_500_005_000
const MINUTE_MS = Math.floor(NOW_MS / 60_000) * 60_000
const sender = { agentId: 'agt_1', environmentIds: new Set(['env_1']) }

interface PointOptions {
  readonly environmentId?: string
  readonly route?: string
  readonly statusClass?: number
  readonly count?: number
  readonly sum?: number
  readonly atMs?: number
}

function histogram(points: readonly PointOptions[], temporality = 1, name = 'headgate.request.duration'): Metric {
  const dataPoints = points.map(
    ({ environmentId = 'env_1', route = 'orders', statusClass = 2, count = 1, sum = 0.5, atMs = NOW_MS }) => ({
      timeUnixNano: BigInt(atMs) * 1_000_000n,
      count: BigInt(count),
      sum,
      attributes: [
        { key: 'headgate.environment.id', value: { value: { case: 'stringValue' as const, value: environmentId } } },
        { key: 'headgate.route', value: { value: { case: 'stringValue' as const, value: route } } },
        { key: 'headgate.decision.reason', value: { value: { case: 'stringValue' as const, value: 'allowed' } } },
        { key: 'headgate.status_class', value: { value: { case: 'intValue' as const, value: BigInt(statusClass) } } },
      ],
    }),
  )
  const data = { case: 'histogram' as const, value: { dataPoints, aggregationTemporality: temporality } }
  const init = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name, data }] }] }] }
  const request = create(
    ExportMetricsServiceRequestSchema,
    init as MessageInitShape<typeof ExportMetricsServiceRequestSchema>,
  )
  const metric = request.resourceMetrics[0]?.scopeMetrics[0]?.metrics[0]
  if (metric === undefined) throw new Error('no metric')
  return metric
}

test('requests and their time are added up per minute, route and outcome', () => {
  const points = [
    { count: 3, sum: 0.3 },
    { count: 2, sum: 0.2 },
    { count: 1, sum: 1, statusClass: 5 },
  ]
  const { rows, refused } = readMinutes([histogram(points)], sender, NOW_MS)
  assert.equal(refused, 0)
  const same = { environmentId: 'env_1', agentId: 'agt_1', minuteMs: MINUTE_MS, route: 'orders', reason: 'allowed' }
  assert.deepEqual(rows, [
    { ...same, statusClass: 2, requests: 5, durationMsSum: 500 },
    { ...same, statusClass: 5, requests: 1, durationMsSum: 1000 },
  ])
})

test('totals are refused, because they would be counted with every send', () => {
  assert.deepEqual(readMinutes([histogram([{}, {}], 2)], sender, NOW_MS), { rows: [], refused: 2 })
})

test('points of an environment that the agent does not serve are refused, those of none are passed over', () => {
  const points = [{ environmentId: 'env_2' }, { environmentId: '' }, {}]
  const { rows, refused } = readMinutes([histogram(points)], sender, NOW_MS)
  assert.deepEqual([rows.length, refused], [1, 1])
})

test('a point that no column holds, or of another time, is refused', () => {
  for (const point of [
    { statusClass: 9 },
    { sum: -1 },
    { sum: Infinity },
    { atMs: NOW_MS + 3_600_000 },
    { atMs: NOW_MS - 2 * 86_400_000 },
  ]) {
    assert.equal(readMinutes([histogram([point])], sender, NOW_MS).refused, 1, JSON.stringify(point))
  }
})

test('other metrics are passed over', () => {
  assert.deepEqual(readMinutes([histogram([{}], 1, 'headgate.requests')], sender, NOW_MS), { rows: [], refused: 0 })
})
