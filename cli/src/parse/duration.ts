/**
 * Durations as people write them: `30s`, `1h30m`, `14d`.
 *
 * @module
 */

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

const PART = /([0-9]{1,9})(ms|s|m|h|d|w)/y

/** @returns milliseconds; undefined when the text is not a duration. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  let total = 0
  let at = 0
  while (at < text.length) {
    PART.lastIndex = at
    const match = PART.exec(text)
    if (match === null) return undefined
    total += Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
    at = PART.lastIndex
  }
  return at === 0 || !Number.isSafeInteger(total) ? undefined : total
}

/** The shortest exact text of a duration, such as `1m30s`. */
export function formatDuration(ms: number): string {
  if (ms <= 0) return '0s'
  let rest = Math.round(ms)
  let text = ''
  for (const unit of ['d', 'h', 'm', 's', 'ms'] as const) {
    const count = Math.floor(rest / UNIT_MS[unit])
    if (count > 0) text += `${count}${unit}`
    rest -= count * UNIT_MS[unit]
  }
  return text
}

/** How long ago, in its largest unit: `3 min`, `2 d`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
