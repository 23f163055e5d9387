import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledTimeWindow, compileTimeWindow, isTimeZone, isWithin, type Weekday, weekdays } from './times.ts'

const window = (
  from: string,
  to: string,
  zone = 'UTC',
  days: readonly Weekday[] = weekdays,
): readonly CompiledTimeWindow[] => [compileTimeWindow({ days, from, to, zone })]

const within = (windows: readonly CompiledTimeWindow[], instant: string): boolean =>
  isWithin(windows, Date.parse(instant))

for (const zone of ['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires', 'Asia/Kathmandu']) {
  test(`${zone} is a time zone`, () => assert.equal(isTimeZone(zone), true))
}

for (const zone of ['', 'Berlin', 'Europe/Atlantis', '+02:00', '-05:00', 'UTC+1', 'Europe/Berlin ']) {
  test(`${JSON.stringify(zone)} is none`, () => assert.equal(isTimeZone(zone), false))
}

test('the begin is in a window, the end is not', () => {
  const hours = window('08:00', '18:00')
  for (const [instant, expected] of [
    ['2026-06-01T07:59:59.999Z', false],
    ['2026-06-01T08:00:00Z', true],
    ['2026-06-01T17:59:59.999Z', true],
    ['2026-06-01T18:00:00Z', false],
  ] as const) {
    assert.equal(within(hours, instant), expected, instant)
  }
})

test('24:00 is the end of a day, and 00:00 its begin', () => {
  const evening = window('22:00', '24:00')
  assert.equal(within(evening, '2026-06-01T23:59:59.999Z'), true)
  assert.equal(within(evening, '2026-06-02T00:00:00Z'), false)
  assert.equal(within(window('00:00', '24:00'), '2026-06-02T00:00:00Z'), true)
})

test('days are those of the zone, not those of UTC', () => {
  // 2026-06-01 is a Monday.
  const mondays = window('00:00', '24:00', 'Pacific/Auckland', ['mon'])
  assert.equal(within(mondays, '2026-05-31T12:00:00Z'), true)
  assert.equal(within(mondays, '2026-06-01T12:00:00Z'), false)
})

test('every day of the week has its name', () => {
  for (const [index, day] of weekdays.entries()) {
    const instant = `2026-06-0${index + 1}T12:00:00Z`
    assert.equal(within(window('00:00', '24:00', 'UTC', [day]), instant), true, day)
    assert.equal(
      within(
        window(
          '00:00',
          '24:00',
          'UTC',
          weekdays.filter((each) => each !== day),
        ),
        instant,
      ),
      false,
      day,
    )
  }
})

test('a night is two windows', () => {
  const night = [...window('22:00', '24:00'), ...window('00:00', '06:00')]
  assert.equal(within(night, '2026-06-01T23:00:00Z'), true)
  assert.equal(within(night, '2026-06-02T05:59:00Z'), true)
  assert.equal(within(night, '2026-06-02T06:00:00Z'), false)
})

// In Berlin, 2026-03-29 goes from 02:00 to 03:00 at 01:00 UTC, and 2026-10-25 from 03:00 back to 02:00 at 01:00 UTC.
test('a window is by the clocks of its zone, in summer and in winter', () => {
  const office = window('08:00', '18:00', 'Europe/Berlin')
  assert.equal(within(office, '2026-03-28T07:00:00Z'), true)
  assert.equal(within(office, '2026-03-28T06:59:00Z'), false)
  assert.equal(within(office, '2026-03-29T06:00:00Z'), true)
  assert.equal(within(office, '2026-03-29T05:59:00Z'), false)
  assert.equal(within(office, '2026-03-29T15:59:00Z'), true)
  assert.equal(within(office, '2026-03-29T16:00:00Z'), false)
})

test('an hour that clocks leave out is in no window, and one that they show twice is in it twice', () => {
  const skipped = window('02:15', '02:45', 'Europe/Berlin')
  for (let minute = 0; minute < 24 * 60; minute += 5) {
    assert.equal(isWithin(skipped, Date.parse('2026-03-28T23:00:00Z') + minute * 60_000), false, `${minute}`)
  }
  assert.equal(within(skipped, '2026-10-25T00:30:00Z'), true)
  assert.equal(within(skipped, '2026-10-25T01:30:00Z'), true)
  assert.equal(within(skipped, '2026-10-25T02:30:00Z'), false)
  const around = window('01:30', '03:30', 'Europe/Berlin')
  assert.equal(within(around, '2026-03-29T00:59:59Z'), true)
  assert.equal(within(around, '2026-03-29T01:00:00Z'), true)
  assert.equal(within(around, '2026-03-29T01:30:00Z'), false)
})

test('zones that differ from UTC by parts of an hour are told right', () => {
  const morning = window('06:00', '07:00', 'Asia/Kathmandu')
  assert.equal(within(morning, '2026-06-01T00:14:59Z'), false)
  assert.equal(within(morning, '2026-06-01T00:15:00Z'), true)
  assert.equal(within(morning, '2026-06-01T01:15:00Z'), false)
})

test('what was asked for one minute is not said for another, nor in another zone', () => {
  const hours = window('08:00', '08:01')
  assert.equal(within(hours, '2026-06-01T08:00:30Z'), true)
  assert.equal(within(hours, '2026-06-01T08:01:00Z'), false)
  assert.equal(within(hours, '2026-06-01T08:00:59.999Z'), true)
  assert.equal(within(window('08:00', '08:01', 'Europe/Berlin'), '2026-06-01T08:00:30Z'), false)
})

test('a window is told as it was written', () => {
  assert.equal(window('08:00', '18:00')[0]?.text, '08:00-18:00 UTC')
  const [some] = window('08:00', '18:00', 'Europe/Berlin', ['fri', 'mon', 'mon'])
  assert.equal(some?.text, 'mon fri 08:00-18:00 Europe/Berlin')
  assert.deepEqual(some?.days, ['mon', 'fri'])
})
