import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecisionRecord } from './events.ts'
import { createRecordQueue } from './queue.ts'

function record(id: string, outcome: 'allow' | 'deny', status = outcome === 'allow' ? 200 : 401): DecisionRecord {
  return {
    request_id: id,
    at: '2026-01-01T00:00:00.000Z',
    environment_id: 'env_1',
    environment: 'production',
    tenant: 'acme',
    agent: 'agent',
    release: 1,
    outcome,
    reason: outcome === 'allow' ? 'allowed' : 'credential_missing',
    status,
    method: 'GET',
    host: 'x',
    path: '/',
    scheme: 'http',
    address: '127.0.0.1',
    peer_address: '127.0.0.1',
    route: null,
    service: null,
    rule: null,
    needed: [],
    had: [],
    principal: null,
    certificate: null,
    limits: [],
    tightest: -1,
    tls: null,
    duration_ms: 1,
    upstream: null,
  }
}

const ids = (records: readonly DecisionRecord[]): string[] => records.map(({ request_id: id }) => id)

test('a full queue gives up the oldest allowed request first, and a refusal only when there is nothing else', () => {
  const queue = createRecordQueue(3)
  queue.push(record('d1', 'deny'))
  queue.push(record('a1', 'allow'))
  queue.push(record('a2', 'allow'))
  queue.push(record('d2', 'deny'))
  queue.push(record('d3', 'deny'))
  assert.deepEqual(queue.dropped, { allowed: 2, refused: 0 })
  queue.push(record('d4', 'deny'))
  assert.deepEqual(queue.dropped, { allowed: 2, refused: 1 })
  assert.deepEqual(ids(queue.take(10)), ['d2', 'd3', 'd4'])
})

test('a request that was allowed and failed at the service is kept like a refusal', () => {
  const queue = createRecordQueue(2)
  queue.push(record('failed', 'allow', 503))
  queue.push(record('a1', 'allow'))
  queue.push(record('a2', 'allow'))
  assert.deepEqual(ids(queue.take(10)), ['failed', 'a2'])
})

test('what is given back comes out first, in its order, and still within the bound', () => {
  const queue = createRecordQueue(4)
  for (const id of ['a1', 'a2', 'a3']) queue.push(record(id, 'allow'))
  const taken = queue.take(2)
  queue.push(record('a4', 'allow'))
  queue.giveBack(taken)
  assert.deepEqual(ids(queue.take(2)), ['a1', 'a2'])
  queue.giveBack(taken)
  queue.push(record('a5', 'allow'))
  assert.deepEqual(queue.dropped, { allowed: 1, refused: 0 })
  assert.deepEqual(ids(queue.take(10)), ['a2', 'a3', 'a4', 'a5'])
})

test('a hundred thousand records pass through a bounded queue in order', () => {
  const queue = createRecordQueue(1_000)
  const seen: string[] = []
  for (let index = 0; index < 100_000; index++) {
    queue.push(record(String(index), 'allow'))
    if (index % 100 === 99) seen.push(...ids(queue.take(1_000)))
  }
  assert.equal(queue.size, 0)
  assert.deepEqual(
    seen,
    Array.from({ length: 100_000 }, (_, index) => String(index)),
  )
})
