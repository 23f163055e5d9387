/**
 * The consumer of a new credential: one that is there, or one that is made with it.
 *
 * @module
 */
import { newName } from '@headgate/admin-api'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { parse } from '#control-plane/rest/input.ts'
import { notFound } from '#control-plane/rest/refusal.ts'
import { findConsumer, insertConsumer } from './store.ts'

interface ConsumerChoice {
  readonly consumer: string
  readonly create_consumer: boolean
}

/** @param sequence of the directory, raised in this transaction. @throws Refusal `not_found` or `input_invalid`. */
export async function chooseConsumer(
  tx: Tx,
  environment: EnvironmentScope,
  { consumer: reference, create_consumer: create }: ConsumerChoice,
  sequence: bigint,
  nowMs: number,
): Promise<{ consumerId: string; created: boolean }> {
  const found = await findConsumer(tx, environment, reference)
  if (found !== null) return { consumerId: found.id, created: false }
  if (!create) return notFound('consumer', reference)
  const name = parse(newName, reference, '/consumer', false)
  return { consumerId: (await insertConsumer(tx, environment, { name, roles: [], sequence }, nowMs)).id, created: true }
}
