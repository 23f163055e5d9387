/**
 * The limit on simulated services: what it does to those that have too much, and that it does nothing to the others.
 *
 * Load of each run is drawn from its seed. No real time passes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom } from '#agent/testing/random.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { type Simulated, simulate, type Simulation } from './testing/simulated-service.ts'

const FLOOR = 50
const S = 1_000

type Work = Simulation['workMs']

/** Times as many services have them: most are short, some are long. */
const around =
  (ms: number): Work =>
  (random) =>
    -Math.log(1 - random()) * ms

const NOBODY_WAITS = () => Infinity

/** Seeds from 1 on. */
function seeds(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

function between(seed: number, least: number, most: number): number {
  return least + createRandom(seed * 7_919)(1_000_000) * ((most - least) / 1_000_000)
}

function from(run: Simulated, sinceMs: number) {
  const tookMs = run.answers.filter(({ atMs }) => atMs >= sinceMs).map(({ tookMs: ms }) => ms)
  tookMs.sort((one, other) => one - other)
  return { count: tookMs.length, median: tookMs[Math.trunc(tookMs.length / 2)] ?? NaN }
}

test('a service with more load than it can do works at its capacity within a tenth, and answers within a bounded time', () => {
  for (const seed of seeds(8)) {
    const workMs = between(seed, 5, 30)
    const servers = Math.round(between(seed + 100, 20, 150))
    const capacityPerS = (servers / workMs) * S
    const excess = between(seed + 200, 1.2, 5)
    const load = (nowMs: number): number => capacityPerS * (nowMs < 5 * S ? 0.5 : excess)
    const run = simulate({ seed, floor: FLOOR, lastsMs: 20 * S, load, servers: () => servers, workMs: around(workMs) })
    const late = from(run, 12 * S)
    const what = `seed ${seed}: ${late.count / 8} of ${capacityPerS} a second, ${late.median} ms of ${workMs}`
    assert.ok(late.count / 8 > capacityPerS * 0.9, what)
    // What waits at the floor or at twice the baseline, whichever is more, and room for the steps up.
    const boundMs = Math.max((FLOOR / capacityPerS) * S, 2 * workMs) * 2
    assert.ok(late.median < boundMs, `${what}, bound ${boundMs}`)
    assert.ok(run.refusals.length > 0)
  }
})

test('one that begins with too much, so that nobody has seen it at rest, is bounded as well', () => {
  for (const seed of seeds(2)) {
    const run = simulate({
      seed,
      floor: FLOOR,
      lastsMs: 40 * S,
      load: () => 6_000,
      servers: () => 60,
      workMs: around(20),
    })
    const late = from(run, 20 * S)
    assert.ok(late.count / 20 > 3_000 * 0.9, `seed ${seed}: ${late.count / 20} a second`)
    assert.ok(late.median < 1_000, `seed ${seed}: ${late.median} ms`)
  }
})

test('a service that becomes slow is spared, and has everything again a few seconds after it has recovered', () => {
  for (const seed of seeds(4)) {
    const load = (): number => 3_000
    const servers = (nowMs: number): number => (nowMs > 5 * S && nowMs < 20 * S ? 30 : 300)
    const run = simulate({ seed, floor: FLOOR, lastsMs: 35 * S, load, servers, workMs: around(20) })
    const slow = from({ ...run, answers: run.answers.filter(({ atMs }) => atMs < 20 * S) }, 12 * S)
    assert.ok(slow.count / 8 > 1_500 * 0.9, `seed ${seed}: ${slow.count / 8} a second`)
    assert.ok(slow.median < 200, `seed ${seed}: ${slow.median} ms`)
    assert.deepEqual(
      run.refusals.filter((atMs) => atMs > 26 * S),
      [],
    )
    assert.equal(run.limit.limit, Infinity)
  }
})

for (const [name, workMs] of [
  ['the same time', () => 40],
  ['very different times', around(60)],
  [
    'one of two times, and as many of each as make a quartile jump',
    (random) => (random() < 0.25 ? 2 : 100 + random() * 50),
  ],
  ['one of two times, half of each', (random) => (random() < 0.5 ? 2 : 150)],
  ['a long time, rarely', (random) => (random() < 0.01 ? 5_000 : 10 + random() * 50)],
] satisfies [string, Work][]) {
  test(`a service that nobody waits for is never refused anything when its answers take ${name}, also in bursts`, () => {
    for (const seed of seeds(3)) {
      const burst = between(seed, 3_000, 8_000)
      const load = (nowMs: number): number => (nowMs > 4 * S && nowMs % (6 * S) > 3 * S ? burst : 500)
      const run = simulate({ seed, floor: FLOOR, lastsMs: 30 * S, load, servers: NOBODY_WAITS, workMs })
      assert.ok(run.peak > 2 * FLOOR, `${run.peak} are a crowd`)
      assert.deepEqual(run.refusals, [], `seed ${seed}`)
    }
  })
}

test('below the floor nothing is refused, however long answers take', () => {
  for (const seed of seeds(2)) {
    const workMs: Work = (random, nowMs) => around(nowMs < 5 * S ? 5 : 400)(random, nowMs)
    const run = simulate({ seed, floor: FLOOR, lastsMs: 20 * S, load: () => 60, servers: NOBODY_WAITS, workMs })
    assert.ok(run.peak < FLOOR)
    assert.deepEqual(run.refusals, [])
  }
})

// A new version of it, or another mixture of requests: it is slower for everybody, and nobody waits for anybody.
test('a crowded service that becomes four times as slow by itself loses a few requests, and is taken as it is', () => {
  for (const seed of seeds(3)) {
    const workMs: Work = (random, nowMs) => around(nowMs < 10 * S ? 50 : 200)(random, nowMs)
    const load = (nowMs: number): number => (nowMs < 3 * S ? 500 : 4_000)
    const run = simulate({ seed, floor: FLOOR, lastsMs: 40 * S, load, servers: NOBODY_WAITS, workMs })
    const asked = run.answers.length + run.refusals.length
    assert.ok(run.refusals.length < asked * 0.05, `seed ${seed}: ${run.refusals.length} of ${asked}`)
    assert.deepEqual(
      run.refusals.filter((atMs) => atMs > 20 * S),
      [],
    )
  }
})

/** A limit that has found a queue: twice as many wait as answers bear. */
function throttled(): { limit: AdaptiveLimit; nowMs: number } {
  const limit = new AdaptiveLimit(10)
  let nowMs = 0
  const answers = (count: number, ms: number, waiting: number): void => {
    for (let one = 0; one < count; one++) {
      nowMs += 10
      limit.peak = Math.max(limit.peak, waiting)
      limit.refused += 1
      limit.answered(ms, nowMs, waiting)
    }
  }
  answers(200, 20, 5)
  // As long as there are waiting: a queue by the book.
  while (limit.state !== 'throttled') answers(50, Math.min(200, limit.limit) * 2, Math.min(200, limit.limit))
  return { limit, nowMs }
}

test('answers that do not come at all are no reason to send more', () => {
  const { limit, nowMs: startMs } = throttled()
  let nowMs = startMs
  for (let one = 0; one < 20_000; one++) {
    nowMs += 10
    limit.refused += 1
    limit.answered(10_000, nowMs, 10, true)
    assert.ok(limit.limit < Infinity)
  }
  assert.ok(limit.limit <= 15, `${limit.limit}`)
})

test('a limit does not outlive the traffic that it was found with', () => {
  const { limit, nowMs: startMs } = throttled()
  // Two a second, and nobody is refused.
  for (let nowMs = startMs; nowMs < startMs + 120_000; nowMs += 500) limit.answered(20, nowMs, 1)
  assert.equal(limit.limit, Infinity)
  assert.equal(limit.state, 'open')
})

test('a higher floor holds at once', () => {
  const { limit } = throttled()
  limit.floor = 5_000
  assert.equal(limit.limit, 5_000)
})
