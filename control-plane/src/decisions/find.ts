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

/**
 * How long `last` waits for a newer record than the newest that is there, in milliseconds. Agents send once a second by
 * default: without it, whoever asks right after a request is told of the one before.
 */
const LAST_WAIT_MS = 1_200

const POLL_MS = 100

/** @param reference a request id, `last` or `last-refused`. @throws Refusal `not_found`. */
export async function awaitDecision(
  { db, clock }: Services,
  environment: EnvironmentScope,
  reference: string,
  signal: AbortSignal,
): Promise<DecisionRow> {
  const newest = reference === 'last' || reference === 'last-refused'
  const first = await findDecision(db, environment, reference)
  if (first !== null && !newest) return first
  const end = clock.monotonic() + (first === null ? WAIT_MS : LAST_WAIT_MS)
  let row = first
  while (clock.monotonic() < end && !signal.aborted && row?.requestId === first?.requestId) {
    await clock.sleep(POLL_MS, signal).catch(() => {})
    row = await findDecision(db, environment, reference)
  }
  if (row !== null) return row
  return refuse(
    'not_found',
    `There is no record of request ${reference}: it was never seen, is too old, or was allowed and not sampled`,
  )
}
