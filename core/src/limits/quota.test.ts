import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EMPTY_QUOTA, quota, quotaCharge, quotaGiveBack, quotaPeek } from './quota.ts'

const HOUR_MS = 3_600_000
const NOW_MS = Date.parse('2026-11-24T15:00:00Z')

const calendars = fc.constantFrom(
  { period: 'day', zone: 'UTC' } as const,
  { period: 'day', zone: 'Europe/Berlin' } as const,
  { period: 'month', zone: 'America/New_York' } as const,
)

/** What the clocks of the zone show: the reference counts by that. */
const shownIn = new Map<string, Intl.DateTimeFormat>()
function shown(zone: string, period: 'day' | 'month', ms: number): string {
  let format = shownIn.get(zone)
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
    shownIn.set(zone, format)
  }
  return format.format(ms).slice(0, period === 'day' ? 10 : 7)
}

test('exactly the quota is admitted in every period, whatever requests cost', () => {
  const requests = fc.array(
    fc.record({
      pauseMs: fc.oneof(fc.nat({ max: HOUR_MS }), fc.nat({ max: 40 * HOUR_MS })),
      cost: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })),
    }),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(calendars, fc.integer({ min: 1, max: 20 }), requests, (calendar, amount, asked) => {
      const limit = { amount, calendar }
      const used = new Map<string, number>()
      let count = EMPTY_QUOTA
      let nowMs = NOW_MS
      for (const { pauseMs, cost } of asked) {
        nowMs += pauseMs
        const period = shown(calendar.zone, calendar.period, nowMs)
        const before = used.get(period) ?? 0
        const result = quota(count, nowMs, limit, cost)
        count = result.count
        assert.equal(result.allowed, before + cost <= amount)
        if (result.allowed) used.set(period, before + cost)
        assert.equal(result.remaining, amount - (used.get(period) ?? 0))
        if (result.allowed || cost > amount) continue
        assert.ok(quota(count, nowMs + result.retryAfterMs, limit, cost).allowed)
        assert.ok(!quota(count, nowMs + result.retryAfterMs - 1, limit, cost).allowed)
      }
    }),
    { numRuns: 10_000 },
  )
})

test('bytes are charged once they have passed, and fill the period for everybody who comes after them', () => {
  const passing = fc.array(fc.record({ pauseMs: fc.nat({ max: 20 * HOUR_MS }), bytes: fc.nat({ max: 60 }) }), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(calendars, fc.integer({ min: 1, max: 100 }), passing, (calendar, amount, asked) => {
      const limit = { amount, calendar }
      const used = new Map<string, number>()
      let count = EMPTY_QUOTA
      let nowMs = NOW_MS
      for (const { pauseMs, bytes } of asked) {
        nowMs += pauseMs
        const period = shown(calendar.zone, calendar.period, nowMs)
        const before = used.get(period) ?? 0
        const result = quota(count, nowMs, limit, 0)
        assert.equal(result.allowed, before < amount)
        if (!result.allowed) continue
        count = quotaCharge(result.count, nowMs, limit, bytes)
        used.set(period, before + bytes)
      }
    }),
    { numRuns: 10_000 },
  )
})

const limit = { amount: 2, calendar: { period: 'day', zone: 'UTC' } } as const

test('whoever is refused is told when the period ends', () => {
  const { count, resetMs } = quota(EMPTY_QUOTA, NOW_MS, limit, 2)
  assert.equal(resetMs, 9 * HOUR_MS)
  const refused = quotaPeek(count, NOW_MS + HOUR_MS, limit)
  assert.deepEqual(refused, { allowed: false, remaining: 0, resetMs: 8 * HOUR_MS, retryAfterMs: 8 * HOUR_MS })
})

test('a clock that is set back gives nobody a second quota', () => {
  const { count } = quota(EMPTY_QUOTA, NOW_MS, limit, 2)
  const back = NOW_MS - 48 * HOUR_MS
  const refused = quota(count, back, limit)
  assert.deepEqual([refused.allowed, refused.retryAfterMs, refused.count], [false, 57 * HOUR_MS, count])
})

test('what is given back is there again, in its own period only', () => {
  const { count } = quota(EMPTY_QUOTA, NOW_MS, limit, 2)
  assert.equal(quotaPeek(quotaGiveBack(count, count.period, 1), NOW_MS, limit).remaining, 1)
  assert.equal(quotaPeek(quotaGiveBack(count, count.period - 1, 1), NOW_MS, limit).remaining, 0)
})
