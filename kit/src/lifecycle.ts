/**
 * The life of a process: create, run until a signal, dispose, leave with a code.
 *
 * Nobody calls `process.exit`: what is still open when `main` ends is a leak that should be seen. A second signal
 * ends at once, and so does a disposal that takes longer than its bound.
 *
 * @module
 */
import type { Log } from './log.ts'
import { errorText } from './errors.ts'
import { onStopSignal } from './stop-signals.ts'

interface ProcessOptions {
  readonly log: Log
  /** Makes the long-lived objects; disposing of them drains and closes. */
  readonly create: (stop: AbortSignal) => Promise<AsyncDisposable>
  /** Longest time for disposal, in milliseconds. */
  readonly disposeMsMax: number
  /** The process; a parameter because only `main.ts` touches it. */
  readonly process: NodeJS.Process
}

/** Runs a process until SIGTERM or SIGINT. Sets the exit code: 0 after a clean end, 1 otherwise. */
export async function runProcess({ log, create, disposeMsMax, process }: ProcessOptions): Promise<void> {
  const stop = new AbortController()
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const stopListening = onStopSignal(process, ['SIGTERM', 'SIGINT'], (signal) => {
    log.info({ signal }, 'stopping')
    stop.abort()
  })
  const onBug = (thrown: unknown): void => {
    log.fatal({ err: thrown }, 'a bug: nobody caught this')
    process.exitCode = 1
    stop.abort()
  }
  process.on('uncaughtException', onBug)
  process.on('unhandledRejection', onBug)
  try {
    await using app = await create(stop.signal)
    log.info('ready')
    await stopped
    const guard = setTimeout(() => {
      log.error({ dispose_ms_max: disposeMsMax }, 'did not end in time: ending at once')
      process.kill(process.pid, 'SIGKILL')
    }, disposeMsMax)
    guard.unref()
    void app
  } catch (thrown) {
    // A stop during the start is not a failure.
    if (!stop.signal.aborted || process.exitCode === 1) {
      log.fatal({ err: thrown, why: errorText(thrown) }, 'could not go on')
      process.exitCode = 1
    }
  } finally {
    stopListening()
  }
}
