/**
 * Processes that a measurement starts, each on one core, and all ended with it.
 *
 * Each is the leader of a process group, so that what it starts ends with it.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** The proxies run on one core, everything else on the other. */
export const PROXY_CORE = 0
export const LOAD_CORE = 1

/** Output that is kept of one process, in characters: the newest. */
const OUTPUT_MAX = 64 * 1024

/** Longest wait for a process that was told to end, in milliseconds. */
const STOP_TIMEOUT_MS = 8_000

export interface Program extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  readonly running: boolean
  /** The newest of what it printed, for people. */
  readonly output: string
}

export interface ProgramOptions {
  readonly name: string
  readonly command: readonly string[]
  readonly core: number
  readonly env?: Readonly<Record<string, string>>
  /** File that takes standard output instead of `output`. */
  readonly stdoutFile?: string
}

const groups = new Set<number>()

/** Keeps this process, and what it starts without saying where, off the proxies' core. */
export function pinSelf(): void {
  spawnSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(process.pid)])
}

/** Starts one; returns when it runs, not when it is ready. */
export async function startProgram({ name, command, core, env, stdoutFile }: ProgramOptions): Promise<Program> {
  const file: FileHandle | undefined = stdoutFile === undefined ? undefined : await open(stdoutFile, 'a', 0o600)
  const child = spawn('taskset', ['-c', String(core), ...command], {
    env: { ...inherited(), ...env },
    stdio: ['ignore', file?.fd ?? 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  const keep = (text: string): void => void (output = (output + text).slice(-OUTPUT_MAX))
  child.stdout?.setEncoding('utf8').on('data', keep)
  child.stderr?.setEncoding('utf8').on('data', keep)
  const exited = new Promise<void>((settle) => child.once('close', () => settle()))
  await new Promise<void>((settle, reject) => child.once('spawn', settle).once('error', reject))
  await file?.close()
  const { pid } = child
  if (pid === undefined) throw new Error(`${name} has no process`)
  groups.add(pid)
  return {
    name,
    pid,
    get running() {
      return isRunning(child)
    },
    get output() {
      return output
    },
    async [Symbol.asyncDispose]() {
      if (isRunning(child)) child.kill('SIGTERM')
      const ended = await Promise.race([exited.then(() => true), sleep(STOP_TIMEOUT_MS, false, { ref: false })])
      if (!ended) signalGroup(pid, 'SIGKILL')
      await exited
      groups.delete(pid)
    },
  }
}

/** Runs a command to its end and gives its standard output. */
export async function run(command: readonly string[], core: number, timeoutMs: number): Promise<string> {
  const child = spawn('taskset', ['-c', String(core), ...command], {
    env: inherited(),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    detached: true,
  })
  const { pid } = child
  if (pid !== undefined) groups.add(pid)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const code = await new Promise<number | null>((settle, reject) => {
    child.once('error', reject)
    child.once('close', settle)
  })
  if (pid !== undefined) groups.delete(pid)
  if (code !== 0) throw new Error(`${command[0]} ended with ${code}: ${stdout}${stderr}`)
  return stdout
}

/** Waits until `ask` is true, for as long as the process runs. */
export async function untilReady(program: Program, ask: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await ask().catch(() => false))) {
    if (!program.running) throw new Error(`${program.name} has ended:\n${program.output}`)
    if (performance.now() > end) throw new Error(`${program.name} is not ready:\n${program.output.slice(-4000)}`)
    await sleep(50)
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

/** A small environment: an unknown `HEADGATE_` name of the caller would be an error in our own processes. */
function inherited(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env
  return { PATH: `${PATH}:/usr/sbin:/sbin`, HOME, ...(TMPDIR !== undefined && { TMPDIR }) }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // Gone already.
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))
process.once('exit', () => {
  for (const pid of groups) signalGroup(pid, 'SIGKILL')
})
