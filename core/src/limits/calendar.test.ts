import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { periodAt, periodOf } from './calendar.ts'

const HOUR_MS = 3_600_000

/** As clocks of a zone show it: `2026-03-29`. */
function shownDate(zone: string, ms: number): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' }).format(ms)
}

const day = (zone: string) => ({ period: 'day', zone }) as const
const month = (zone: string) => ({ period: 'month', zone }) as const

for (const [zone, at, hours] of [
  ['UTC', '2026-11-24T12:00:00Z', 24],
  ['Europe/Berlin', '2026-03-29T12:00:00Z', 23],
  ['Europe/Berlin', '2026-10-25T12:00:00Z', 25],
  // Clocks go on at midnight: the day begins at one o'clock.
  ['Africa/Cairo', '2026-04-24T12:00:00Z', 23],
  // Clocks went back at midnight, to the day before: that day was an hour longer.
  ['America/Sao_Paulo', '2018-02-17T15:00:00Z', 25],
  ['Asia/Kathmandu', '2026-11-24T12:00:00Z', 24],
  ['Pacific/Kiritimati', '2026-11-24T12:00:00Z', 24],
] as const) {
  test(`a day of ${zone} that holds ${at} has ${hours} hours`, () => {
    const { beginMs, endMs } = periodAt(day(zone), Date.parse(at))
    assert.equal((endMs - beginMs) / HOUR_MS, hours)
    assert.notEqual(shownDate(zone, beginMs), shownDate(zone, beginMs - 1))
    assert.notEqual(shownDate(zone, endMs), shownDate(zone, endMs - 1))
  })
}

// Clocks showed a minute of the new day, and then most of an hour of the old one again.
test('an hour that is shown again after midnight belongs to the new day', () => {
  const zone = 'America/St_Johns'
  const midnight = Date.parse('2009-11-01T02:30:00Z')
  const again = midnight + 10 * 60_000
  assert.deepEqual([shownDate(zone, midnight), shownDate(zone, again)], ['2009-11-01', '2009-10-31'])
  const { number, beginMs } = periodAt(day(zone), midnight)
  assert.equal(beginMs, midnight)
  // Asked first for that hour, and after the day that is kept.
  periodAt(day(zone), midnight - 100 * HOUR_MS)
  assert.equal(periodAt(day(zone), again).number, number)
})

test('a day that a zone left out has no length, and is none', () => {
  const zone = 'Pacific/Apia'
  const before = periodAt(day(zone), Date.parse('2011-12-30T09:59:59Z'))
  const after = periodAt(day(zone), Date.parse('2011-12-30T10:00:00Z'))
  assert.equal(before.endMs, after.beginMs)
  assert.equal(after.number, before.number + 2)
})

test('months have their lengths', () => {
  const lengths = ['2026-02-10', '2028-02-10', '2026-12-31'].map((text) => {
    const { beginMs, endMs } = periodAt(month('UTC'), Date.parse(`${text}T23:00:00Z`))
    return (endMs - beginMs) / (24 * HOUR_MS)
  })
  assert.deepEqual(lengths, [28, 29, 31])
  const berlin = periodAt(month('Europe/Berlin'), Date.parse('2026-10-05T00:00:00Z'))
  assert.equal(new Date(berlin.endMs).toISOString(), '2026-10-31T23:00:00.000Z')
})

test('every instant is in one period, each begins where the one before ends, and numbers rise', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Africa/Cairo', 'Asia/Kolkata', 'Australia/Lord_Howe']
  const instants = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2037, 0, 1) })
  const kinds = fc.constantFrom('day', 'month')
  fc.assert(
    fc.property(fc.constantFrom(...zones), kinds, instants, (zone, period, ms) => {
      const calendar = { period, zone }
      const at = periodAt(calendar, ms)
      assert.ok(at.beginMs <= ms && ms < at.endMs)
      assert.equal(periodAt(calendar, at.beginMs).number, at.number)
      const next = periodAt(calendar, at.endMs)
      assert.deepEqual([next.beginMs, next.number], [at.endMs, at.number + 1])
      assert.deepEqual(periodOf(calendar, at.number), at)
    }),
    { numRuns: 500 },
  )
})
