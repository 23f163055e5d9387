/**
 * What limits cost: time for each request, memory for each key, and what is given up when a table is full.
 *
 * Local ones are measured by a program of the agent, in a process of its own: agent/src/limits/testing/cost.ts says what
 * each figure is. Shared ones need a Redis (`shared-limits.ts`).
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeMachine } from './machine.ts'
import { printTable } from './report.ts'
import { sharedLimitRows } from './shared-limits.ts'

const PROGRAM = fileURLToPath(new URL('../../agent/src/limits/testing/cost.ts', import.meta.url))
/** Keys of the tables whose memory is measured. */
const KEYS = 1_000_000
/** Longest run, in milliseconds. */
const TIMEOUT_MS = 600_000

interface TimeRow {
  readonly row: string
  readonly ns: number
}

interface TableRow {
  readonly row: string
  readonly bytesPerKey: number
  readonly evicted: number
  readonly fillNs: number
  readonly evictedOfTwice: number
  readonly overfullNs: number
}

/** Prints the rows. */
export async function runLimits(rounds: number, json: boolean): Promise<void> {
  const args = ['--expose-gc', PROGRAM, String(KEYS)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: TIMEOUT_MS })
  const local = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TimeRow | TableRow)
  const shared = await sharedLimitRows(rounds)
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: describeMachine(), rows: local, shared }, null, 2)}\n`)
    return
  }
  const times = local.filter((row): row is TimeRow => 'ns' in row)
  printTable(
    ['local limits', 'ns above none'],
    times.map(({ row, ns }) => [row, ns]),
  )
  process.stdout.write('\n')
  printTable(
    ['table', 'bytes per key', 'ns', 'given up', 'ns of twice as many', 'given up of twice'],
    local
      .filter((row): row is TableRow => 'bytesPerKey' in row)
      .map((row) => [row.row, row.bytesPerKey, row.fillNs, row.evicted, row.overfullNs, row.evictedOfTwice]),
  )
  process.stdout.write('\n')
  printTable(
    ['shared limits', 'ns'],
    shared.map(({ name, ns }) => [name, ns]),
  )
}
