/**
 * What the tests may get from the operating system.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** @returns the path of a program that this user can run. */
export async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program)
    const runnable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runnable) return path
  }
  return undefined
}

/** Whether this is a Debian or one of its children. */
export function canApt(): boolean {
  return existsSync('/usr/bin/apt-get')
}

/**
 * Installs a package of the distribution where this process may: as root, on Debian and its children.
 *
 * @returns whether it is installed now
 */
export async function aptInstall(name: string): Promise<boolean> {
  if (!canApt() || process.getuid?.() !== 0) return false
  console.error(`Installing ${name} of the distribution for the tests ...`)
  const install = ['install', '-y', '-qq', '--no-install-recommends', name]
  if (await execute('apt-get', install)) return true
  // The lists of packages may be absent, as in a fresh container.
  return (await execute('apt-get', ['update', '-qq'])) && execute('apt-get', install)
}

/** Runs a program without its output. @returns whether it succeeded */
export function execute(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<boolean> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const child = spawn(program, args, { ...options, env, stdio: 'ignore' })
  return new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}
