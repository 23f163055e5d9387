/**
 * Audit entries in Postgres, where a trigger refuses to change or remove one.
 *
 * @module
 */
import type { AuditEntry } from '@headgate/prisma'
import type { Tx } from '#control-plane/db.ts'

interface ListOptions {
  readonly action: string | undefined
  readonly beforeId: string | undefined
  readonly take: number
}

/** Newest first. */
export function listEntries(db: Tx, { action, beforeId, take }: ListOptions): Promise<AuditEntry[]> {
  return db.auditEntry.findMany({
    where: { ...(action === undefined ? {} : { action }), ...(beforeId === undefined ? {} : { id: { lt: beforeId } }) },
    orderBy: { id: 'desc' },
    take,
  })
}
