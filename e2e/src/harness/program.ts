/**
 * A program of the product as a real process: started, watched, killed and started again.
 *
 * It sees a small environment of its own, because an unknown `HEADGATE_` name of the caller would be an error there.
 * What it prints is kept; when a test file fails, the end of it is shown. Whatever still runs when the test process
 * ends is killed.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { removeFolders } from './folder.ts'

/** Folder of the repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** Output that is kept of one program, in characters: the newest. */
const OUTPUT_MAX = 8 * 1024 * 1024

/** Lines of a program's output that are shown when the tests of the file failed. */
const SHOWN_LINES = 60

/** Longest wait for a program that was told to end, in milliseconds. */
const STOP_TIMEOUT_MS = 30_000

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

interface ProgramOptions {
  /** For people, such as `agent-1`. */
  readonly name: string
  /** Path of the script below the root of the repository. */
  readonly script: string
  readonly args?: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Working directory; default: the root of the repository. */
  readonly directory?: string
  /** Makes the program the leader of a process group, so that `killGroup` reaches what it started. */
  readonly group?: boolean
}

const programs = new Set<Program>()

/** One program. It may run several times, one after the other. */
export class Program implements AsyncDisposable {
  readonly name: string
  readonly #options: ProgramOptions
  #child: ChildProcess | undefined
  #exited: Promise<Exit> | undefined
  #output = ''
  #stdout = ''
  /** When it was started last, on the clock of `performance.now()`. */
  startedAtMs = 0

  constructor(options: ProgramOptions) {
    this.name = options.name
    this.#options = options
    programs.add(this)
  }

  /** Everything that it printed, over all runs. */
  get output(): string {
    return this.#output
  }

  /** What it printed on standard output, over all runs. */
  get stdout(): string {
    return this.#stdout
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Starts it; returns at once. */
  start(extraEnv: Readonly<Record<string, string>> = {}): void {
    if (this.running) throw new Error(`${this.name} runs already`)
    const { script, args = [], env, directory = ROOT, group = false } = this.#options
    this.startedAtMs = performance.now()
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ROOT + script, ...args], {
      cwd: directory,
      env: { ...inherited(), ...env, ...extraEnv },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: group,
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-OUTPUT_MAX)
      this.#keep(text)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#keep(text))
    this.#child = child
    this.#exited = new Promise((settle, reject) => {
      child.once('error', reject)
      // `close` comes after `exit`, when everything that it printed has been read.
      child.once('close', (code, signal) => {
        this.#keep(`--- ${this.name} ended: ${code ?? signal}\n`)
        settle({ code, signal })
      })
    })
    this.#exited.catch(() => {})
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_MAX)
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.name} was not started`)
    return pid
  }

  /** How the present run ended, when it has. */
  get exited(): Promise<Exit> {
    if (this.#exited === undefined) throw new Error(`${this.name} was not started`)
    return this.#exited
  }

  /** Sends a signal and waits for the end. After `STOP_TIMEOUT_MS` it is killed. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    if (!this.running) return this.exited
    const child = this.#child
    child?.kill(signal)
    const guard = setTimeout(() => child?.kill('SIGKILL'), STOP_TIMEOUT_MS)
    try {
      return await this.exited
    } finally {
      clearTimeout(guard)
    }
  }

  /** Waits for an end that it comes to by itself. */
  async wait(timeoutMs: number): Promise<Exit> {
    const timeout = AbortSignal.timeout(timeoutMs)
    return Promise.race([
      this.exited,
      new Promise<never>((_, reject) => {
        timeout.addEventListener('abort', () => reject(new Error(`${this.name} did not end within ${timeoutMs} ms`)))
      }),
    ])
  }

  /** Kills it, and with `group` what it started, at once. */
  killNow(): void {
    if (!this.running) return
    try {
      process.kill(this.#options.group === true ? -this.pid : this.pid, 'SIGKILL')
    } catch {
      // Gone in the meantime.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== undefined) await this.end('SIGTERM')
  }
}

function inherited(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE']
  return Object.fromEntries(
    kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

// The runner ends a file that takes too long by SIGTERM, of which no `exit` event would tell.
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(1))

process.on('exit', end)
// An error while a file is loaded ends the process without `exit`.
process.on('uncaughtExceptionMonitor', () => end(1))

function end(code: number): void {
  for (const program of programs) program.killNow()
  removeFolders()
  for (const program of programs) {
    programs.delete(program)
    if (code === 0) continue
    const lines = program.output.trimEnd().split('\n').slice(-SHOWN_LINES)
    writeSync(2, `\n===== ${program.name}: the last ${lines.length} lines\n${lines.join('\n')}\n`)
  }
}
