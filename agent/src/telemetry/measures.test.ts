import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DataPointType } from '@opentelemetry/sdk-metrics'
import { connect } from 'node:net'
import { once } from 'node:events'
import type { ServiceState, TargetState } from '#agent/upstream/state.ts'
import { certificate, issue, shake } from '#agent/testing/tls.ts'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { issuerMeasures, proofMeasures, serviceMeasures } from './measures.ts'
import { createSlots, type Slots } from './metrics.ts'
import { createCollector, type Gauges } from './points.ts'
import { prometheusText } from './prometheus.ts'
import { createCounterFeed, createTotals } from './totals.ts'

const target = (url: string, ejections: number): TargetState => ({
  target: url,
  address: '10.0.0.1',
  zone: null,
  health: 'usable',
  warmth: 1,
  requests: 0,
  connections: 0,
  ejections,
})
const shop: ServiceState = {
  environmentId: 'env_1',
  service: 'shop',
  panic: false,
  requests: 0,
  pending: 0,
  connections: 0,
  retries: 5,
  overloaded: 2,
  concurrency: {
    state: 'throttled',
    limit: 120,
    waiting: 84,
    baseline_ms: 20,
    shed: { low: 7, normal: 3, high: 0, critical: 0 },
  },
  targets: [target('http://a', 1), target('http://a', 2), target('http://b', 0)],
}
const login = {
  environmentId: 'env_1',
  issuer: 'login',
  keys: 2,
  ageMs: 90_500,
  problem: 'no answer',
  fetches: 3,
  introspections: 0,
}
const opaque = { ...login, issuer: 'opaque', keys: null, ageMs: null, problem: null, fetches: 0 }

function gauges(services: readonly ServiceState[]): Gauges {
  return {
    releases: [],
    certificatesUnusable: [],
    certificatesOutdated: [],
    targetAddresses: [],
    targetRequests: [],
    connections: 0,
    measures: [...serviceMeasures(services), ...issuerMeasures([login, opaque]), ...proofMeasures(4)],
    dropped: [],
  }
}

function counted(): Slots {
  const slots = createSlots()
  slots.countEvent('handshake_refused', '', 'not_tls')
  slots.countEvent('handshake_refused', '', 'not_tls')
  slots.countEvent('lock_out', 'env_1', 'source')
  slots.countEvent('stream_ended', 'env_1', 'credential_revoked')
  slots.countEvent('client_revoked', 'env_1', '')
  return slots
}

test('the text for Prometheus has what is measured beside requests', () => {
  const lines = prometheusText(counted(), gauges([shop])).split('\n')
  const environment = 'headgate_environment_id="env_1"'
  for (const line of [
    '# TYPE headgate_service_retries_total counter',
    `headgate_service_retries_total{${environment},headgate_service="shop"} 5`,
    `headgate_service_overloaded_total{${environment},headgate_service="shop"} 2`,
    `headgate_target_ejections_total{${environment},headgate_service="shop",headgate_target="http://a"} 3`,
    `headgate_target_ejections_total{${environment},headgate_service="shop",headgate_target="http://b"} 0`,
    '# TYPE headgate_issuer_keys_age_seconds gauge',
    `headgate_issuer_keys_age_seconds{${environment},headgate_issuer="login"} 90.5`,
    `headgate_issuer_keys{${environment},headgate_issuer="login"} 2`,
    `headgate_issuer_failing{${environment},headgate_issuer="login"} 1`,
    `headgate_issuer_failing{${environment},headgate_issuer="opaque"} 0`,
    `headgate_issuer_fetches_total{${environment},headgate_issuer="login"} 3`,
    'headgate_proofs_overflowed_total 4',
    'headgate_tls_handshakes_refused_total{headgate_tls_cause="not_tls"} 2',
    `headgate_tls_clients_revoked_total{${environment}} 1`,
    `headgate_source_lock_outs_total{${environment},headgate_locked_out="source"} 1`,
    `headgate_streams_ended_total{${environment},headgate_decision_reason="credential_revoked"} 1`,
  ]) {
    assert.ok(lines.includes(line), line)
  }
  assert.ok(!lines.some((line) => line.startsWith('headgate_issuer_keys_age') && line.includes('opaque')))
  // A name that is declared twice is refused by those who read the text.
  const declared = lines.filter((line) => line.startsWith('# TYPE'))
  assert.equal(new Set(declared).size, declared.length)
})

/** Values of a metric in the order of its points. */
function valuesOf(collector: ReturnType<typeof createCollector>, services: readonly ServiceState[], name: string) {
  const { metrics, confirm } = collector.collect(gauges(services), 1)
  confirm()
  const metric = metrics.find(({ descriptor }) => descriptor.name === name)
  if (metric === undefined) return []
  const { SUM, GAUGE } = DataPointType
  assert.ok(metric.dataPointType === SUM || metric.dataPointType === GAUGE)
  return metric.dataPoints.map(({ value }) => value)
}

test('sums are sent as what came since, gauges as what is', () => {
  const slots = counted()
  const delta = createCollector(slots, 'delta', 0)
  const retries = (count: number): unknown[] =>
    valuesOf(delta, [{ ...shop, retries: count }], 'headgate.service.retries')
  assert.deepEqual([retries(5), retries(5), retries(7)], [[5], [], [2]])
  // Those who counted are gone, and others begin.
  assert.deepEqual([retries(1), retries(2)], [[1], [1]])
  assert.deepEqual(valuesOf(delta, [shop], 'headgate.issuer.keys.age'), [90.5])
  slots.countEvent('lock_out', 'env_1', 'source')
  assert.deepEqual(valuesOf(delta, [shop], 'headgate.source.lock_outs'), [1])
  assert.deepEqual(valuesOf(createCollector(slots, 'cumulative', 0), [shop], 'headgate.source.lock_outs'), [2])
})

test('what threads count is added up once', () => {
  const [one, other, totals] = [counted(), counted(), createTotals()]
  const feeds = [createCounterFeed(one), createCounterFeed(other)]
  for (let time = 0; time < 3; time++) for (const feed of feeds) totals.add(feed())
  one.countEvent('lock_out', 'env_1', 'source')
  for (const feed of feeds) totals.add(feed())
  assert.equal(totals.events.get('lock_out env_1 source'), 3)
  assert.equal(totals.events.get('handshake_refused  not_tls'), 4)
})

test('a handshake that is refused is counted by its cause, through a whole agent', async () => {
  await using agent = await startAgent()
  setRelease(agent.app.live, [
    ...openRelease('http://127.0.0.1:9'),
    await certificate('one', 'one.test', await issue('one.test')),
  ])
  await agent.app.certificates.settled()
  await assert.rejects(shake(agent.https, 'other.test'))
  const { hostname: host, port } = new URL(agent.https)
  const socket = connect({ host, port: Number(port) })
  socket.on('error', () => {}).write('GET / HTTP/1.1\r\n\r\n')
  await once(socket, 'close')
  const { events } = agent.app.slots
  assert.equal(events.get('handshake_refused  name_unknown'), 1)
  assert.equal(events.get('handshake_refused  not_tls'), 1)
})
