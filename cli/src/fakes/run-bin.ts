/**
 * Runs the `headgate` bin as a shell does, without a terminal.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const BIN = fileURLToPath(new URL('../../bin/headgate.js', import.meta.url))

/** Longest run, in milliseconds. */
const TIMEOUT_MS = 120_000

export interface BinRun {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface BinOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard input. */
  readonly input?: string
}

export function runBin(args: readonly string[], { cwd, env = {}, input = '' }: BinOptions): Promise<BinRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd, NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env },
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    // A command that reads nothing may end before it was written to.
    child.stdin.on('error', () => {}).end(input)
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
