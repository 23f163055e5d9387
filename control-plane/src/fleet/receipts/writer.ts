/**
 * Writes what agents hold, many answers at a time.
 *
 * The latest state of each agent and environment is all that counts, so a queue would only grow: what waits is one
 * entry per agent and environment. When Postgres is away it stays here and is written later; when this process
 * dies with it, the agents say again what they hold when they connect to another.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Holding, ReceiptStore } from './store.ts'

/** Holdings in one statement. */
const BATCH_MAX = 1_000

/** Pause after a failed write, in milliseconds. */
const RETRY_MS = 1_000

export interface HoldingWriter extends AsyncDisposable {
  put(holding: Holding): void
}

interface WriterOptions {
  readonly store: Pick<ReceiptStore, 'saveHoldings'>
  readonly controlPlaneId: string
  readonly clock: Clock
  readonly log: Log
}

export function createHoldingWriter({ store, controlPlaneId, clock, log }: WriterOptions): HoldingWriter {
  const stop = new AbortController()
  const waiting = new Map<string, Holding>()
  let writing: Promise<void> | null = null

  async function write(): Promise<void> {
    while (waiting.size > 0) {
      const batch = [...waiting].slice(0, BATCH_MAX)
      for (const [id] of batch) waiting.delete(id)
      try {
        await store.saveHoldings(
          batch.map(([, holding]) => holding),
          controlPlaneId,
        )
      } catch (error) {
        log.warn({ why: errorText(error), holdings: batch.length }, 'could not write what agents hold')
        // What came meanwhile is newer.
        for (const [id, holding] of batch) if (!waiting.has(id)) waiting.set(id, holding)
        if (stop.signal.aborted) return
        await clock.sleep(RETRY_MS, stop.signal).catch(() => {})
      }
    }
  }

  return {
    put: (holding) => {
      waiting.set(`${holding.agentId} ${holding.environmentId}`, holding)
      writing ??= write().finally(() => (writing = null))
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await writing
    },
  }
}
