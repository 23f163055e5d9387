import assert from 'node:assert/strict'
import test from 'node:test'
import { limitFixes } from './fixes-limits.ts'
import type { Refused } from './fixes.ts'
import { gatesOf, withShadows } from './gates.ts'

const state = { policy: 'a.limit', requests: 5, window_ms: 1_000, remaining: 0, reset_ms: 1_000, retry_after_ms: 1_000 }

const refused: Refused = {
  reason: 'limit_exceeded',
  method: 'GET',
  path: '/',
  address: '10.1.2.3',
  environment: 'dev',
  route: 'a',
  service: 'a',
  principal: null,
  rule: { kind: 'policy', name: 'a.limit', origin: '' },
  needed: [],
  had: [],
  retryAfterMs: 1_000,
}

const words = (fields: Partial<Refused>): readonly string[] =>
  (limitFixes({ ...refused, ...fields }) ?? []).map(({ description, command }) => `${description} | ${command}`)

for (const [ms, text] of [
  [1_500, 'Wait 2 s'],
  [600_000, 'Wait 10 min'],
  [36_000_000, 'Wait 10 h'],
  [2_000_000_000, 'Wait 24 days'],
] as const) {
  test(`a wait of ${ms} ms is told as: ${text}`, () => assert.equal(words({ retryAfterMs: ms })[0], `${text} | null`))
}

test('nobody is told to wait for a place: it becomes free when a request ends', () => {
  const [first] = words({ limits: [{ ...state, algorithm: 'concurrency' }] })
  assert.match(first ?? '', /when an earlier one has been answered/)
})

test('a limit that is used up is named with a command, and so is that there are others; shadow limits do not count', () => {
  const exceeded = { ...state, exceeded: true }
  const fixes = words({ limits: [exceeded, { ...exceeded, policy: 'b' }, { ...exceeded, policy: 'c', shadow: true }] })
  assert.deepEqual(fixes.slice(1), [
    'Or raise the limit a.limit | headgate policies get a.limit',
    'Other limits are used up too: 1 | headgate limits ls',
  ])
  // A record of an old agent does not say which were.
  assert.equal(words({ limits: [state] }).length, 2)
})

test('a limit that cannot be checked is named, with what it may do instead', () => {
  const [, second] = words({ reason: 'limit_unavailable' })
  assert.match(second ?? '', /a\.limit .*local_share \| headgate policies get a\.limit/)
})

test('a body that is too large is told whose bound it is', () => {
  const needed = ['at most 10 bytes']
  assert.deepEqual(words({ reason: 'body_too_large', needed, rule: { kind: 'policy', name: 'small', origin: '' } }), [
    'Send at most 10 bytes, or raise body_bytes_max of the policy small | headgate policies get small',
  ])
  assert.match(words({ reason: 'body_too_large', rule: null })[0] ?? '', /HEADGATE_BODY_BYTES_MAX/)
})

test('shadow limits that would have refused stand at the gate of limits, and the request passes it', () => {
  const upstream = { gate: 'upstream' as const, outcome: 'passed' as const, detail: '' }
  const steps = [{ gate: 'limit' as const, outcome: 'passed' as const, detail: '2 limits taken from' }]
  const gates = gatesOf(steps, { tls: '', upstream })
  const at = (limits: Parameters<typeof withShadows>[1]) =>
    withShadows(gates, limits).find(({ gate }) => gate === 'limit')
  assert.deepEqual(at([state, { ...state, policy: 'b', shadow: true, exceeded: true }]), {
    gate: 'limit',
    outcome: 'passed',
    detail: '2 limits taken from. The shadow limit b would have refused this',
  })
  assert.equal(at([state, { ...state, shadow: true, exceeded: false }])?.detail, '2 limits taken from')
})
