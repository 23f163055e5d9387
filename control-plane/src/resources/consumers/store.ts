/**
 * Consumers in Postgres.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Consumer } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

export function listConsumers(
  db: Tx,
  { environmentId }: EnvironmentScope,
  afterId: string | undefined,
  take: number,
): Promise<Consumer[]> {
  return db.consumer.findMany({
    where: { environmentId, deletedAt: null, ...(afterId === undefined ? {} : { id: { gt: afterId } }) },
    orderBy: { id: 'asc' },
    take,
  })
}

/** @param reference name or id of one that is not deleted. */
export async function findConsumer(
  db: Tx,
  { environmentId }: EnvironmentScope,
  reference: string,
): Promise<Consumer | null> {
  const rows = await db.consumer.findMany({
    where: { environmentId, deletedAt: null, OR: [{ id: reference }, { name: reference }] },
    take: 2,
  })
  return rows.find(({ id }) => id === reference) ?? rows[0] ?? null
}

export interface NewConsumer {
  readonly name: string
  readonly roles: readonly string[]
  /** Of the directory, raised in this transaction. */
  readonly sequence: bigint
}

export function insertConsumer(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  { name, roles, sequence }: NewConsumer,
  nowMs: number,
): Promise<Consumer> {
  const now = new Date(nowMs)
  return tx.consumer.create({
    data: {
      id: newId('cns', nowMs),
      environmentId,
      name,
      roles: [...roles],
      sequence,
      createdAt: now,
      updatedAt: now,
    },
  })
}

/** What may change of a consumer. `sequence` is that of the directory, raised in this transaction. */
export interface ConsumerChange {
  readonly disabled?: boolean
  readonly roles?: string[]
  readonly sequence: bigint
}

export function updateConsumer(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  id: string,
  change: ConsumerChange,
): Promise<Consumer> {
  return tx.consumer.update({ where: { id, environmentId }, data: { ...change, revision: { increment: 1 } } })
}

/** Leaves a mark, so that agents which were away hear of it. */
export async function markDeleted(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  id: string,
  sequence: bigint,
  now: Date,
): Promise<void> {
  await tx.consumer.update({
    where: { id, environmentId },
    data: { deletedAt: now, sequence, revision: { increment: 1 } },
  })
}
