/**
 * API keys as REST shows them: everything but the key.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { apiKeyHint } from '@headgate/core'
import type { KeyRow } from './store.ts'

export function keyView(row: KeyRow, nowMs: number): Answered<'getKey'> {
  return {
    id: row.id,
    name: row.name,
    consumer: row.consumer.name,
    hint: apiKeyHint(row.last4),
    scopes: row.scopes,
    addresses: row.addresses,
    state: stateOf(row, nowMs),
    expires_at: row.expiresAt?.toISOString() ?? null,
    successor_id: row.successorId,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    revoked_at: row.revokedAt?.toISOString() ?? null,
  }
}

/** What the key is worth now: time counts before being switched off, because it cannot be undone. */
export function stateOf(
  { state, expiresAt }: Pick<KeyRow, 'state' | 'expiresAt'>,
  nowMs: number,
): Answered<'getKey'>['state'] {
  if (state !== 'active' && state !== 'disabled') return 'revoked'
  return expiresAt !== null && expiresAt.getTime() <= nowMs ? 'expired' : state
}
