import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CountedLimit, limitText } from './limit-text.ts'

const HOUR_MS = 3_600_000

const texts: readonly (readonly [string, CountedLimit])[] = [
  ['100/1m', { amount: 100, windowMs: 60_000 }],
  ['100/1m', { algorithm: 'rate', unit: 'requests', amount: 100, windowMs: 60_000 }],
  ['5000 bytes per 10s', { unit: 'bytes', amount: 5_000, windowMs: 10_000 }],
  ['100 in any 1m', { algorithm: 'sliding_window', amount: 100, windowMs: 60_000 }],
  ['20 at a time', { algorithm: 'concurrency', amount: 20, windowMs: 0 }],
  ['7 bytes per day', { algorithm: 'quota', unit: 'bytes', amount: 7, windowMs: 25 * HOUR_MS }],
  ['1000 per month', { algorithm: 'quota', amount: 1_000, windowMs: (31 * 24 + 1) * HOUR_MS }],
]

for (const [text, limit] of texts) {
  test(`a limit is read as ${text} (${JSON.stringify(limit)})`, () => assert.equal(limitText(limit), text))
}
