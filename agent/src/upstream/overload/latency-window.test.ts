import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '#agent/testing/random.ts'
import { LatencyWindow } from './latency-window.ts'

test('quartiles are right within a ninth, from a tenth of a millisecond to half a minute', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const below = createRandom(seed)
    const window = new LatencyWindow()
    const scale = 0.2 * 2 ** below(15)
    const all = Array.from({ length: 1 + below(500) }, () => scale * (1 + below(1_000) / 250))
    for (const ms of all) window.add(ms)
    all.sort((one, other) => one - other)
    for (const [index, share] of [0.25, 0.5, 0.75].entries()) {
      const exact = all[Math.ceil(all.length * share) - 1] ?? NaN
      const seen = window.quartiles()[index] ?? NaN
      assert.ok(Math.abs(Math.log(seen / exact)) < Math.log(10 / 9) + 0.001, `seed ${seed}: ${seen} for ${exact}`)
    }
  }
})

test('what lies outside counts as the shortest or the longest, and nothing is left after clearing', () => {
  const window = new LatencyWindow()
  window.add(0)
  window.add(-1)
  assert.ok(window.quartiles()[2] < 0.1)
  window.clear()
  assert.equal(window.size, 0)
  window.add(10 ** 9)
  assert.ok(window.quartiles()[0] > 20_000)
})
