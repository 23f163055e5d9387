/**
 * Starts the Postgres that npm installed, for a first look, for development and for tests.
 *
 * One machine, TCP on 127.0.0.1 only. It is not for production: set `DATABASE_URL` there.
 *
 * The server is its own process group and survives a crash of this process; the next start finds it and goes on
 * with it. Whoever started it last stops it.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { open, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Binaries, findBinaries } from './embedded-postgres/binaries.ts'
import { type Launch, ensureData, ensureDirectory, keptPassword, launchOn } from './embedded-postgres/directory.ts'
import { type LockFile, isAlive, isStale, readLockFile } from './embedded-postgres/lock-file.ts'
import { serverUser } from './embedded-postgres/user.ts'

/** Longest wait for the server to take connections, in milliseconds. Recovery after a crash takes some seconds. */
const START_TIMEOUT_MS = 60_000

/** Longest wait for a server that is going down, or for the last processes of a killed one, in milliseconds. */
const LOCK_WAIT_MS = 10_000

/** Longest wait for an orderly stop, in milliseconds; then the server is told to stop at once, which loses no data. */
const STOP_TIMEOUT_MS = 10_000

const POLL_MS = 10

/** Connections of a kept server, and of one for tests, where many files hold a pool. */
const CONNECTIONS_MAX = { kept: 100, throwaway: 300 }

/** Small, so that it can run beside everything else on a laptop. */
const SHARED_SETTINGS = [
  'listen_addresses=127.0.0.1',
  'unix_socket_directories=',
  'shared_buffers=32MB',
  'max_wal_size=256MB',
  'log_timezone=UTC',
]

/** Faster and not safe against a crash of the machine: for data that is thrown away. */
const THROWAWAY_SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

export type EmbeddedPostgresOptions = {
  /** TCP port; 0 or absent: a free one. A server that is found running keeps its own. */
  readonly port?: number
  /** What happens, a line each, for people. */
  readonly log?: (line: string) => void
} & (
  | {
      /** Where data, password and log are kept. */
      readonly directory: string
      readonly throwaway?: false
    }
  | {
      /** For tests: a temporary directory, no password, no flush to the disk; removed by `stop`. */
      readonly throwaway: true
    }
)

export type EmbeddedPostgres = AsyncDisposable & {
  /** `postgresql://` with the password of a superuser: do not log. */
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Whether it was running already. */
  readonly attached: boolean
  /** Stops the server, unless another living process has started it. */
  stop(): Promise<void>
}

type Running = { readonly pid: number; readonly port: number; readonly attached: boolean }

/** @returns when the server takes connections */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {})
  const throwaway = options.throwaway === true
  const directory = options.throwaway === true ? await throwawayDirectory() : resolve(options.directory)
  await ensureDirectory(directory)
  const password = throwaway ? undefined : await keptPassword(directory)
  const data = join(directory, 'data')

  const found = await runningServer(data)
  const server = found ?? (await start(directory, password, options.port ?? 0, log))
  if (found) log(`Postgres is running already on port ${found.port}`)

  const owner = join(directory, 'owner')
  const previous = Number(await readFile(owner, 'utf8').catch(() => '0'))
  // A server that is found running stays with a living process that started it.
  const owned = !server.attached || previous === process.pid || !isAliveProcess(previous)
  if (owned) await writeFile(owner, String(process.pid))

  let stopping: Promise<void> | undefined
  const stop = () => (stopping ??= owned ? stopServer(directory, server.pid, throwaway) : Promise.resolve())
  const secret = password === undefined ? '' : `:${password}`
  return {
    ...server,
    url: `postgresql://postgres${secret}@127.0.0.1:${server.port}/postgres`,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function isAliveProcess(pid: number): boolean {
  return Number.isInteger(pid) && pid > 0 && isAlive(pid)
}

/** Waits for a server that is on its way up or down, and clears what a dead one left. */
async function runningServer(data: string): Promise<Running | undefined> {
  const end = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const lock = await readLockFile(data)
    if (lock === undefined) return undefined
    if (await isStale(lock)) {
      await rm(join(data, 'postmaster.pid'), { force: true })
      return undefined
    }
    if (lock.ready) return { pid: lock.pid, port: lock.port, attached: true }
    if (performance.now() > end) throw new Error(`Postgres (process ${lock.pid}) neither starts nor stops; see its log`)
    await sleep(POLL_MS)
  }
}

async function start(
  directory: string,
  password: string | undefined,
  port: number,
  log: (line: string) => void,
): Promise<Running> {
  const user = await serverUser()
  const binaries = await findBinaries(user)
  await ensureData(directory, binaries, user, password)
  const launch = launchOn(join(directory, 'data'), user)
  const settings = [
    ...SHARED_SETTINGS,
    `max_connections=${password === undefined ? CONNECTIONS_MAX.throwaway : CONNECTIONS_MAX.kept}`,
    ...(password === undefined ? THROWAWAY_SETTINGS : []),
  ]
  const end = performance.now() + LOCK_WAIT_MS
  for (;;) {
    const attempt = await launchServer(directory, binaries, launch, settings, port)
    if (attempt.kind === 'running') {
      log(`Postgres ${attempt.attached ? 'is running already' : 'started'} on port ${attempt.port}`)
      return attempt
    }
    // The processes of a killed server let go of its shared memory a moment later, and a free port may be taken
    // between the search and the start.
    const passing = /lock file .* already exists|pre-existing shared memory|could not bind/.test(attempt.output)
    if (!passing || performance.now() > end) throw new Error(`Postgres did not start\n${attempt.output}`)
    await sleep(200)
  }
}

type Attempt = ({ readonly kind: 'running' } & Running) | { readonly kind: 'ended'; readonly output: string }

async function launchServer(
  directory: string,
  binaries: Binaries,
  launch: Launch,
  settings: readonly string[],
  wantedPort: number,
): Promise<Attempt> {
  const port = wantedPort === 0 ? await freePort() : wantedPort
  const logFile = join(directory, 'postgres.log')
  await using output = await open(logFile, 'w', 0o600)
  const args = ['-D', launch.argument, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  // Its own process group: an interrupt typed in the terminal reaches this process, which then stops the server last.
  const child = spawn(binaries.postgres, args, {
    ...launch.options,
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  })
  const ended = new Promise<'ended'>((settle, reject) => {
    child.once('error', reject)
    child.once('exit', () => settle('ended'))
  })
  child.unref()
  const lock = await Promise.race([ended, whenReady(join(directory, 'data'), child.pid ?? 0)])
  if (lock !== 'ended') return { kind: 'running', pid: lock.pid, port: lock.port, attached: false }

  // Two starts at once: the other one has the data directory.
  const other = await runningServer(join(directory, 'data'))
  if (other !== undefined) return { kind: 'running', ...other }
  return { kind: 'ended', output: await readFile(logFile, 'utf8') }
}

async function whenReady(data: string, pid: number): Promise<LockFile | 'ended'> {
  const end = performance.now() + START_TIMEOUT_MS
  while (isAliveProcess(pid)) {
    const lock = await readLockFile(data)
    if (lock?.pid === pid && lock.ready) return lock
    if (performance.now() > end) {
      process.kill(pid, 'SIGQUIT')
      throw new Error(`Postgres did not take connections within ${START_TIMEOUT_MS} ms; see its log`)
    }
    await sleep(POLL_MS)
  }
  return 'ended'
}

async function stopServer(directory: string, pid: number, throwaway: boolean): Promise<void> {
  // SIGINT is Postgres' fast shutdown: clients are cut, everything is written.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (!isAlive(pid)) break
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    const end = performance.now() + STOP_TIMEOUT_MS
    while (isAlive(pid) && performance.now() < end) await sleep(POLL_MS)
  }
  await rm(throwaway ? directory : join(directory, 'owner'), { recursive: true, force: true })
}

const THROWAWAY_PREFIX = 'headgate-postgres-'

/**
 * A new temporary directory that names this process. Those of processes that were killed are removed; a server that
 * still runs in one notices the loss within a minute and ends.
 */
async function throwawayDirectory(): Promise<string> {
  for (const name of await readdir(tmpdir())) {
    const pid = name.startsWith(THROWAWAY_PREFIX) ? Number(name.slice(THROWAWAY_PREFIX.length).split('-')[0]) : 0
    if (pid > 0 && !isAliveProcess(pid))
      await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {})
  }
  return mkdtemp(join(tmpdir(), `${THROWAWAY_PREFIX}${process.pid}-`))
}

function freePort(): Promise<number> {
  return new Promise((settle, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => settle(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
