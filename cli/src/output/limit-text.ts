/**
 * Limits of every algorithm as people read them. Pure.
 *
 * @module
 */
import type { Limit } from '@headgate/admin-api'
import { formatDuration } from '#cli/parse/duration.ts'
import { formatLimit } from '#cli/parse/limit.ts'

/** How a limit counts. Where nothing is said, it is a rate of requests. */
export interface CountedLimit {
  readonly algorithm?: 'rate' | 'sliding_window' | 'concurrency' | 'quota' | undefined
  readonly unit?: 'requests' | 'bytes' | undefined
  readonly amount: number
  /** Of a quota the longest length of its period. */
  readonly windowMs: number
}

/** Periods that are longer are months: a day has 25 hours at most. */
const DAY_MS_MAX = 2 * 86_400_000

/** Such as `100/1m`, `100 in any 1m`, `20 at a time`, `1000000 bytes per day`. */
export function limitText({ algorithm = 'rate', unit = 'requests', amount, windowMs }: CountedLimit): string {
  const units = unit === 'bytes' ? `${amount} bytes` : String(amount)
  switch (algorithm) {
    case 'rate':
      return unit === 'bytes' ? `${units} per ${formatDuration(windowMs)}` : formatLimit({ requests: amount, windowMs })
    case 'sliding_window':
      return `${units} in any ${formatDuration(windowMs)}`
    case 'concurrency':
      return `${units} at a time`
    case 'quota':
      return `${units} per ${windowMs < DAY_MS_MAX ? 'day' : 'month'}`
  }
}

/** A limit as it applies, such as `1000 per month (Europe/Berlin)`. */
export function limitOf({ algorithm, unit, amount, window_ms: windowMs, period, zone }: Limit): string {
  const text = limitText({ algorithm, unit, amount, windowMs: windowMs ?? (period === 'month' ? DAY_MS_MAX : 0) })
  return zone === null || zone === 'UTC' ? text : `${text} (${zone})`
}
