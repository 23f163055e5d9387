import { create } from '@bufbuild/protobuf'
import { ExportLogsServiceRequestSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import test from 'node:test'
import type { LogRecord } from './attributes.ts'
import { type RecordRead, readRecord } from './records.ts'

const ENVIRONMENT = 'env_01KAXYZ0000000000000000000'
const NOW_MS = 1_795_500_000_000
const sender = { agentId: 'agt_1', agentName: 'eu-1', environmentIds: new Set([ENVIRONMENT]) }

type Value = string | number

const base: Readonly<Record<string, Value>> = {
  'headgate.request.id': 'req_01KAXYZ',
  'headgate.environment.id': ENVIRONMENT,
  'headgate.decision.outcome': 'deny',
  'headgate.decision.reason': 'scope_missing',
  'headgate.release.number': 7,
  'headgate.route': 'orders',
  'headgate.duration_ms': 0.75,
  'http.request.method': 'DELETE',
  'server.address': 'api.example.com',
  'url.path': '/orders/42',
  'http.response.status_code': 403,
  'headgate.decision.record': JSON.stringify({
    environment_id: ENVIRONMENT,
    agent: 'somebody else',
    needed: ['orders:delete'],
  }),
}

function valueOf(value: Value) {
  if (typeof value === 'string') return { case: 'stringValue' as const, value }
  if (Number.isInteger(value)) return { case: 'intValue' as const, value: BigInt(value) }
  return { case: 'doubleValue' as const, value }
}

function logWith(
  change: Readonly<Record<string, Value | undefined>> = {},
  atMs = NOW_MS,
  eventName = 'headgate.decision',
): LogRecord {
  const attributes = Object.entries({ ...base, ...change })
    .filter((entry): entry is [string, Value] => entry[1] !== undefined)
    .map(([key, value]) => ({ key, value: { value: valueOf(value) } }))
  const logRecords = [{ timeUnixNano: BigInt(atMs) * 1_000_000n, eventName, attributes }]
  const request = create(ExportLogsServiceRequestSchema, { resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
  const record = request.resourceLogs[0]?.scopeLogs[0]?.logRecords[0]
  if (record === undefined) throw new Error('no record')
  return record
}

const read = (log: LogRecord): RecordRead => readRecord(log, sender, NOW_MS)

test('a decision becomes a row, and its agent is the one that sent it', () => {
  const found = read(logWith())
  assert.ok(found.kind === 'row')
  assert.deepEqual(found.row, {
    requestId: 'req_01KAXYZ',
    environmentId: ENVIRONMENT,
    agentId: 'agt_1',
    at: new Date(NOW_MS),
    allowed: false,
    reason: 'scope_missing',
    status: 403,
    method: 'DELETE',
    host: 'api.example.com',
    path: '/orders/42',
    route: 'orders',
    service: null,
    consumer: null,
    releaseNumber: 7,
    durationMs: 0.75,
    record: { environment_id: ENVIRONMENT, agent: 'eu-1', needed: ['orders:delete'] },
  })
})

// An agent of one tenant must not write into the records of another.
test('a record of an environment that the agent does not serve is refused, also when only the inner one names it', () => {
  assert.equal(read(logWith({ 'headgate.environment.id': 'env_other' })).kind, 'refused')
  const inner = JSON.stringify({ environment_id: 'env_other' })
  assert.equal(read(logWith({ 'headgate.decision.record': inner })).kind, 'refused')
})

test('other events, and requests for a host that nobody serves, are passed over', () => {
  assert.equal(read(logWith({}, NOW_MS, 'headgate.certificate.unusable')).kind, 'skipped')
  assert.equal(read(logWith({ 'headgate.environment.id': '' })).kind, 'skipped')
})

for (const [name, change] of [
  ['no request id', { 'headgate.request.id': undefined }],
  ['a request id with a space', { 'headgate.request.id': 'a b' }],
  ['a request id that is too long', { 'headgate.request.id': 'x'.repeat(65) }],
  ['a reason in prose', { 'headgate.decision.reason': 'Because!' }],
  ['another outcome', { 'headgate.decision.outcome': 'maybe' }],
  ['a status in words', { 'http.response.status_code': 'teapot' }],
  ['a fractional status', { 'http.response.status_code': 403.5 }],
  ['a negative release', { 'headgate.release.number': -1 }],
  ['a release that no column holds', { 'headgate.release.number': 2 ** 31 }],
  ['no inner record', { 'headgate.decision.record': undefined }],
  ['an inner record that is too long', { 'headgate.decision.record': JSON.stringify({ x: 'x'.repeat(32_768) }) }],
  ['an inner record that is no JSON', { 'headgate.decision.record': '{' }],
  ['an inner record that is a list', { 'headgate.decision.record': '[]' }],
  ['an inner field name with NUL', { 'headgate.decision.record': `{"environment_id":"${ENVIRONMENT}","\\u0000":1}` }],
] as const) {
  test(`a record with ${name} is refused by itself`, () => {
    assert.equal(read(logWith(change)).kind, 'refused')
  })
}

test('a time far ahead or behind is refused: such a row would never be cleaned, or at once', () => {
  assert.equal(read(logWith({}, NOW_MS + 3_600_000)).kind, 'refused')
  assert.equal(read(logWith({}, NOW_MS - 30 * 86_400_000)).kind, 'refused')
  assert.equal(read(logWith({}, NOW_MS + 60_000)).kind, 'row')
})

// One text that Postgres does not take would cost the whole batch, again and again.
test('NUL and half surrogate pairs are replaced, wherever they are', () => {
  const inner = `{"environment_id":"${ENVIRONMENT}","had":["a\\u0000b",{"deep":"\\ud800"}]}`
  const found = read(logWith({ 'url.path': '/a\0b', 'headgate.decision.record': inner }))
  assert.ok(found.kind === 'row')
  assert.equal(found.row.path, '/a\uFFFDb')
  assert.deepEqual(found.row.record['had'], ['a\uFFFDb', { deep: '\uFFFD' }])
})

test('a long path is cut in its column', () => {
  const found = read(logWith({ 'url.path': `/${'x'.repeat(10_000)}` }))
  assert.ok(found.kind === 'row' && found.row.path.length === 2_048)
})
