import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DataPointType, type MetricData } from '@opentelemetry/sdk-metrics'
import { createSlots } from './metrics.ts'
import { createCollector, type Gauges, hrTime } from './points.ts'
import { prometheusText } from './prometheus.ts'

const NO_GAUGES: Gauges = {
  releases: [],
  certificatesUnusable: [],
  certificatesOutdated: [],
  targetAddresses: [],
  targetRequests: [],
  connections: 0,
  measures: [],
  dropped: [],
}

/** Values of a sum by the reason of its points. */
function valuesOf(metrics: readonly MetricData[], name: string): Record<string, number> {
  const metric = metrics.find(({ descriptor }) => descriptor.name === name)
  if (metric?.dataPointType !== DataPointType.SUM) return {}
  return Object.fromEntries(
    metric.dataPoints.map(({ attributes, value }) => [String(attributes['headgate.decision.reason']), value]),
  )
}

test('requests are counted apart by environment, route, reason and status class', () => {
  const slots = createSlots()
  slots.count('env_1', 'orders', 'allowed', 200, 1)
  slots.count('env_1', 'orders', 'allowed', 204, 3)
  slots.count('env_1', 'orders', 'allowed', 503, 1)
  slots.count('env_1', 'orders', 'scope_missing', 403, 1)
  slots.count('env_2', 'orders', 'allowed', 200, 1)
  const seen = slots.all.map(({ environmentId, reason, statusClass, requests }) => [
    environmentId,
    reason,
    statusClass,
    requests,
  ])
  assert.deepEqual(seen, [
    ['env_1', 'allowed', 2, 2],
    ['env_1', 'allowed', 5, 1],
    ['env_1', 'scope_missing', 4, 1],
    ['env_2', 'allowed', 2, 1],
  ])
  assert.equal(slots.all[0]?.durationMsSum, 4)
})

test('slots keep their numbers and stay the same objects while others are added', () => {
  const slots = createSlots()
  slots.count('env_1', 'route-0', 'allowed', 200, 2)
  const [first] = slots.all
  for (let route = 0; route < 1_000; route++) slots.count('env_1', `route-${route}`, 'allowed', 200, 1)
  const all = slots.all
  assert.equal(all[0], first)
  assert.deepEqual([first?.requests, first?.durationMsSum, first?.buckets[1]], [2, 3, 1])
  for (const [index, { route, requests }] of all.entries()) {
    assert.deepEqual([route, requests], [`route-${index}`, index === 0 ? 2 : 1])
  }
})

test('every duration is in the bucket of the semantic conventions that it belongs to', () => {
  const slots = createSlots()
  for (const ms of [0, 0.5, 0.6, 5, 5.1, 10_000, 10_001, 1e9]) slots.count('e', 'r', 'allowed', 200, ms)
  assert.deepEqual([...(slots.all[0]?.buckets ?? [])], [2, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
})

test('a delta that was not confirmed is part of the next one', () => {
  const slots = createSlots()
  const collector = createCollector(slots, 'delta', 0)
  slots.count('e', 'r', 'allowed', 200, 1)
  assert.deepEqual(valuesOf(collector.collect(NO_GAUGES, 1).metrics, 'headgate.requests'), { allowed: 1 })
  slots.count('e', 'r', 'allowed', 200, 1)
  const second = collector.collect(NO_GAUGES, 2)
  assert.deepEqual(valuesOf(second.metrics, 'headgate.requests'), { allowed: 2 })
  // What comes between collection and confirmation belongs to the next one too.
  slots.count('e', 'r', 'allowed', 200, 1)
  second.confirm()
  assert.deepEqual(valuesOf(collector.collect(NO_GAUGES, 3).metrics, 'headgate.requests'), { allowed: 1 })
})

test('nothing new is an empty delta, and a cumulative report stays whole', () => {
  const slots = createSlots()
  const [delta, cumulative] = [createCollector(slots, 'delta', 0), createCollector(slots, 'cumulative', 0)]
  slots.count('e', 'r', 'allowed', 200, 1)
  slots.countMalformed('framing_invalid')
  for (const collector of [delta, cumulative]) collector.collect(NO_GAUGES, 1).confirm()
  assert.deepEqual(valuesOf(delta.collect(NO_GAUGES, 2).metrics, 'headgate.requests'), {})
  assert.deepEqual(valuesOf(delta.collect(NO_GAUGES, 2).metrics, 'headgate.malformed_requests'), {})
  const { metrics } = cumulative.collect(NO_GAUGES, 2)
  assert.deepEqual(valuesOf(metrics, 'headgate.requests'), { allowed: 1 })
  assert.deepEqual(valuesOf(metrics, 'headgate.malformed_requests'), { framing_invalid: 1 })
})

test('the histogram of a delta agrees with its sum and count', () => {
  const slots = createSlots()
  const collector = createCollector(slots, 'delta', 0)
  slots.count('e', 'r', 'allowed', 200, 20)
  collector.collect(NO_GAUGES, 1).confirm()
  slots.count('e', 'r', 'allowed', 200, 30)
  const metric = collector
    .collect(NO_GAUGES, 2)
    .metrics.find(({ descriptor }) => descriptor.name === 'headgate.request.duration')
  assert.ok(metric?.dataPointType === DataPointType.HISTOGRAM)
  const value = metric.dataPoints[0]?.value
  assert.deepEqual([value?.count, value?.sum?.toFixed(3)], [1, '0.030'])
  assert.equal(
    value?.buckets.counts.reduce((sum, count) => sum + count, 0),
    1,
  )
})

test('seconds and nanoseconds of a time', () => {
  assert.deepEqual(hrTime(1_800_000_000_123.5), [1_800_000_000, 123_500_000])
})

test('the text for Prometheus has every counter, with names and values escaped', () => {
  const slots = createSlots()
  slots.count('env_1', 'a"b\\c\nd', 'allowed', 200, 2)
  slots.countMalformed('framing_invalid')
  const text = prometheusText(slots, {
    releases: [{ environmentId: 'env_1', number: 42 }],
    certificatesUnusable: [{ environmentId: 'env_1', count: 1 }],
    certificatesOutdated: [{ environmentId: 'env_2', count: 3 }],
    targetAddresses: [{ environmentId: 'env_2', service: 'shop', target: 'http://a', health: 'unreachable', count: 2 }],
    targetRequests: [{ environmentId: 'env_2', service: 'shop', target: 'http://a', count: 4 }],
    connections: 3,
    measures: [],
    dropped: [{ receiver: 'collector', kind: 'allowed', count: 7 }],
  })
  const labels =
    'headgate_environment_id="env_1",headgate_route="a\\"b\\\\c\\nd",headgate_decision_reason="allowed",headgate_status_class="2"'
  for (const line of [
    `headgate_requests_total{${labels}} 1`,
    `headgate_request_duration_seconds_bucket{${labels},le="0.0025"} 1`,
    `headgate_request_duration_seconds_bucket{${labels},le="+Inf"} 1`,
    `headgate_request_duration_seconds_sum{${labels}} 0.002`,
    `headgate_request_duration_seconds_count{${labels}} 1`,
    'headgate_certificates_unusable{headgate_environment_id="env_1"} 1',
    'headgate_certificates_outdated{headgate_environment_id="env_2"} 3',
    'headgate_target_addresses{headgate_environment_id="env_2",headgate_service="shop",headgate_target="http://a",headgate_target_health="unreachable"} 2',
    'headgate_target_requests{headgate_environment_id="env_2",headgate_service="shop",headgate_target="http://a"} 4',
    'headgate_malformed_requests_total{headgate_decision_reason="framing_invalid"} 1',
    'headgate_records_dropped_total{headgate_telemetry_receiver="collector",headgate_record_kind="allowed"} 7',
    'headgate_release_number{headgate_environment_id="env_1"} 42',
    'headgate_certificates_unusable{headgate_environment_id="env_1"} 1',
    'headgate_connections 3',
  ]) {
    assert.ok(text.split('\n').includes(line), line)
  }
})
