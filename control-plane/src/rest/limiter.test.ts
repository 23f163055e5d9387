import assert from 'node:assert/strict'
import test from 'node:test'
import { createLimiter } from './limiter.ts'

function createStep() {
  let nowMs = 5
  const clock = { now: () => nowMs, monotonic: () => nowMs, sleep: () => Promise.resolve() }
  return { clock, advance: (ms: number) => (nowMs += ms) }
}

test('a burst passes, then requests pass at the rate, each caller apart', () => {
  const { clock, advance } = createStep()
  const limiter = createLimiter({ clock, requests: 10, windowMs: 1000, burst: 3 })
  assert.deepEqual(
    Array.from({ length: 3 }, () => limiter.take('a')),
    [0, 0, 0],
  )
  const waitMs = limiter.take('a')
  assert.ok(waitMs > 0 && waitMs <= 100)
  assert.equal(limiter.take('b'), 0)
  advance(100)
  assert.equal(limiter.take('a'), 0)
  assert.ok(limiter.take('a') > 0)
})

test('a crowd of callers does not fill the memory', () => {
  const { clock } = createStep()
  const limiter = createLimiter({ clock, requests: 1, windowMs: 1000, burst: 1 })
  for (let index = 0; index < 20_000; index += 1) limiter.take(String(index))
  // The oldest were forgotten, the newest were not.
  assert.equal(limiter.take('0'), 0)
  assert.ok(limiter.take('19999') > 0)
})
