/**
 * The `headgate` command. The only file that touches the process.
 *
 * @module
 */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@headgate/kit/clock.ts'
import { onStopSignal } from '@headgate/kit/stop-signals.ts'
import { createProcesses } from './local/processes.ts'
import type { Output, Terminal } from './terminal.ts'

// Compiled code is kept, which halves the time to the first line. In a folder of the user's own, because whoever can
// write there decides what runs. What cannot be written is compiled again.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'headgate', 'compile'))
const { run } = await import('./program.ts')

const stop = new AbortController()
onStopSignal(process, ['SIGINT', 'SIGTERM', 'SIGHUP'], (signal) => stop.abort(new Error(signal)))

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (thrown: NodeJS.ErrnoException) => {
  if (thrown.code !== 'EPIPE') throw thrown
  stop.abort(thrown)
})

const output = (stream: NodeJS.WriteStream): Output => ({
  stream,
  isTerminal: stream.isTTY === true,
  columns: stream.columns ?? 80,
})

const terminal: Terminal = {
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  platform: process.platform,
  pid: process.pid,
  execPath: process.execPath,
  out: output(process.stdout),
  err: output(process.stderr),
  in: { stream: process.stdin, isTerminal: process.stdin.isTTY === true },
  clock: systemClock,
  processes: createProcesses((pid, signal) => process.kill(pid, signal), systemClock),
  signal: stop.signal,
  // execve(2); Windows has nothing like it.
  ...(process.execve === undefined || process.platform === 'win32'
    ? {}
    : { become: (program, args, env) => process.execve?.(program, [program, ...args], { ...env }) as never }),
}

process.exitCode = await run(terminal)
