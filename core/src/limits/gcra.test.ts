import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { gcra, gcraPeek, type Rate } from './gcra.ts'

/** Milliseconds since 1970 of today's size, where neighbouring numbers are a quarter of a microsecond apart. */
const NOW_MS = 1_800_000_000_000

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
 * The reference: a bucket of `burst` tokens, filled evenly, in whole numbers (BigInt, so that nothing is rounded).
 * One token is `windowMs` units, and a millisecond brings `amount` units.
 */
function bucket({ amount, windowMs, burst }: Rate): (nowMs: number) => boolean {
  const full = BigInt(burst) * BigInt(windowMs)
  let units = full
  let last = 0
  return (nowMs) => {
    const filled = units + BigInt(nowMs - last) * BigInt(amount)
    units = filled < full ? filled : full
    last = nowMs
    if (units < BigInt(windowMs)) return false
    units -= BigInt(windowMs)
    return true
  }
}

test('it admits what a bucket of tokens admits', () => {
  // Windows that divide evenly are where rounding would show; the others are off by less than a request's thousandth.
  const evenly = fc
    .record({
      amount: fc.integer({ min: 1, max: 50 }),
      stepMs: fc.integer({ min: 4, max: 1000 }),
      burst: fc.integer({ min: 1, max: 50 }),
    })
    .map(({ amount, stepMs, burst }) => ({ amount, windowMs: amount * stepMs, burst }))
  const pauses = fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 80 })
  fc.assert(
    fc.property(evenly, pauses, (rate, gaps) => {
      const allowedBy = bucket(rate)
      let nowMs = NOW_MS
      let tatMs = 0
      for (const gap of gaps) {
        nowMs += gap
        const result = gcra(tatMs, nowMs, rate)
        tatMs = result.tatMs
        assert.equal(result.allowed, allowedBy(nowMs), `${JSON.stringify(rate)} at ${nowMs - NOW_MS}`)
      }
    }),
    { numRuns: 1000 },
  )
})

test('over a long time no more passes than burst and rate allow', () => {
  const times = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 50, maxLength: 200 })
  fc.assert(
    fc.property(rates, times, (rate, gaps) => {
      let nowMs = NOW_MS
      let tatMs = 0
      let passed = 0
      for (const gap of gaps) {
        nowMs += gap
        const result = gcra(tatMs, nowMs, rate)
        tatMs = result.tatMs
        if (result.allowed) passed++
      }
      // Half a request is what the tolerance for rounding may be at most.
      assert.ok(passed <= rate.burst + 0.5 + ((nowMs - NOW_MS) * rate.amount) / rate.windowMs)
    }),
  )
})

test('what it says comes true: so many pass now, and one more after the wait', () => {
  fc.assert(
    fc.property(rates, fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 5000 }), (rate, taken, pause) => {
      let tatMs = 0
      for (let index = 0; index < taken; index++) tatMs = gcra(tatMs, NOW_MS, rate).tatMs
      const nowMs = NOW_MS + pause
      const state = gcraPeek(tatMs, nowMs, rate)
      // Steps of whole milliseconds are exact; the rounding of others may add up to one request.
      const isExact = rate.windowMs % rate.amount === 0
      const difference = admitted(rate, nowMs, state.remaining + 3, state.tatMs) - state.remaining
      assert.ok(Math.abs(difference) <= (isExact ? 0 : 1), JSON.stringify({ rate, taken, pause, difference }))
      assert.equal(state.allowed, state.remaining > 0)
      assert.equal(state.retryAfterMs === 0, state.remaining > 0)
      // A wait is rounded up to whole milliseconds by whoever waits.
      const later = gcra(tatMs, nowMs + Math.ceil(state.retryAfterMs), rate)
      assert.ok(later.allowed, JSON.stringify({ rate, taken, pause, state }))
      const whole = gcraPeek(tatMs, nowMs + Math.ceil(state.resetMs), rate)
      assert.equal(whole.remaining, rate.burst)
    }),
  )
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

test('a refused request takes nothing', () => {
  const rate = { amount: 1, windowMs: 1000, burst: 1 }
  const first = gcra(0, NOW_MS, rate)
  const second = gcra(first.tatMs, NOW_MS + 400, rate)
  assert.deepEqual(second, {
    allowed: false,
    tatMs: first.tatMs,
    remaining: 0,
    resetMs: 600,
    retryAfterMs: 600 - 2 ** -12,
  })
})

// Guards against a clock that is set back: the key would be shut out until the old time came again.
test('a stored time that is further ahead than a full limit counts as a full limit', () => {
  const rate = { amount: 10, windowMs: 1000, burst: 10 }
  const state = gcraPeek(NOW_MS + 3_600_000, NOW_MS, rate)
  assert.equal(state.allowed, false)
  assert.ok(state.resetMs <= 1000 && state.retryAfterMs <= 100)
})

test('a limit whose steps are near the resolution of the clock is kept within an eighth', () => {
  const count = admitted({ amount: 1_000_000, windowMs: 1000, burst: 4000 }, NOW_MS, 10_000)
  assert.ok(count > 3500 && count < 4500, String(count))
})
