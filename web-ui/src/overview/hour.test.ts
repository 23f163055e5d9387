import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hourOf, totalOf } from './hour.ts'

const at = new Date('2026-11-24T08:12:30.000Z')
const minute = (text: string, requests: number, refused = 0) => ({
  minute: `2026-11-24T${text}:00.000Z`,
  requests,
  refused,
  failed: 0,
  duration_ms_mean: requests,
})

test('an hour has sixty minutes and ends with the present one, whatever is missing', () => {
  const hour = hourOf([minute('08:12', 5), minute('07:13', 7, 2), minute('07:12', 9)], at)
  assert.equal(hour.length, 60)
  assert.deepEqual(hour[0], { minute: '2026-11-24T07:13:00.000Z', requests: 7, refused: 2, failed: 0 })
  assert.deepEqual(hour[59], { minute: '2026-11-24T08:12:00.000Z', requests: 5, refused: 0, failed: 0 })
  assert.equal(hour[30]?.requests, 0)
})

test('the mean time weighs each minute by its requests', () => {
  const { requests, refused, meanMs } = totalOf([minute('08:11', 1, 1), minute('08:12', 3)])
  assert.deepEqual({ requests, refused, meanMs }, { requests: 4, refused: 1, meanMs: 2.5 })
})

test('no request has no mean time', () => {
  assert.equal(totalOf([]).meanMs, null)
})
