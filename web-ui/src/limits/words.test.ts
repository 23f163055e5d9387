import assert from 'node:assert/strict'
import { test } from 'node:test'
import { amountText, costText, countedBy, keyText, placeText } from './words.ts'

const rate = {
  algorithm: 'rate',
  unit: 'requests',
  amount: 1_000,
  window_ms: 60_000,
  burst: 1_000,
  period: null,
  zone: null,
} as const
const timeless = { ...rate, window_ms: null, burst: null } as const

for (const [text, limit] of [
  ['1,000 requests / 1 min', rate],
  ['1,000 requests / 1 min, 50 at once', { ...rate, burst: 50 }],
  ['1,000 bytes in any 1 min', { ...rate, algorithm: 'sliding_window', unit: 'bytes', burst: null }],
  ['1 request at a time', { ...timeless, algorithm: 'concurrency', amount: 1 }],
  ['1,000 requests per day', { ...timeless, algorithm: 'quota', period: 'day', zone: 'UTC' }],
  [
    '1,000 requests per month (Europe/Berlin)',
    { ...timeless, algorithm: 'quota', period: 'month', zone: 'Europe/Berlin' },
  ],
] as const) {
  test(`a limit reads “${text}”`, () => assert.equal(amountText(limit), text))
}

test('what is counted apart, and what counts more, is told in words', () => {
  assert.equal(keyText(['consumer', 'header:x-team', 'route']), 'consumer, header x-team and route')
  assert.equal(costText({ routes: ['orders'], methods: ['POST'], cost: 5 }), 'POST on orders counts 5')
  assert.equal(costText({ routes: [], methods: [], cost: 0 }), 'every method is free')
})

test('a limit that nobody counts while Redis is away says so', () => {
  assert.match(countedBy({ mode: 'leased', on_failure: 'open' }).how, /Agents take a share ahead.*nobody is limited/)
  assert.match(countedBy({ mode: 'each', on_failure: 'closed' }).how, /every request.*all are refused/)
  assert.deepEqual(countedBy(null), { who: 'Each agent for itself', how: '' })
})

test('a limit of one exposure says of which', () => {
  assert.equal(placeText({ on: 'environment', exposure: 'public' }), 'the environment, public routes')
  assert.equal(placeText({ on: 'service/orders', exposure: null }), 'service orders')
})
