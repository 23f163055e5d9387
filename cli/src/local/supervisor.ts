/**
 * Keeps a child process running: starts it, starts it again when it dies, ends it in order.
 *
 * A child leads its own process group, so that Ctrl-C in the terminal reaches only this process, which ends the
 * children one after the other.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { open, readFile, rename } from 'node:fs/promises'
import type { Clock } from '@headgate/kit/clock.ts'
import { CliError } from '#cli/exit.ts'
import { printable } from '#cli/output/style.ts'
import type { Processes, ProcessMark } from './processes.ts'

export interface ChildOptions {
  /** For people, such as `control plane`. */
  readonly name: string
  readonly execPath: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly logFile: string
  /** Time to end by itself, in milliseconds. */
  readonly graceMs: number
  readonly clock: Clock
  readonly processes: Processes
  /** Ends the wait for readiness. */
  readonly signal: AbortSignal
  /** One line for people about deaths and restarts. */
  readonly say: (line: string) => void
  /** A process was started; awaited before anything waits for it. */
  readonly onStart: (mark: ProcessMark) => Promise<void>
}

export interface Child {
  readonly name: string
  /**
   * Waits until `isReady` says so.
   *
   * @throws CliError with the end of its log when the process ends before.
   */
  ready(isReady: () => Promise<boolean>, timeoutMs: number): Promise<void>
  stop(): Promise<void>
}

/** Waits before a restart, in milliseconds; the last one repeats. */
const BACKOFF_MS = [200, 500, 1_000, 2_000, 5_000] as const

/** A process that ran this long starts over with the shortest wait, in milliseconds. */
const STABLE_MS = 30_000

/** Wait between two looks while a child gets ready, in milliseconds. */
const READY_POLL_MS = 50

/** Lines of a log that are shown when a start fails. */
const SHOWN_LINES = 12

/** In an object, because awaiting a promise of a promise waits for both. */
interface Launched {
  /** How the process ends. */
  readonly exit: Promise<string>
}

export async function startChild(options: ChildOptions): Promise<Child> {
  const { name, clock, processes, say, logFile } = options
  await rename(logFile, `${logFile}.1`).catch(() => {})
  const stopping = new AbortController()
  let current: { readonly child: ChildProcess; readonly mark: ProcessMark } | undefined
  let hasBeenReady = false
  let ended: string | undefined

  const launch = async (): Promise<Launched> => {
    await using log = await open(logFile, 'a', 0o600)
    const child = spawn(options.execPath, [...options.args], {
      env: options.env,
      cwd: options.cwd,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    const exit = new Promise<string>((resolve) => {
      child.once('error', (thrown) => resolve(thrown.message))
      child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
    })
    if (child.pid !== undefined) {
      current = { child, mark: await processes.mark(child.pid) }
      await options.onStart(current.mark)
    }
    return { exit }
  }

  const supervise = async (first: Launched): Promise<void> => {
    let { exit } = first
    let failures = 0
    for (;;) {
      const startedAt = clock.monotonic()
      const how = await exit
      if (stopping.signal.aborted) return
      ended = how
      // The first start is judged by who waits for it.
      if (!hasBeenReady) return
      failures = clock.monotonic() - startedAt > STABLE_MS ? 0 : failures
      const waitMs = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 0
      failures += 1
      await clock.sleep(waitMs, stopping.signal)
      ;({ exit } = await launch())
      // Told to stop in the moment of the start: nobody else knows this process yet.
      if (stopping.signal.aborted && current !== undefined) return processes.end(current.mark, options.graceMs)
      say(`${name} ended (${how}) and is started again; its log: ${logFile}`)
    }
  }

  const supervising = supervise(await launch()).catch(() => {})
  return {
    name,
    async ready(isReady, timeoutMs) {
      const until = clock.monotonic() + timeoutMs
      while (!(await isReady())) {
        if (ended !== undefined) throw await failedStart(`${name} did not start (${ended})`, logFile)
        if (clock.monotonic() > until)
          throw await failedStart(`${name} was not ready within ${timeoutMs / 1000} s`, logFile)
        await clock.sleep(READY_POLL_MS, options.signal)
      }
      hasBeenReady = true
    },
    async stop() {
      stopping.abort()
      if (current !== undefined) await processes.end(current.mark, options.graceMs)
      await supervising
    },
  }
}

async function failedStart(message: string, logFile: string): Promise<CliError> {
  const lines = (await readFile(logFile, 'utf8').catch(() => '')).trimEnd().split('\n')
  const details = lines.flatMap(readable).slice(-SHOWN_LINES)
  return new CliError(message, { details, fix: `The whole log: ${logFile}` })
}

const TROUBLE = ['warn', 'error', 'fatal']

/** A line of a log for people: what is no trouble is left away, what is no log line stays as it is. */
function readable(line: string): readonly string[] {
  const entry = parseEntry(line)
  if (entry === undefined) return line === '' ? [] : [printable(line)]
  if (!TROUBLE.includes(String(entry['level']))) return []
  const why = entry['why'] ?? (entry['err'] as { readonly message?: unknown } | undefined)?.message
  return [printable(typeof why === 'string' ? `${String(entry['msg'])}: ${why}` : String(entry['msg']))]
}

function parseEntry(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof parsed === 'object' && parsed !== null && 'level' in parsed ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}
