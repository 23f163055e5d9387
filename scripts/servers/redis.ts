/**
 * A Redis for the tests: the one of `REDIS_URL`, else one that is installed, else Debian's packages unpacked into the
 * cache, else (as root) installed.
 *
 * Unpacking needs no rights and changes nothing on the machine, so it comes before installing.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { glob, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CACHE } from '../tooling/paths.ts'
import { aptInstall, canApt, execute, onPath } from './system.ts'

/** `redis-server` and the libraries that it needs and a small system may lack. */
const PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1']

const START_TIMEOUT_MS = 10_000

type Program = { readonly path: string; readonly libraries?: string }

export type RedisServer = AsyncDisposable & { readonly url: string }

/** @returns undefined when there is no Redis and no way to get one here. */
export async function startRedis(): Promise<RedisServer | undefined> {
  const given = process.env['REDIS_URL']
  if (given !== undefined) return { url: given, [Symbol.asyncDispose]: () => Promise.resolve() }
  const program = await findProgram()
  return program === undefined ? undefined : launch(program)
}

async function findProgram(): Promise<Program | undefined> {
  const installed = (await onPath('redis-server')) ?? (await onPath('valkey-server'))
  if (installed !== undefined) return { path: installed }
  const unpacked = await unpack()
  if (unpacked !== undefined) return unpacked
  if (!(await aptInstall('redis-server'))) return undefined
  const path = await onPath('redis-server')
  return path === undefined ? undefined : { path }
}

async function unpack(): Promise<Program | undefined> {
  const folder = join(CACHE, 'redis')
  const found = await unpackedIn(folder)
  if (found !== undefined) return found
  if (!canApt() || (await onPath('dpkg')) === undefined) return undefined
  await mkdir(folder, { recursive: true })
  const download = await execute('apt-get', ['download', ...PACKAGES], { cwd: folder })
  if (!download) return undefined
  for await (const file of glob('*.deb', { cwd: folder })) {
    if (!(await execute('dpkg', ['-x', file, folder], { cwd: folder }))) return undefined
  }
  return unpackedIn(folder)
}

async function unpackedIn(folder: string): Promise<Program | undefined> {
  const program = await first(glob('usr/bin/redis-server', { cwd: folder }))
  const library = await first(glob('usr/lib/*/liblzf.so.1', { cwd: folder }))
  if (program === undefined || library === undefined) return undefined
  return { path: join(folder, program), libraries: join(folder, library, '..') }
}

async function first(files: AsyncIterable<string>): Promise<string | undefined> {
  for await (const file of files) return file
  return undefined
}

async function launch({ path, libraries }: Program): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-redis-'))
  const port = await freePort()
  const settings = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  const libraryPath = [libraries, process.env['LD_LIBRARY_PATH']].filter((part) => part !== undefined).join(delimiter)
  const child = spawn(path, settings, {
    stdio: 'ignore',
    // Its own process group: an interrupt typed in the terminal reaches the tests first.
    detached: true,
    env: { ...process.env, ...(libraryPath === '' ? {} : { LD_LIBRARY_PATH: libraryPath }) },
  })
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const end = performance.now() + START_TIMEOUT_MS
  while (!(await isListening(port))) {
    if (child.exitCode !== null || performance.now() > end) throw new Error(`${path} did not start`)
    await sleep(10)
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
