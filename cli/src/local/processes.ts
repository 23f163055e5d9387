/**
 * Recognises processes across runs: a number alone may belong to somebody else by now.
 *
 * Linux tells when a process started; elsewhere only whether it is alive is known.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { Clock } from '@headgate/kit/clock.ts'

export interface ProcessMark {
  readonly pid: number
  /** Ticks since boot at which it started; empty where that is not known. */
  readonly started: string
}

export interface Processes {
  mark(pid: number): Promise<ProcessMark>
  /** Whether the marked process still runs. */
  runs(mark: ProcessMark): Promise<boolean>
  isAlive(pid: number): boolean
  /** Does nothing when there is no such process. */
  signal(pid: number, name: NodeJS.Signals): void
  /** Asks a process to end; kills it when it does not in time. */
  end(mark: ProcessMark, graceMs: number): Promise<void>
}

/** Pause between two looks at a process that ends, in milliseconds. */
const POLL_MS = 20

/** @param kill `process.kill`; a parameter because only `main.ts` touches the process. */
export function createProcesses(kill: (pid: number, signal: NodeJS.Signals | 0) => void, clock: Clock): Processes {
  const isAlive = (pid: number): boolean => {
    try {
      kill(pid, 0)
      return true
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === 'EPERM'
    }
  }
  const runs = async ({ pid, started }: ProcessMark): Promise<boolean> =>
    isAlive(pid) && started === (await startOf(pid))
  const signal = (pid: number, name: NodeJS.Signals): void => {
    try {
      kill(pid, name)
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
    }
  }
  return {
    mark: async (pid) => ({ pid, started: await startOf(pid) }),
    runs,
    isAlive,
    signal,
    async end(mark, graceMs) {
      const until = clock.monotonic() + graceMs
      if (await runs(mark)) signal(mark.pid, 'SIGTERM')
      while (await runs(mark)) {
        if (clock.monotonic() > until) {
          signal(mark.pid, 'SIGKILL')
          return
        }
        await clock.sleep(POLL_MS)
      }
    },
  }
}

async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; the fields after it are counted from 3. 22 is the start (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A process that ended, but that nobody asked about, is not running.
    return fields[0] === 'Z' ? 'ended' : (fields[19] ?? '')
  } catch {
    return ''
  }
}
