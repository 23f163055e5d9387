/**
 * What each kind of caller costs: from facts to a decision, in nanoseconds of CPU time, beside an open route and beside
 * the bare check of the same signatures.
 *
 * The measuring is a program of the agent, in a process of its own, so that nothing else of this one is in its figures.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeMachine } from './machine.ts'
import { printTable, rounded } from './report.ts'

const PROGRAM = fileURLToPath(new URL('../../agent/src/auth/testing/cost.ts', import.meta.url))
/** Longest run, in milliseconds. */
const TIMEOUT_MS = 600_000

export interface CallerRow {
  readonly name: string
  /** CPU time of one decision, the median of the rounds. */
  readonly ns: number
}

/** Prints the rows. */
export async function runCallers(rounds: number, json: boolean): Promise<void> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, String(rounds)], { timeout: TIMEOUT_MS })
  const rows = JSON.parse(stdout) as readonly CallerRow[]
  if (json) {
    process.stdout.write(`${JSON.stringify({ machine: describeMachine(), rows }, null, 2)}\n`)
    return
  }
  const nsOf = (start: string): number => rows.find(({ name }) => name.startsWith(start))?.ns ?? Number.NaN
  const [open, bare] = [nsOf('open route'), nsOf('bare check')]
  printTable(
    ['caller', 'ns', 'above an open route', 'of a bare check'],
    rows.map(({ name, ns }) => [name, ns, ns - open, rounded(ns / bare, 2)]),
  )
}
