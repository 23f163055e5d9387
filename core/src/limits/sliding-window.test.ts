import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  EMPTY_WINDOW,
  partMs,
  slidingWindow,
  WINDOW_COUNTS,
  WINDOW_PARTS,
  windowCharge,
  windowGiveBack,
  windowPeek,
} from './sliding-window.ts'

const NOW_MS = 1_800_000_000_000
const SCHEDULES = 10_000

const limits = fc.record({ amount: fc.integer({ min: 1, max: 30 }), windowMs: fc.integer({ min: 100, max: 5_000 }) })
const schedule = fc.array(
  fc.record({
    pauseMs: fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 3_000 })),
    cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })),
  }),
  { maxLength: 60 },
)

/** The reference: a log of everything that was admitted. */
class Log {
  readonly #entries: { readonly atMs: number; readonly units: number }[] = []

  add(atMs: number, units: number): void {
    this.#entries.push({ atMs, units })
  }

  /** Units in the window of that length that ends now. */
  within(nowMs: number, lengthMs: number): number {
    return this.#entries.reduce((sum, { atMs, units }) => (atMs > nowMs - lengthMs ? sum + units : sum), 0)
  }
}

test('no window ever holds more than the limit, and only the last eighth counts for too long', () => {
  fc.assert(
    fc.property(limits, schedule, (limit, requests) => {
      const log = new Log()
      let window = EMPTY_WINDOW
      let nowMs = NOW_MS
      for (const { pauseMs, cost } of requests) {
        nowMs += pauseMs
        const result = slidingWindow(window, nowMs, limit, cost)
        window = result.window
        const isPromised = log.within(nowMs, WINDOW_COUNTS * partMs(limit)) + cost <= limit.amount
        if (isPromised) assert.ok(result.allowed, 'less than is promised')
        if (!result.allowed) continue
        log.add(nowMs, cost)
        // Windows that hold the most end with a request.
        assert.ok(log.within(nowMs, limit.windowMs) <= limit.amount, 'more than the limit in one window')
      }
    }),
    { numRuns: SCHEDULES },
  )
})

test('bytes are charged once they have passed, and nobody passes while they fill the window', () => {
  const passing = fc.array(fc.record({ pauseMs: fc.nat({ max: 2_000 }), bytes: fc.nat({ max: 60 }) }), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(limits, passing, (limit, requests) => {
      const log = new Log()
      let window = EMPTY_WINDOW
      let nowMs = NOW_MS
      for (const { pauseMs, bytes } of requests) {
        nowMs += pauseMs
        const result = slidingWindow(window, nowMs, limit, 0)
        if (log.within(nowMs, WINDOW_COUNTS * partMs(limit)) < limit.amount) assert.ok(result.allowed)
        if (!result.allowed) continue
        assert.ok(log.within(nowMs, limit.windowMs) < limit.amount)
        window = windowCharge(result.window, nowMs, limit, bytes)
        log.add(nowMs, bytes)
      }
    }),
    { numRuns: SCHEDULES },
  )
})

test('what it says comes true: so many pass now, and one like it after the wait', () => {
  fc.assert(
    fc.property(limits, schedule, fc.integer({ min: 1, max: 12 }), (limit, requests, cost) => {
      let window = EMPTY_WINDOW
      let nowMs = NOW_MS
      for (const request of requests) {
        nowMs += request.pauseMs
        window = slidingWindow(window, nowMs, limit, request.cost).window
      }
      const state = windowPeek(window, nowMs, limit, cost)
      assert.equal(state.allowed, state.remaining >= cost)
      if (state.remaining > 0) assert.ok(slidingWindow(window, nowMs, limit, state.remaining).allowed)
      assert.ok(!slidingWindow(window, nowMs, limit, state.remaining + 1).allowed)
      const later = slidingWindow(window, nowMs + state.retryAfterMs, limit, cost)
      assert.equal(later.allowed, cost <= limit.amount)
      if (!state.allowed && cost <= limit.amount) {
        assert.ok(state.retryAfterMs > 0)
        assert.ok(!slidingWindow(window, nowMs + state.retryAfterMs - 1, limit, cost).allowed, 'not earlier')
      }
      assert.equal(windowPeek(window, nowMs + state.resetMs, limit).remaining, limit.amount)
    }),
    { numRuns: 2_000 },
  )
})

test('parts are never shorter than the window together, and hardly longer', () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 86_400_000 }), (windowMs) => {
      const together = partMs({ windowMs, amount: 1 }) * WINDOW_PARTS
      assert.ok(together >= windowMs && together < windowMs + WINDOW_PARTS)
    }),
  )
})

test('a clock that goes back frees nothing', () => {
  const limit = { amount: 2, windowMs: 700 }
  const { window } = slidingWindow(EMPTY_WINDOW, NOW_MS, limit, 2)
  assert.equal(slidingWindow(window, NOW_MS - 10_000, limit).allowed, false)
  assert.equal(slidingWindow(window, NOW_MS + 800, limit).allowed, true)
})

test('what is given back is taken out of the part in which it was taken, where that still counts', () => {
  const limit = { amount: 2, windowMs: 700 }
  const first = slidingWindow(EMPTY_WINDOW, NOW_MS, limit).window
  const second = slidingWindow(first, NOW_MS + 200, limit).window
  const back = windowGiveBack(second, first.part, 1)
  assert.deepEqual([back.counts[0], windowPeek(back, NOW_MS + 200, limit).remaining], [1, 1])
  assert.deepEqual(windowGiveBack(second, first.part - 100, 1), second)
})
