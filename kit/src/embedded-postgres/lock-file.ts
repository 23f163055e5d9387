/**
 * Reads `postmaster.pid`, the file by which a running Postgres marks its data directory.
 *
 * Sources: Postgres' `src/include/utils/pidfile.h` (line numbers and states).
 *
 * @module
 */
import { connect } from 'node:net'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export type LockFile = {
  readonly pid: number
  readonly port: number
  /** Whether it says that it takes connections. */
  readonly ready: boolean
}

/** @returns undefined when there is none or when it is still being written. */
export async function readLockFile(data: string): Promise<LockFile | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  const port = Number(lines[3])
  if (!Number.isInteger(pid) || pid <= 0 || !Number.isInteger(port) || port <= 0) return undefined
  return { pid, port, ready: lines[7]?.trim() === 'ready' }
}

/** Whether a process of that number exists, be it ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether something on this machine takes connections there. */
export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 1_000 })
    const answer = (listening: boolean) => {
      socket.destroy()
      resolve(listening)
    }
    socket.once('connect', () => answer(true))
    socket.once('timeout', () => answer(false))
    socket.once('error', () => answer(false))
  })
}

/**
 * Whether the file was left by a server that is gone. After a restart of the machine or container another program
 * may have its number, and Postgres itself would refuse to start for ever.
 */
export async function isStale({ pid, port }: LockFile): Promise<boolean> {
  if (!isAlive(pid)) return true
  if (await isListening(port)) return false
  if (process.platform !== 'linux') return false
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return !command.includes('postgres')
}
