import assert from 'node:assert/strict'
import test from 'node:test'
import { createBudget } from './budget.ts'

test('never more is out than the bound, and everybody gets through in order', async () => {
  const budget = createBudget(100)
  let out = 0
  let most = 0
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const giveBack = await budget.take(30)
      out += 30
      most = Math.max(most, out)
      order.push(index)
      await new Promise((resolve) => setImmediate(resolve))
      out -= 30
      giveBack()
      giveBack()
    }),
  )
  assert.equal(most, 90)
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
})

test('what is larger than the bound goes out alone instead of never', async () => {
  const budget = createBudget(100)
  const first = await budget.take(10)
  let started = false
  const large = budget.take(1000).then((giveBack) => {
    started = true
    return giveBack
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(started, false)
  first()
  const giveBack = await large
  giveBack()
})
