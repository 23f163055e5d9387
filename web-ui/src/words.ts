/**
 * Numbers, times and states as people read them. Pure.
 *
 * @module
 */
import type { Release } from './api.ts'
import type { Kind } from './gates.ts'

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })
const minute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false })
const count = new Intl.NumberFormat('en')

/** Local time of day, such as 08:12:03. */
export const timeText = (at: string | Date): string => clock.format(new Date(at))
export const minuteText = (at: string | Date): string => minute.format(new Date(at))
export const countText = (value: number): string => count.format(value)

/**
 * Such as 0.7 ms, 42 ms, 1.5 s, 10 min, 1 d.
 *
 * @param exact `whole`: a unit that has begun does not count.
 */
export function durationText(ms: number, exact: 'tenths' | 'whole' = 'tenths'): string {
  const text = (value: number): string => (exact === 'whole' ? String(Math.floor(value)) : trim(value, 1))
  if (ms < 10) return `${text(ms)} ms`
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${text(ms / 1_000)} s`
  if (ms < 3_600_000) return `${text(ms / 60_000)} min`
  if (ms < 86_400_000) return `${text(ms / 3_600_000)} h`
  return `${text(ms / 86_400_000)} d`
}

/** How a limit counts. Where nothing is said, it is a rate of requests. */
export interface CountedLimit {
  readonly algorithm?: 'rate' | 'sliding_window' | 'concurrency' | 'quota' | undefined
  readonly unit?: 'requests' | 'bytes' | undefined
  /** Units of a window or period, or at a time. */
  readonly requests: number
  /** Of a quota the longest length of its period. */
  readonly window_ms: number
}

/** Periods that are longer are months: a day has 25 hours at most. */
const DAY_MS_MAX = 2 * 86_400_000

/** Such as `10 requests / 10 s`, `100 requests in any 1 min`, `20 requests at a time`, `5,000 bytes per day`. */
export function limitText({
  algorithm = 'rate',
  unit = 'requests',
  requests,
  window_ms: windowMs,
}: CountedLimit): string {
  const units = `${countText(requests)} ${requests === 1 ? unit.slice(0, -1) : unit}`
  switch (algorithm) {
    case 'rate':
      return `${units} / ${durationText(windowMs)}`
    case 'sliding_window':
      return `${units} in any ${durationText(windowMs)}`
    case 'concurrency':
      return `${units} at a time`
    case 'quota':
      return `${units} per ${windowMs < DAY_MS_MAX ? 'day' : 'month'}`
  }
}

/** Share in percent: `0 %`, `<0.1 %`, `3.4 %`. */
export function shareText(part: number, whole: number): string {
  if (part === 0 || whole === 0) return '0 %'
  const percent = (part / whole) * 100
  return percent < 0.1 ? '<0.1 %' : `${trim(percent, 1)} %`
}

/** Such as `a, b or c`. */
export function listText(words: readonly string[], last: 'and' | 'or'): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} ${last} ${words.at(-1)}`
}

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** Local date, such as 24 Nov 2026. */
export const dateText = (at: string | Date): string => day.format(new Date(at))

/** How long ago, such as `3 min ago`. */
export function agoText(at: string, now: number): string {
  return `${durationText(Math.max(1_000, Math.floor((now - Date.parse(at)) / 1_000) * 1_000), 'whole')} ago`
}

/** Where a release is live, such as `r3 live on 2 of 2`. */
export function releaseText(release: Release | null): { readonly text: string; readonly kind: Kind | 'none' } {
  if (release === null) return { text: 'Nothing published', kind: 'none' }
  const { number, deliveries } = release
  if (deliveries.length === 0) return { text: `r${number}, no agent serves it`, kind: 'none' }
  const live = deliveries.filter(({ state }) => state === 'live').length
  const refused = deliveries.filter(({ state }) => state === 'refused').length
  const text = `r${number} live on ${live} of ${deliveries.length}`
  if (refused > 0) return { text: `${text}, refused by ${refused}`, kind: 'refused' }
  return { text, kind: live === deliveries.length ? 'allowed' : 'limited' }
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)))
}
