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
  /** Forgets what an agent held of other environments than these, after everything that was put before. */
  keepOnly(agentId: string, environmentIds: readonly string[]): void
}

interface WriterOptions {
  readonly store: Pick<ReceiptStore, 'saveHoldings' | 'dropHoldings'>
  readonly controlPlaneId: string
  readonly clock: Clock
  readonly log: Log
}

export function createHoldingWriter({ store, controlPlaneId, clock, log }: WriterOptions): HoldingWriter {
  const stop = new AbortController()
  const waiting = new Map<string, Holding>()
  /** What agents serve now, where something else may still be written down. */
  const served = new Map<string, readonly string[]>()
  let writing: Promise<void> | null = null

  async function write(): Promise<void> {
    while (waiting.size > 0 || served.size > 0) {
      const batch = [...waiting].slice(0, BATCH_MAX)
      // After the last holding: one that is still to be written must not come back.
      const drops = waiting.size > BATCH_MAX ? [] : [...served]
      for (const [id] of batch) waiting.delete(id)
      for (const [id] of drops) served.delete(id)
      try {
        await saveBatch(batch.map(([, holding]) => holding))
        for (const [agentId, environmentIds] of drops) {
          await store.dropHoldings(agentId, environmentIds, controlPlaneId)
        }
      } catch (error) {
        log.warn({ why: errorText(error), holdings: batch.length }, 'could not write what agents hold')
        // What came meanwhile is newer.
        for (const [id, holding] of batch) if (!waiting.has(id)) waiting.set(id, holding)
        for (const [agentId, environmentIds] of drops) if (!served.has(agentId)) served.set(agentId, environmentIds)
        if (stop.signal.aborted) return
        await clock.sleep(RETRY_MS, stop.signal).catch(() => {})
      }
    }
  }

  async function saveBatch(holdings: readonly Holding[]): Promise<void> {
    if (holdings.length > 0) await store.saveHoldings(holdings, controlPlaneId)
  }

  function start(): void {
    if (writing !== null || stop.signal.aborted) return
    writing = write().finally(() => {
      writing = null
      // Something may have come after the last look and before this.
      if (waiting.size > 0 || served.size > 0) start()
    })
  }

  return {
    put: (holding) => {
      waiting.set(`${holding.agentId} ${holding.environmentId}`, holding)
      start()
    },
    keepOnly: (agentId, environmentIds) => {
      served.set(agentId, environmentIds)
      start()
    },
    [Symbol.asyncDispose]: async () => {
      // What waits is written, once.
      if (writing === null) start()
      stop.abort()
      await writing
    },
  }
}
