/**
 * Redis servers of a test's own, which it can kill, pause and start again.
 *
 * The set-up of the tests says where the program is (`HEADGATE_REDIS_SERVER`, `HEADGATE_REDIS_LIBRARIES`). A file that is
 * run by itself takes the one that is installed.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RedisProgram {
  readonly path: string
  /** Folder of libraries that the system lacks. */
  readonly libraries?: string
}

export interface TestRedis extends AsyncDisposable {
  readonly port: number
  readonly url: string
  /** `kill -9`; what it held is gone. */
  kill(): Promise<void>
  /** Takes connections, and answers nothing. */
  pause(): void
  resume(): void
  /** After `kill`, on the same port. */
  restart(): Promise<void>
}

const START_TIMEOUT_MS = 10_000

/** @returns undefined: there is none here, and what needs one is skipped. */
export function redisProgram(): RedisProgram | undefined {
  const { HEADGATE_REDIS_SERVER: path, HEADGATE_REDIS_LIBRARIES: libraries, PATH = '' } = process.env
  if (path !== undefined) return libraries === undefined ? { path } : { path, libraries }
  const installed = PATH.split(delimiter)
    .map((folder) => join(folder, 'redis-server'))
    .find(isProgram)
  return installed === undefined ? undefined : { path: installed }
}

/** @param args more settings, such as `['--cluster-enabled', 'yes']`. */
export async function startTestRedis(program: RedisProgram, args: readonly string[] = []): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-redis-'))
  const port = await freePort()
  let child = await launch(program, port, folder, args)
  // It is a process group of its own and would outlive a test process that is ended.
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    kill: async () => await ended(child, 'SIGKILL'),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    restart: async () => void (child = await launch(program, port, folder, args)),
    [Symbol.asyncDispose]: async () => {
      process.off('exit', end)
      // One that is paused would not hear of a gentler one. Nothing that it holds is kept.
      await ended(child, 'SIGKILL')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function launch(
  { path, libraries }: RedisProgram,
  port: number,
  folder: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const own = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder, '--save', '', '--appendonly', 'no']
  const libraryPath = [libraries, process.env['LD_LIBRARY_PATH']].filter((part) => part !== undefined).join(delimiter)
  const child = spawn(path, [...own, ...args], {
    stdio: 'ignore',
    // An interrupt typed in the terminal reaches the tests first.
    detached: true,
    env: { ...process.env, ...(libraryPath !== '' && { LD_LIBRARY_PATH: libraryPath }) },
  })
  child.once('error', () => {})
  const lastMs = performance.now() + START_TIMEOUT_MS
  while (!(await isListening(port))) {
    if (child.exitCode !== null || performance.now() > lastMs) throw new Error(`${path} did not start`)
    await sleep(10)
  }
  return child
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await exit
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
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
