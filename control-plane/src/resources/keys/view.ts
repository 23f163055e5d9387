/**
 * API keys as REST shows them: everything but the key.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { apiKeyHint } from '@headgate/core'
import { lastUsedView } from '#control-plane/resources/credentials/last-used.ts'
import { stateOf } from '#control-plane/resources/credentials/state.ts'
import { readLimits } from './limits.ts'
import type { KeyRow } from './store.ts'

export function keyView(row: KeyRow, nowMs: number): Answered<'getKey'> {
  return {
    id: row.id,
    name: row.name,
    consumer: row.consumer.name,
    hint: apiKeyHint(row.last4),
    scopes: row.scopes,
    addresses: row.addresses,
    limits: readLimits(row.limits),
    decoy: row.decoy,
    state: stateOf(row, nowMs),
    expires_at: row.expiresAt?.toISOString() ?? null,
    successor_id: row.successorId,
    rotation: rotationView(row),
    last_used: lastUsedView(row),
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    revoked_at: row.revokedAt?.toISOString() ?? null,
  }
}

function rotationView({
  successorId,
  successor,
  lastUsedAt,
}: Pick<KeyRow, 'successorId' | 'successor' | 'lastUsedAt'>): Answered<'getKey'>['rotation'] {
  if (successorId === null || successor === null) return null
  const rotatedAt = successor.createdAt
  return {
    successor_id: successorId,
    rotated_at: rotatedAt.toISOString(),
    old_still_used: lastUsedAt !== null && lastUsedAt > rotatedAt,
  }
}
