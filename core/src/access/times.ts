/**
 * Windows of time in which a route may be called, by the clocks of a time zone.
 *
 * @module
 */

/** From Monday on, as they are written. */
export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/** A part of some days of the week. Minutes are counted from midnight; `toMinute` is not included. */
export interface CompiledTimeWindow {
  readonly days: readonly Weekday[]
  readonly fromMinute: number
  readonly toMinute: number
  /** Of the IANA database. */
  readonly zone: string
  /** As it was written, for people. */
  readonly text: string
}

/** Whether a text names a time zone that is known here. */
export function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: zone })
    // An offset is a zone to some, and knows no summer time.
    return !/^[+-]/.test(zone)
  } catch {
    return false
  }
}

/** @param window with times as `08:00`. */
export function compileTimeWindow(window: {
  readonly days: readonly Weekday[]
  readonly from: string
  readonly to: string
  readonly zone: string
}): CompiledTimeWindow {
  const { days, from, to, zone } = window
  const sorted = weekdays.filter((day) => days.includes(day))
  const dayText = sorted.length === weekdays.length ? '' : `${sorted.join(' ')} `
  return {
    days: sorted,
    fromMinute: minuteOf(from),
    toMinute: minuteOf(to),
    zone,
    text: `${dayText}${from}-${to} ${zone}`,
  }
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
}

/** Whether an instant is in one of the windows. @param nowMs in milliseconds since 1970-01-01 UTC. */
export function isWithin(windows: readonly CompiledTimeWindow[], nowMs: number): boolean {
  return windows.some((window) => {
    const { day, minute } = localTime(window.zone, nowMs)
    return window.days.includes(day) && minute >= window.fromMinute && minute < window.toMinute
  })
}

interface LocalTime {
  readonly day: Weekday
  readonly minute: number
}

interface Clock {
  readonly format: Intl.DateTimeFormat
  /** The minute that was asked for last, since 1970, and what it is here. */
  asked: number
  answer: LocalTime
}

const MINUTE_MS = 60_000

// One for each zone that a release names. Making one takes long, and so does asking it: all requests of a minute ask
// for the same.
const clocks = new Map<string, Clock>()

/** Zones whose clocks are kept; there are about 600. */
const CLOCKS_MAX = 1_000

function localTime(zone: string, nowMs: number): LocalTime {
  const asked = Math.floor(nowMs / MINUTE_MS)
  let clock = clocks.get(zone)
  if (clock?.asked === asked) return clock.answer
  if (clock === undefined) {
    const options = { timeZone: zone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
    clock = { format: new Intl.DateTimeFormat('en-GB', options), asked: -1, answer: { day: 'mon', minute: 0 } }
    if (clocks.size >= CLOCKS_MAX) clocks.clear()
    clocks.set(zone, clock)
  }
  const parts = new Map(clock.format.formatToParts(asked * MINUTE_MS).map(({ type, value }) => [type, value]))
  const name = (parts.get('weekday') ?? '').toLowerCase()
  // A day that is none of ours is in no window.
  const day = weekdays.find((each) => each === name)
  const minute = Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
  clock.asked = asked
  clock.answer = { day: day ?? 'mon', minute: day === undefined ? NaN : minute }
  return clock.answer
}
