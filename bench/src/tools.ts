/**
 * Programs of others that a measurement needs.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Program and the Debian package that has it. */
const PACKAGES = { nginx: 'nginx-light', haproxy: 'haproxy', wrk: 'wrk', taskset: 'util-linux' } as const

export type Tool = keyof typeof PACKAGES

/** Those of which there is no measurement without. */
const NEEDED: readonly Tool[] = ['nginx', 'wrk', 'taskset']

/** Longest installation, in milliseconds. */
const INSTALL_TIMEOUT_MS = 180_000

/** Installs what is missing where that is possible, and answers what is there, with its version. */
export function findTools(log: (line: string) => void): ReadonlyMap<Tool, string> {
  const all = Object.keys(PACKAGES) as Tool[]
  const missing = all.filter((tool) => !isOnPath(tool))
  if (missing.length > 0 && process.getuid?.() === 0 && isOnPath('apt-get')) install(missing, log)
  const lost = NEEDED.filter((tool) => !isOnPath(tool))
  if (lost.length > 0) throw new Error(`not installed: ${lost.map((tool) => PACKAGES[tool]).join(', ')}`)
  return new Map(all.filter(isOnPath).map((tool) => [tool, versionOf(tool)]))
}

function install(tools: readonly Tool[], log: (line: string) => void): void {
  const packages = tools.map((tool) => PACKAGES[tool])
  log(`installing ${packages.join(', ')}`)
  spawnSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], {
    // At run level 1 a package does not start its service.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: 'ignore',
    timeout: INSTALL_TIMEOUT_MS,
  })
}

function isOnPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

function versionOf(tool: Tool): string {
  const { stdout, stderr } = spawnSync(tool, [tool === 'taskset' ? '--version' : '-v'], { encoding: 'utf8' })
  return /\d+\.\d+[\w.+-]*/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0] ?? 'unknown'
}
