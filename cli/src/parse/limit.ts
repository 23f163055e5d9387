/**
 * Limits as people write them: `100/1m` is 100 requests in one minute.
 *
 * @module
 */
import { formatDuration, parseDuration } from './duration.ts'

export interface LimitText {
  readonly requests: number
  readonly windowMs: number
}

/** @returns undefined when the text is not a limit. `100/m` is read as `100/1m`. */
export function parseLimit(text: string): LimitText | undefined {
  const match = /^([1-9][0-9]{0,9})\/([0-9a-z]+)$/.exec(text)
  if (match === null) return undefined
  const window = match[2] ?? ''
  const windowMs = parseDuration(/^[0-9]/.test(window) ? window : `1${window}`)
  return windowMs === undefined || windowMs === 0 ? undefined : { requests: Number(match[1]), windowMs }
}

/** The text that `parseLimit` reads back to the same limit. */
export function formatLimit({ requests, windowMs }: LimitText): string {
  return `${requests}/${formatDuration(windowMs)}`
}
