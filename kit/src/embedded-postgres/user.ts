/**
 * Who runs Postgres. It refuses to run as root, so a start as root hands it to another user.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'

/** A user other than the one of this process. */
export type ServerUser = { readonly name: string; readonly uid: number; readonly gid: number }

/**
 * `postgres` where a system has it, else `nobody`. A number without an entry in the list of users will not do:
 * Postgres looks up its own name.
 */
const CANDIDATES = ['postgres', 'nobody']

/** @returns undefined when this process may run Postgres as itself, which is whenever it is not root. */
export async function serverUser(): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of CANDIDATES) {
    const entry = lines.find((fields) => fields[0] === name)
    // macOS writes nobody's number as -2; the kernel counts without a sign.
    if (entry !== undefined) return { name, uid: Number(entry[2]) >>> 0, gid: Number(entry[3]) >>> 0 }
  }
  throw new Error('Postgres does not run as root, and there is neither a user postgres nor a user nobody')
}

/** Whether that user can start the program where it is. */
export function canRun(user: ServerUser, program: string): boolean {
  return spawnSync(program, ['--version'], { cwd: '/', uid: user.uid, gid: user.gid, env: {} }).status === 0
}

/** Whether that user can reach the directory from the root, through every folder above it. */
export function canEnter(user: ServerUser, directory: string): boolean {
  const enter = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], {
    cwd: '/',
    uid: user.uid,
    gid: user.gid,
    env: {},
  })
  return enter.status === 0
}
