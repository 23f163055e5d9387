/**
 * A terminal in memory: what would be printed can be read.
 *
 * @module
 */
import { Readable, Writable } from 'node:stream'
import { systemClock } from '@headgate/kit/clock.ts'
import { createProcesses } from '#cli/local/processes.ts'
import type { Output, Terminal } from '#cli/terminal.ts'

export interface FakeTerminal extends Terminal {
  readonly printed: { stdout: string; stderr: string }
}

interface FakeTerminalOptions {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Standard input. */
  readonly input?: string
  /** Somebody looks at the output; nobody types. */
  readonly isTerminal?: boolean
}

export function fakeTerminal({
  args,
  cwd,
  env = {},
  input = '',
  isTerminal = false,
}: FakeTerminalOptions): FakeTerminal {
  const printed = { stdout: '', stderr: '' }
  const output = (name: 'stdout' | 'stderr'): Output => ({
    stream: new Writable({
      write(chunk, _encoding, done) {
        printed[name] += String(chunk)
        done()
      },
    }),
    isTerminal,
    columns: 100,
  })
  return {
    args,
    env,
    cwd,
    home: cwd,
    platform: process.platform,
    pid: process.pid,
    execPath: process.execPath,
    out: output('stdout'),
    err: output('stderr'),
    in: { stream: Readable.from([input]), isTerminal: false },
    clock: systemClock,
    processes: createProcesses((pid, signal) => process.kill(pid, signal), systemClock),
    signal: new AbortController().signal,
    printed,
  }
}
