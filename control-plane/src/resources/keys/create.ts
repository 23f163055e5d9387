/**
 * Makes API keys. The text exists in the answer of the call that makes it, and nowhere else.
 *
 * @module
 */
import { formatApiKey } from '@headgate/core'
import { randomBase62 } from '@headgate/kit/ids.ts'
import { createHash } from 'node:crypto'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { type KeyRow, type KeyWrite, insertKey } from './store.ts'

/** Random characters of a key: 178 bits. */
const RANDOM_LENGTH = 30

export type NewKey = Omit<KeyWrite, 'sha256' | 'last4'>

/** @returns the row, and the text that is shown once. */
export async function createKey(
  tx: Tx,
  environment: EnvironmentScope,
  key: NewKey,
  nowMs: number,
): Promise<{ row: KeyRow; text: string }> {
  const random = randomBase62(RANDOM_LENGTH)
  const text = formatApiKey(environment.environmentName, random)
  const row = await insertKey(tx, environment, { ...key, sha256: hashKey(text), last4: random.slice(-4) }, nowMs)
  return { row, text }
}

/** What is stored of a key, and what agents look it up by. */
export function hashKey(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(createHash('sha256').update(text).digest())
}
