/**
 * What a directory of many API keys costs: memory, look-ups, and changes while requests are answered.
 *
 * The measuring is a program of the agent, in a process of its own: agent/src/directory/testing/cost.ts says what each
 * figure is.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describeMachine } from './machine.ts'
import { printTable } from './report.ts'

const PROGRAM = fileURLToPath(new URL('../../agent/src/directory/testing/cost.ts', import.meta.url))
/** Longest run, in milliseconds. */
const TIMEOUT_MS = 900_000

/** Prints the figures. */
export async function runDirectory(keys: number, json: boolean): Promise<void> {
  // On all cores: one thread loads while another one looks up.
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, String(keys)], { timeout: TIMEOUT_MS })
  const costs = JSON.parse(stdout) as Readonly<Record<string, number>>
  if (json) process.stdout.write(`${JSON.stringify({ machine: describeMachine(), rows: [costs] }, null, 2)}\n`)
  else printTable(['figure', 'value'], Object.entries(costs))
}
