/**
 * Recognises processes across runs: a number alone may belong to somebody else by now.
 *
 * Linux tells when a process started; elsewhere only whether it is alive is known.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import { kill } from 'node:process'
import type { Clock } from '@headgate/kit/clock.ts'

export interface ProcessMark {
  readonly pid: number
  /** Ticks since boot at which it started; empty where that is not known. */
  readonly started: string
}

/** Pause between two looks at a process that ends, in milliseconds. */
const POLL_MS = 20

export async function markOf(pid: number): Promise<ProcessMark> {
  return { pid, started: await startOf(pid) }
}

/** Whether the marked process still runs. */
export async function runs({ pid, started }: ProcessMark): Promise<boolean> {
  if (!isAlive(pid)) return false
  return started === (await startOf(pid))
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

export function isAlive(pid: number): boolean {
  try {
    kill(pid, 0)
    return true
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    kill(pid, name)
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown
  }
}

/** Asks a process to end; kills it when it does not in time. */
export async function end(mark: ProcessMark, clock: Clock, graceMs: number): Promise<void> {
  const until = clock.monotonic() + graceMs
  if (await runs(mark)) signal(mark.pid, 'SIGTERM')
  while (await runs(mark)) {
    if (clock.monotonic() > until) {
      signal(mark.pid, 'SIGKILL')
      return
    }
    await clock.sleep(POLL_MS)
  }
}
