/**
 * Programs of others that a measurement needs.
 *
 * @module
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where Debian has the Lua module of nginx. */
export const LUA_MODULE = '/usr/lib/nginx/modules/ngx_http_lua_module.so'

/** Program and the Debian package that has it. */
const PACKAGES = {
  nginx: 'nginx-light',
  haproxy: 'haproxy',
  caddy: 'caddy',
  wrk: 'wrk',
  h2load: 'nghttp2-client',
  taskset: 'util-linux',
  lua: 'libnginx-mod-http-lua',
} as const

/** What is no program but a file. */
const FILES: Partial<Record<Tool, string>> = { lua: LUA_MODULE }

export type Tool = keyof typeof PACKAGES

const VERSION_ARGUMENT: Partial<Record<Tool, string>> = { taskset: '--version', h2load: '--version', caddy: 'version' }

/** Those of which there is no measurement without. */
const NEEDED: readonly Tool[] = ['nginx', 'wrk', 'taskset']

/** Longest installation, in milliseconds. */
const INSTALL_TIMEOUT_MS = 180_000

/** Installs what is missing where that is possible, and answers what is there, with its version. */
export function findTools(log: (line: string) => void): ReadonlyMap<Tool, string> {
  const all = Object.keys(PACKAGES) as Tool[]
  const missing = all.filter((tool) => !isThere(tool))
  if (missing.length > 0 && process.getuid?.() === 0 && isOnPath('apt-get')) install(missing, log)
  const lost = NEEDED.filter((tool) => !isThere(tool))
  if (lost.length > 0) throw new Error(`not installed: ${lost.map((tool) => PACKAGES[tool]).join(', ')}`)
  return new Map(all.filter(isThere).map((tool) => [tool, versionOf(tool)]))
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

function isThere(tool: Tool): boolean {
  const file = FILES[tool]
  return file === undefined ? isOnPath(tool) : existsSync(file)
}

function isOnPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)))
}

function versionOf(tool: Tool): string {
  const file = FILES[tool]
  const [program, ...args] =
    file === undefined ? [tool, VERSION_ARGUMENT[tool] ?? '-v'] : ['dpkg-query', '-W', PACKAGES[tool]]
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  return /\d+\.\d+[\w.+-]*/.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[0] ?? 'unknown'
}
