import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '#agent/testing/random.ts'
import { mergeConcurrency } from './concurrency-state.ts'
import { ServiceConcurrency } from './service-concurrency.ts'

const ADAPTIVE = { isAdaptive: true, concurrencyMin: 10, concurrencyMax: null }
const fixed = (concurrencyMax: number) => ({ isAdaptive: false, concurrencyMin: 1, concurrencyMax })

test('without a limit nobody is asked who they are, however many wait', () => {
  const concurrency = new ServiceConcurrency(ADAPTIVE)
  for (let one = 0; one < 10_000; one++) concurrency.enter(1_000)
  assert.deepEqual([concurrency.waiting, concurrency.isCrowded], [10_000, false])
})

test('each priority is let through up to its part of the limit, and what it is refused is counted', () => {
  const concurrency = new ServiceConcurrency(fixed(10))
  const admitted = [0, 0, 0, 0]
  for (const rank of [0, 1, 2, 3] as const) {
    while (concurrency.admits(rank)) {
      concurrency.enter(1_000)
      admitted[rank] = concurrency.waiting
    }
  }
  assert.deepEqual(admitted, [5, 7, 9, 10])
  assert.deepEqual(concurrency.state().shed, { low: 1, normal: 1, high: 1, critical: 1 })
})

test('a service that may have one request has it for everybody', () => {
  for (const rank of [0, 1, 2, 3] as const) assert.equal(new ServiceConcurrency(fixed(1)).admits(rank), true)
})

test('what waits is never less than nothing, nor more than who is there, whoever leaves in which order', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const below = createRandom(seed)
    const concurrency = new ServiceConcurrency(ADAPTIVE)
    const there: number[] = []
    let nowMs = below(20_000)
    for (let step = 0; step < 300; step++) {
      nowMs += below(10) === 0 ? below(30_000) : below(400)
      if (there.length === 0 || below(2) === 0) {
        concurrency.enter(nowMs)
        there.push(nowMs)
      } else {
        const [startedMs = 0] = there.splice(below(there.length), 1)
        concurrency.leave(startedMs)
      }
      assert.ok(concurrency.waiting >= 0 && concurrency.waiting <= there.length, `seed ${seed}, step ${step}`)
    }
    // Who came lately holds a place until leaving.
    concurrency.enter(nowMs)
    const recent = there.filter((startedMs) => startedMs > nowMs - 9_000).length
    const long = there.filter((startedMs) => startedMs > nowMs - 11_000).length
    assert.ok(concurrency.waiting >= recent + 1 && concurrency.waiting <= long + 1, `seed ${seed}`)
  }
})

test('a long poll gives its place back after ten seconds, and its end changes nothing any more', () => {
  const concurrency = new ServiceConcurrency(ADAPTIVE)
  for (let one = 0; one < 50; one++) concurrency.enter(5_000)
  concurrency.enter(17_000)
  assert.equal(concurrency.waiting, 1)
  for (let one = 0; one < 50; one++) concurrency.leave(5_000)
  assert.equal(concurrency.waiting, 1)
})

test('a service of long polls that fills up is not refused anything', () => {
  const concurrency = new ServiceConcurrency(ADAPTIVE)
  const polls: { startedMs: number; endMs: number }[] = []
  const below = createRandom(1)
  let refused = 0
  for (let nowMs = 1_000; nowMs < 300_000; nowMs += 50) {
    for (let at = polls.length - 1; at >= 0; at--) {
      const poll = polls[at]
      if (poll === undefined || poll.endMs > nowMs) continue
      polls.splice(at, 1)
      concurrency.leave(poll.startedMs)
      concurrency.answered(nowMs - poll.startedMs, nowMs)
    }
    if (!concurrency.isCrowded || concurrency.admits(0)) {
      concurrency.enter(nowMs)
      polls.push({ startedMs: nowMs, endMs: nowMs + 20_000 + below(10_000) })
    } else refused += 1
  }
  assert.ok(polls.length > 300)
  assert.equal(refused, 0)
})

test('another release changes the bounds in place', () => {
  const concurrency = new ServiceConcurrency(fixed(2))
  concurrency.enter(1_000)
  concurrency.enter(1_000)
  assert.equal(concurrency.admits(3), false)
  concurrency.bounds = fixed(4)
  assert.equal(concurrency.admits(3), true)
  concurrency.bounds = ADAPTIVE
  assert.equal(concurrency.isCrowded, false)
  assert.deepEqual(concurrency.state().limit, null)
})

test('threads have their limits together, where all have one', () => {
  const one = new ServiceConcurrency(fixed(4))
  one.enter(1_000)
  const both = mergeConcurrency([one.state(), new ServiceConcurrency(fixed(6)).state()])
  assert.deepEqual([both.limit, both.waiting, both.state], [10, 1, 'open'])
  assert.equal(mergeConcurrency([one.state(), new ServiceConcurrency(ADAPTIVE).state()]).limit, null)
})
