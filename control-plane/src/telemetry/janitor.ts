/**
 * Keeps the store of decision records, counts and security events within its budget in rows and hours.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { TelemetryStore } from './store.ts'

/** Pause between two looks, in milliseconds. */
const PAUSE_MS = 60_000

/** Pause while there is more to take away than one look takes, in milliseconds. */
const PAUSE_BUSY_MS = 1_000

/** More than this in one look means that there is more. */
const BUSY_ROWS = 10_000

export interface RetentionBudget {
  /** Decision records per environment. */
  readonly rowsMax: number
  /** Age of decision records. */
  readonly recordsMs: number
  /** Age of per-minute counts, and of security events. */
  readonly minutesMs: number
}

export interface Janitor extends AsyncDisposable {
  /** One look, now. */
  clean(): Promise<number | null>
}

interface JanitorOptions {
  readonly store: Pick<TelemetryStore, 'clean'>
  readonly retention: RetentionBudget
  readonly clock: Clock
  readonly log: Log
}

export function createJanitor({ store, retention, clock, log }: JanitorOptions): Janitor {
  const stop = new AbortController()

  async function run(): Promise<void> {
    let pauseMs = PAUSE_MS
    while (!stop.signal.aborted) {
      await clock.sleep(pauseMs * (0.75 + Math.random() / 2), stop.signal).catch(() => {})
      if (stop.signal.aborted) return
      try {
        const gone = await store.clean(retention)
        pauseMs = (gone ?? 0) >= BUSY_ROWS ? PAUSE_BUSY_MS : PAUSE_MS
        if (gone !== null && gone > 0) log.info({ rows: gone }, 'old telemetry was taken away')
      } catch (error) {
        log.warn({ why: errorText(error) }, 'could not take old telemetry away')
      }
    }
  }

  const running = run()
  return {
    clean: () => store.clean(retention),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}
