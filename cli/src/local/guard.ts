/**
 * Ends what was started when the starter is killed: nobody else could tell the children any more.
 *
 * A shell holds the reading end of a pipe. The pipe ends with this process, however it ends; then the shell sends the
 * signals that a file names. Without a POSIX shell there is no guard, and the next start ends what was left.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { rename, rm, writeFile } from 'node:fs/promises'

/** A process and how it is asked to end. */
export interface Guarded {
  readonly pid: number
  readonly signal: 'TERM' | 'INT'
}

export interface Guard extends AsyncDisposable {
  /** Replaces the process of that name. */
  watch(name: string, process: Guarded): Promise<void>
}

// `cat` returns when the pipe ends. After an orderly end there is no file, and nothing to do.
const SCRIPT =
  'cat >/dev/null; [ -f "$1" ] || exit 0; while read -r name pid; do kill -s "$name" "$pid"; done <"$1"; rm -f "$1"'

/** @param file is written by this process and read by the shell. */
export async function startGuard(file: string, platform: NodeJS.Platform): Promise<Guard> {
  const watched = new Map<string, Guarded>()
  await rm(file, { force: true })
  const shell =
    platform === 'win32'
      ? undefined
      : spawn('/bin/sh', ['-c', SCRIPT, 'headgate-guard', file], {
          detached: true,
          stdio: ['pipe', 'ignore', 'ignore'],
        })
  // No shell: no guard.
  shell?.on('error', () => {})
  shell?.stdin.on('error', () => {})
  shell?.unref()
  return {
    async watch(name, process) {
      watched.set(name, process)
      const lines = [...watched.values()].map(({ pid, signal }) => `${signal} ${pid}\n`)
      await writeFile(`${file}.new`, lines.join(''), { mode: 0o600 })
      await rename(`${file}.new`, file)
    },
    async [Symbol.asyncDispose]() {
      await rm(file, { force: true })
      shell?.stdin.destroy()
    },
  }
}
