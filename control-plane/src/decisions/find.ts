/**
 * Finds the record of a request that may still be on its way: agents send records in batches.
 *
 * @module
 */
import type { EnvironmentScope } from '#control-plane/db.ts'
import type { Services } from '#control-plane/rest/contract.ts'
import { refuse } from '#control-plane/rest/refusal.ts'
import { type DecisionRow, findDecision } from './store.ts'

/** Longest wait for a record, in milliseconds. */
const WAIT_MS = 2_000

const POLL_MS = 100

/** @param reference a request id, `last` or `last-refused`. @throws Refusal `not_found`. */
export async function awaitDecision(
  { db, clock }: Services,
  environment: EnvironmentScope,
  reference: string,
  signal: AbortSignal,
): Promise<DecisionRow> {
  const end = clock.monotonic() + WAIT_MS
  for (;;) {
    const row = await findDecision(db, environment, reference)
    if (row !== null) return row
    if (clock.monotonic() >= end || signal.aborted) {
      return refuse('not_found', `There is no record of request ${reference}: it was never seen, is too old, or was allowed and not sampled`)
    }
    await clock.sleep(POLL_MS, signal).catch(() => {})
  }
}
