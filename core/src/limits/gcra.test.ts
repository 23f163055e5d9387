import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { capacityMs, costMs, gcra, gcraCharge, gcraGiveBack, gcraPeek, type Rate } from './gcra.ts'

/** Milliseconds since 1970 of today's size. */
const NOW_MS = 1_800_000_000_000

const SCHEDULES = 10_000

/** Takes again and again at one time; how often it was allowed. */
function admitted(rate: Rate, nowMs: number, tries: number, startMs = 0): number {
  let tatMs = startMs
  let count = 0
  for (let index = 0; index < tries; index++) {
    const result = gcra(tatMs, nowMs, rate)
    tatMs = result.tatMs
    if (result.allowed) count++
  }
  return count
}

/** None of more than 32,000 a second: their steps are whole ticks. */
const rates = fc
  .record({
    amount: fc.integer({ min: 1, max: 500 }),
    windowMs: fc.integer({ min: 100, max: 86_400_000 }),
    burst: fc.integer({ min: 1, max: 500 }),
  })
  .map((rate): Rate => rate)

test('exactly a burst is admitted at once, however odd the numbers are', () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 0, max: 10_000 }), (rate, offset) => {
      assert.equal(admitted(rate, NOW_MS + offset, rate.burst + 20), rate.burst)
    }),
    { numRuns: 500 },
  )
})

/**
 * The reference: a bucket of tokens that is filled evenly, in whole numbers (BigInt, so that nothing is rounded).
 * One token is `step` units, and a millisecond brings `perMs` of them.
 */
class Bucket {
  readonly #step: bigint
  readonly #perMs: bigint
  readonly #full: bigint
  #units: bigint
  #lastMs = 0

  constructor(step: number, perMs: number, tokens: number) {
    this.#step = BigInt(step)
    this.#perMs = BigInt(perMs)
    this.#full = this.#step * BigInt(tokens)
    this.#units = this.#full
  }

  /** Whether so many tokens are there. A debt is negative. */
  has(nowMs: number, tokens: number): boolean {
    this.#units += BigInt(nowMs - this.#lastMs) * this.#perMs
    if (this.#units > this.#full) this.#units = this.#full
    this.#lastMs = nowMs
    return this.#units >= this.#step * BigInt(tokens)
  }

  /** @param slack units beside them. */
  take(tokens: number, slack = 0): void {
    this.#units -= this.#step * BigInt(tokens) + BigInt(slack)
  }
}

/** As the limit promises at most. */
const exactly = ({ amount, windowMs, burst }: Rate): Bucket => new Bucket(windowMs, amount, burst)

const TICKS_PER_MS = 2_048

/** As it promises at least: steps are whole ticks. */
function inTicks({ amount, windowMs, burst }: Rate): Bucket {
  return new Bucket(Math.ceil((windowMs * TICKS_PER_MS) / amount), TICKS_PER_MS, burst)
}

const schedule = fc.array(
  fc.record({ pauseMs: fc.nat({ max: 3_000 }), cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 20 })) }),
  { maxLength: 40 },
)

test('it never admits what an exact bucket would refuse, and always what one of whole ticks admits', () => {
  const any = fc.record({
    amount: fc.integer({ min: 1, max: 3_000 }),
    windowMs: fc.integer({ min: 100, max: 100_000 }),
    burst: fc.integer({ min: 1, max: 50 }),
  })
  fc.assert(
    fc.property(any, schedule, (rate, requests) => {
      const [most, least] = [exactly(rate), inTicks(rate)]
      let nowMs = NOW_MS
      let tatMs = 0
      for (const { pauseMs, cost } of requests) {
        nowMs += pauseMs
        const result = gcra(tatMs, nowMs, rate, cost)
        tatMs = result.tatMs
        const [isWithin, isPromised] = [most.has(nowMs, cost), least.has(nowMs, cost)]
        assert.equal(result.allowed, isPromised)
        if (!result.allowed) continue
        assert.ok(isWithin, 'more than the rate')
        most.take(cost)
        least.take(cost)
      }
    }),
    { numRuns: SCHEDULES },
  )
})

test('up to 32,000 a second a step is rounded up by one part in 64 at most', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 32_000 }), (amount) => {
      const step = costMs({ amount, windowMs: 1_000, burst: 1 }, 1)
      assert.ok(step >= 1_000 / amount && step <= (1_000 / amount) * (1 + 1 / 64))
    }),
  )
  assert.equal(costMs({ amount: 1_000, windowMs: 1_000, burst: 1 }, 1), 1)
})

test('of very high rates each request takes at most one tick too much, and never too little', () => {
  const high = fc.record({
    amount: fc.integer({ min: 40_000, max: 1_000_000_000 }),
    windowMs: fc.constant(1_000),
    burst: fc.integer({ min: 1, max: 1_000_000_000 }),
  })
  const many = fc.array(fc.record({ pauseMs: fc.nat({ max: 20 }), cost: fc.integer({ min: 1, max: 10_000_000 }) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(high, many, (rate, requests) => {
      const most = exactly(rate)
      const least = exactly(rate)
      // One tick, in units of the bucket: what a tick brings.
      const tickUnits = Math.ceil(rate.amount / TICKS_PER_MS)
      let nowMs = NOW_MS
      let tatMs = 0
      for (const { pauseMs, cost } of requests) {
        nowMs += pauseMs
        const result = gcra(tatMs, nowMs, rate, cost)
        tatMs = result.tatMs
        const isWithin = most.has(nowMs, cost)
        // Room is made for one step at least, so that no limit admits nothing at all.
        if (result.allowed && capacityMs(rate) > costMs(rate, 1)) assert.ok(isWithin, 'more than the rate')
        const spare = Math.ceil((3 * tickUnits) / rate.windowMs)
        if (least.has(nowMs, cost + spare)) assert.ok(result.allowed, 'less than is promised')
        if (!result.allowed) continue
        most.take(cost)
        least.take(cost, tickUnits)
      }
    }),
    { numRuns: SCHEDULES },
  )
})

test('bytes are charged once they have passed: what is above the limit is paid off before anybody passes again', () => {
  const passing = fc.array(fc.record({ pauseMs: fc.nat({ max: 3_000 }), bytes: fc.nat({ max: 2_000 }) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(
      fc.record({
        amount: fc.integer({ min: 100, max: 3_000 }),
        windowMs: fc.integer({ min: 1_000, max: 100_000 }),
        burst: fc.integer({ min: 1, max: 5_000 }),
      }),
      passing,
      (numbers, requests) => {
        const rate: Rate = { ...numbers, unit: 'bytes' }
        const [most, least] = [exactly(rate), inTicks(rate)]
        let nowMs = NOW_MS
        let tatMs = 0
        for (const { pauseMs, bytes } of requests) {
          nowMs += pauseMs
          const result = gcra(tatMs, nowMs, rate, 0)
          assert.equal(result.tatMs, Math.max(tatMs, nowMs), 'admission takes nothing')
          const [isWithin, isPromised] = [most.has(nowMs, 1), least.has(nowMs, 1)]
          assert.equal(result.allowed, isPromised)
          if (!result.allowed) continue
          assert.ok(isWithin)
          tatMs = gcraCharge(tatMs, nowMs, rate, bytes)
          most.take(bytes)
          least.take(bytes)
          // A debt of more than a day is not kept, and none of these is.
          assert.ok(tatMs - nowMs < 86_400_000)
        }
      },
    ),
    { numRuns: SCHEDULES },
  )
})

test('what it says comes true: so many pass now, and one more after the wait', () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 5000 }), (rate, taken, pause) => {
      let tatMs = 0
      for (let index = 0; index < taken; index++) tatMs = gcra(tatMs, NOW_MS, rate).tatMs
      const nowMs = NOW_MS + pause
      const state = gcraPeek(tatMs, nowMs, rate)
      assert.equal(admitted(rate, nowMs, state.remaining + 3, state.tatMs), state.remaining)
      assert.equal(state.allowed, state.remaining > 0)
      assert.equal(state.retryAfterMs === 0, state.remaining > 0)
      assert.ok(gcra(tatMs, nowMs + state.retryAfterMs, rate).allowed, JSON.stringify({ rate, taken, pause, state }))
      assert.equal(gcraPeek(tatMs, nowMs + state.resetMs, rate).remaining, rate.burst)
    }),
    { numRuns: 2_000 },
  )
})

test('who costs more is told when that much passes, and who costs more than the burst when it is whole', () => {
  const rate = { amount: 10, windowMs: 1_000, burst: 5 }
  const { tatMs } = gcra(0, NOW_MS, rate, 4)
  const refused = gcra(tatMs, NOW_MS, rate, 3)
  assert.deepEqual([refused.allowed, refused.remaining, refused.retryAfterMs], [false, 1, 200])
  assert.ok(gcra(tatMs, NOW_MS + 200, rate, 3).allowed)
  assert.equal(gcra(tatMs, NOW_MS, rate, 6).retryAfterMs, 400)
  assert.equal(gcra(0, NOW_MS, rate, 6).allowed, false)
})

test('a new key is whole', () => {
  const rate = { amount: 10, windowMs: 1000, burst: 5 }
  assert.deepEqual(gcraPeek(0, NOW_MS, rate), {
    allowed: true,
    tatMs: NOW_MS,
    remaining: 5,
    resetMs: 0,
    retryAfterMs: 0,
  })
  assert.deepEqual(gcra(0, NOW_MS, rate), {
    allowed: true,
    tatMs: NOW_MS + 100,
    remaining: 4,
    resetMs: 100,
    retryAfterMs: 0,
  })
})

test('a refused request takes nothing, and what is given back is there again', () => {
  const rate = { amount: 1, windowMs: 1000, burst: 1 }
  const first = gcra(0, NOW_MS, rate)
  const second = gcra(first.tatMs, NOW_MS + 400, rate)
  assert.deepEqual(second, { allowed: false, tatMs: first.tatMs, remaining: 0, resetMs: 600, retryAfterMs: 600 })
  assert.ok(gcra(gcraGiveBack(first.tatMs, rate, 1), NOW_MS + 400, rate).allowed)
})

// Guards against a clock that is set back: the key would be shut out until the old time came again.
test('a stored time that is further ahead than a full limit, and what may have been charged beyond it, counts no further', () => {
  const rate = { amount: 10, windowMs: 1000, burst: 10 }
  const state = gcraPeek(NOW_MS + 3_600_000, NOW_MS, rate)
  assert.equal(state.allowed, false)
  assert.ok(state.resetMs <= 11_000 && state.retryAfterMs <= 10_100)
})

test('a debt of bytes shuts nobody out for much more than a day', () => {
  const rate: Rate = { amount: 1, windowMs: 1000, burst: 10, unit: 'bytes' }
  const tatMs = gcraCharge(0, NOW_MS, rate, 10_000_000_000)
  assert.equal(tatMs, NOW_MS + 10_000 + 86_400_000)
})

test('a limit of a million a second is kept from above, and within a fifth', () => {
  const count = admitted({ amount: 1_000_000, windowMs: 1000, burst: 4000 }, NOW_MS, 10_000)
  assert.ok(count > 2_600 && count <= 4_000, String(count))
})
