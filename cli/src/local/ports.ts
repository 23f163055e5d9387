/**
 * Finds ports that are taken before anything is started, and who has them.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { promisify } from 'node:util'
import { CliError, exitCodes } from '#cli/exit.ts'
import { printable } from '#cli/output/style.ts'

export interface WantedPort {
  /** For people, such as `HTTP`. */
  readonly what: string
  /** `host:port`, `[ipv6]:port` or `off`. */
  readonly address: string
  /** Which setting moves it. */
  readonly setting: string
}

/** Longest wait for `lsof`, in milliseconds. */
const LSOF_TIMEOUT_MS = 3_000

/** Longest wait for a connection on loopback, in milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000

/** Longest command line that is shown, in characters. */
const COMMAND_LENGTH_MAX = 100

/** @throws CliError that names every taken port, its owner and the setting that moves it. */
export async function refuseTakenPorts(wanted: readonly WantedPort[]): Promise<void> {
  const details: string[] = []
  for (const { what, address, setting } of wanted) {
    const { host, port } = splitAddress(address)
    if (port === 0) continue
    const problem = await tryListen(host, port)
    if (problem === undefined) continue
    const owner = problem === 'EADDRINUSE' ? `is taken by ${await ownerOf(port)}` : `cannot be used (${problem})`
    details.push(`${what} ${address} ${owner}; another one: ${setting}`)
  }
  if (details.length === 0) return
  throw new CliError(details.length === 1 ? 'a port is not free' : `${details.length} ports are not free`, {
    exitCode: exitCodes.conflict,
    details,
  })
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replaceAll(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) || 0 }
}

/** @returns the error code; undefined when the port is free. */
function tryListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (thrown: NodeJS.ErrnoException) => resolve(thrown.code ?? thrown.message))
    server.listen(port, host, () => server.close(() => resolve(undefined)))
  })
}

/** Whether somebody takes connections at a port of loopback. */
export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (taken: boolean): void => {
      socket.destroy()
      resolve(taken)
    }
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(false))
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
  })
}

/** Such as `process 4711 (node server.js)`. */
async function ownerOf(port: number): Promise<string> {
  const pid = (await pidFromProc(port)) ?? (await pidFromLsof(port))
  if (pid === undefined) return 'a process of another user'
  const command = await commandOf(pid)
  return command === undefined ? `process ${pid}` : `process ${pid} (${printable(command)})`
}

async function pidFromProc(port: number): Promise<number | undefined> {
  const inodes = new Set<string>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(1)) {
      // sl local_address rem_address st ... inode (proc(5)); state 0A listens.
      const fields = line.trim().split(/\s+/)
      const local = fields[1]?.split(':')[1]
      if (fields[3] === '0A' && local !== undefined && Number.parseInt(local, 16) === port) inodes.add(fields[9] ?? '')
    }
  }
  if (inodes.size === 0) return undefined
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^[0-9]+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')
      if (inodes.has(/^socket:\[([0-9]+)\]$/.exec(target)?.[1] ?? 'none')) return Number(pid)
    }
  }
  return undefined
}

async function pidFromLsof(port: number): Promise<number | undefined> {
  try {
    const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t']
    const { stdout } = await promisify(execFile)('lsof', args, { timeout: LSOF_TIMEOUT_MS })
    const pid = Number(stdout.split('\n')[0])
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}

async function commandOf(pid: number): Promise<string | undefined> {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  const text = line.replaceAll('\0', ' ').trim()
  if (text === '') return undefined
  return text.length <= COMMAND_LENGTH_MAX ? text : `${text.slice(0, COMMAND_LENGTH_MAX)}...`
}
