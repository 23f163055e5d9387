import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatAge, formatDuration, parseDuration } from './duration.ts'

for (const [text, ms] of [
  ['250ms', 250],
  ['10s', 10_000],
  ['1m', 60_000],
  ['1m30s', 90_000],
  ['24h', 86_400_000],
  ['30d', 2_592_000_000],
  ['2w', 1_209_600_000],
  ['0', 0],
] as const) {
  test(`${text} is ${ms} ms`, () => assert.equal(parseDuration(text), ms))
}

for (const text of ['', 's', '10', '10 s', '-1s', '1.5h', '10S', '1y', 's10', '10s!', '9999999999999999999d']) {
  test(`'${text}' is not a duration`, () => assert.equal(parseDuration(text), undefined))
}

test('what is written is read back', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 10 ** 12 }), (ms) => parseDuration(formatDuration(ms)) === ms))
})

test('an age names its largest unit', () => {
  assert.deepEqual([0, 59_000, 61_000, 7_200_000, 90_000_000].map(formatAge), ['0 s', '59 s', '1 min', '2 h', '1 d'])
})
