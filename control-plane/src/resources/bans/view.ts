/**
 * Bans as REST shows them.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import type { BanRow } from './store.ts'

export function banView(row: BanRow, nowMs: number): Answered<'getBan'> {
  return {
    id: row.id,
    source: row.source,
    consumer: row.consumer?.name ?? null,
    reason: row.reason,
    state: stateOf(row, nowMs),
    expires_at: row.expiresAt?.toISOString() ?? null,
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
    lifted_at: row.liftedAt?.toISOString() ?? null,
  }
}

/** One that was found to have ended was not taken back by anybody. */
function stateOf({ liftedAt, expiresAt }: BanRow, nowMs: number): Answered<'getBan'>['state'] {
  const endedMs = expiresAt === null ? Infinity : expiresAt.getTime()
  if (endedMs <= (liftedAt?.getTime() ?? nowMs)) return 'expired'
  return liftedAt === null ? 'active' : 'lifted'
}
