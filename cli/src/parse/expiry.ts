/**
 * When something ends that an option gives a life to: `--expires 30d`.
 *
 * @module
 */
import type { Cli } from '#cli/cli.ts'
import { usageError } from '#cli/exit.ts'
import { parseDuration } from './duration.ts'

/** @returns a part of a body: empty when the option is not there. */
export function expiryOf(cli: Cli, text: string | undefined): { readonly expires_at?: string } {
  if (text === undefined) return {}
  const ms = parseDuration(text)
  if (!ms) throw usageError(`--expires ${text} is not a duration`, 'Such as 30d or 12h')
  return { expires_at: new Date(cli.terminal.clock.now() + ms).toISOString() }
}

const DAY_MS = 86_400_000

/** Whole days that an option gives as a duration; more than 0. */
export function daysOf(option: string, text: string): number {
  const days = (parseDuration(text) ?? 0) / DAY_MS
  if (!Number.isInteger(days) || days < 1) throw usageError(`${option} ${text} is not a number of days`, 'Such as 90d')
  return days
}
