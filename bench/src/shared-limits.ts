/**
 * What a limit costs that agents share, in nanoseconds of a serving thread's CPU time, on a real Redis.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const PROGRAM = fileURLToPath(new URL('../../agent/src/limits/shared/testing/cost.ts', import.meta.url))
/** Longest run, in milliseconds. */
const TIMEOUT_MS = 600_000

export interface LimitRow {
  readonly name: string
  /** CPU time of one request, the median of the rounds. */
  readonly ns: number
}

export async function sharedLimitRows(rounds: number): Promise<readonly LimitRow[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, String(rounds)], { timeout: TIMEOUT_MS })
  return JSON.parse(stdout) as readonly LimitRow[]
}
