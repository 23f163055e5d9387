import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { concurrency, concurrencyGiveBack, concurrencyPeek } from './concurrency.ts'

test('at every time exactly the limit is held at most, and every place that is free is given', () => {
  const events = fc.array(fc.boolean(), { maxLength: 100 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), events, (amount, asks) => {
      // The reference: the requests that are under way.
      let underWay = 0
      let held = 0
      for (const isArrival of asks) {
        if (isArrival) {
          const result = concurrency(held, { amount })
          assert.equal(result.allowed, underWay < amount)
          held = result.held
          if (result.allowed) underWay++
          assert.equal(result.remaining, amount - underWay)
        } else if (underWay > 0) {
          held = concurrencyGiveBack(held)
          underWay--
        }
      }
    }),
    { numRuns: 10_000 },
  )
})

test('who is refused is told to come back, and who passes is not', () => {
  assert.deepEqual(concurrencyPeek(2, { amount: 2 }), { allowed: false, remaining: 0, resetMs: 0, retryAfterMs: 1_000 })
  assert.deepEqual(concurrencyPeek(1, { amount: 2 }), { allowed: true, remaining: 1, resetMs: 0, retryAfterMs: 0 })
})

test('more places than the limit has, after it was lowered, are waited for', () => {
  assert.deepEqual(concurrencyPeek(9, { amount: 2 }).remaining, 0)
  assert.equal(concurrency(9, { amount: 2 }).allowed, false)
  assert.equal(concurrencyGiveBack(0), 0)
})
