/**
 * Security events in Postgres.
 *
 * @module
 */
import type { SecurityEvent } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

interface ListOptions {
  readonly kind: string | undefined
  readonly beforeId: string | undefined
  readonly take: number
}

/** Newest first. */
export function listSecurityEvents(
  db: Tx,
  { environmentId }: EnvironmentScope,
  { kind, beforeId, take }: ListOptions,
): Promise<SecurityEvent[]> {
  return db.securityEvent.findMany({
    where: {
      environmentId,
      ...(kind === undefined ? {} : { kind }),
      ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
    },
    orderBy: { id: 'desc' },
    take,
  })
}
