/**
 * Takes away sessions and welcome links that ended a while ago.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Database } from '@headgate/prisma'
import { removeExpired } from './store.ts'

/** Pause between two looks, in milliseconds. */
const PAUSE_MS = 3_600_000

/** How long they are kept after their end, in milliseconds: an audit entry may name one. */
const KEPT_MS = 86_400_000

export function sweepOperators({ db, clock, log }: { db: Database; clock: Clock; log: Log }): AsyncDisposable {
  const stop = new AbortController()
  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(PAUSE_MS, stop.signal)
      await removeExpired(db, new Date(clock.now() - KEPT_MS)).catch((thrown: unknown) => {
        log.warn({ why: errorText(thrown) }, 'ended sessions could not be taken away')
      })
    }
  }
  const running = run().catch(() => {})
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}
