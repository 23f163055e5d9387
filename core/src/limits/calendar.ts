/**
 * Calendar periods in a time zone: which day or month it is, when it began and when it ends.
 *
 * A period begins when the clocks of its zone first show it, and lasts until they first show the next one. Where clocks
 * are set back over midnight, the hour that they show twice belongs to the new day: numbers of periods do not go back.
 *
 * @module
 */

/** The calendar of a quota. */
export interface Calendar {
  readonly period: 'day' | 'month'
  /** Of the IANA database. */
  readonly zone: string
}

/** One period. Times are milliseconds since 1970-01-01 UTC. */
export interface Period {
  /** Days or months since 1970; one that is later has a larger number. */
  readonly number: number
  readonly beginMs: number
  /** Not included. */
  readonly endMs: number
}

const DAY_MS = 86_400_000

/** Clocks are ahead of UTC by 14 hours at most, and behind it by 12; a little more than that. */
const OFFSET_MS_MAX = 26 * 3_600_000

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** What was asked for last: all requests of a period ask for the same. */
  readonly last: { day: Period; month: Period }
}

const NO_PERIOD: Period = { number: -1, beginMs: 0, endMs: 0 }

// One for each zone that a release names. Making one takes long, and so does asking it.
const zones = new Map<string, Zone>()

/** Zones that are kept; there are about 600. */
const ZONES_MAX = 1_000

/** The period in which an instant is. It asks the time zone once per period only. */
export function periodAt({ period, zone: name }: Calendar, nowMs: number): Period {
  const zone = zoneOf(name)
  const last = zone.last[period]
  if (nowMs >= last.beginMs && nowMs < last.endMs) return last
  // Where clocks show a day for the second time, they are a day behind.
  let found = bounds(zone, period, numberAt(zone, period, nowMs))
  while (nowMs >= found.endMs) found = bounds(zone, period, found.number + 1)
  zone.last[period] = found
  return found
}

/** The period of a number. */
export function periodOf({ period, zone: name }: Calendar, number: number): Period {
  const zone = zoneOf(name)
  const last = zone.last[period]
  return last.number === number ? last : bounds(zone, period, number)
}

function bounds(zone: Zone, period: Calendar['period'], number: number): Period {
  return { number, beginMs: begin(zone, period, number), endMs: begin(zone, period, number + 1) }
}

/** The first instant at which clocks show the period, or a later one where they never show it. */
function begin(zone: Zone, period: Calendar['period'], number: number): number {
  const midnight = period === 'day' ? number * DAY_MS : Date.UTC(1970, number, 1)
  // Clocks change once around a midnight at most: it is at one of these two, and the earlier one may be too early.
  const before = midnight - offsetMs(zone, midnight - OFFSET_MS_MAX)
  const after = midnight - offsetMs(zone, midnight + OFFSET_MS_MAX)
  const early = Math.min(before, after)
  return numberAt(zone, period, early) >= number ? early : Math.max(before, after)
}

function numberAt(zone: Zone, period: Calendar['period'], ms: number): number {
  const shown = shownMs(zone, ms)
  if (period === 'day') return Math.floor(shown / DAY_MS)
  const date = new Date(shown)
  return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
}

const offsetMs = (zone: Zone, ms: number): number => shownMs(zone, ms) - ms

/** What clocks show, as if it were UTC. Whole seconds, and the milliseconds of the instant. */
function shownMs({ format }: Zone, ms: number): number {
  const parts = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
  for (const { type, value } of format.formatToParts(ms)) {
    if (Object.hasOwn(parts, type)) parts[type as keyof typeof parts] = Number(value)
  }
  const { year, month, day, hour, minute, second } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((ms % 1000) + 1000) % 1000)
}

function zoneOf(name: string): Zone {
  const known = zones.get(name)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
    hourCycle: 'h23',
  })
  const zone = { format, last: { day: NO_PERIOD, month: NO_PERIOD } }
  if (zones.size >= ZONES_MAX) zones.clear()
  zones.set(name, zone)
  return zone
}
