/**
 * Bans in Postgres.
 *
 * @module
 */
import type { Ban } from '@headgate/core'
import { newId } from '@headgate/kit/ids.ts'
import type { Prisma } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

const withConsumer = { consumer: true } as const satisfies Prisma.BanInclude

export type BanRow = Prisma.BanGetPayload<{ include: typeof withConsumer }>

interface ListOptions {
  /** Only those in force at `nowMs`. */
  readonly isActive: boolean
  readonly nowMs: number
  readonly beforeId: string | undefined
  readonly take: number
}

const inForce = (nowMs: number) => ({
  liftedAt: null,
  OR: [{ expiresAt: null }, { expiresAt: { gt: new Date(nowMs) } }],
})

/** The newest first. */
export function listBans(
  db: Tx,
  { environmentId }: EnvironmentScope,
  { isActive, nowMs, beforeId, take }: ListOptions,
): Promise<BanRow[]> {
  return db.ban.findMany({
    where: {
      environmentId,
      ...(isActive ? inForce(nowMs) : {}),
      ...(beforeId === undefined ? {} : { id: { lt: beforeId } }),
    },
    include: withConsumer,
    orderBy: { id: 'desc' },
    take,
  })
}

/** All that are in force, as they are decided with. */
export async function activeBans(db: Tx, { environmentId }: EnvironmentScope, nowMs: number): Promise<readonly Ban[]> {
  const rows = await db.ban.findMany({ where: { environmentId, ...inForce(nowMs) } })
  return rows.map(({ id, source, consumerId, expiresAt }) => ({
    id,
    source,
    consumerId,
    expiresAtMs: expiresAt?.getTime() ?? 0,
  }))
}

export function countBans(db: Tx, { environmentId }: EnvironmentScope): Promise<number> {
  return db.ban.count({ where: { environmentId, liftedAt: null } })
}

export function findBan(db: Tx, { environmentId }: EnvironmentScope, id: string): Promise<BanRow | null> {
  return db.ban.findFirst({ where: { id, environmentId }, include: withConsumer })
}

export interface BanWrite {
  readonly source: string | null
  readonly consumerId: string | null
  readonly reason: string
  readonly expiresAt: Date | null
  readonly sequence: bigint
  readonly createdBy: string
}

export function insertBan(tx: Tx, { environmentId }: EnvironmentScope, ban: BanWrite, nowMs: number): Promise<BanRow> {
  return tx.ban.create({
    data: { ...ban, id: newId('ban', nowMs), environmentId, createdAt: new Date(nowMs) },
    include: withConsumer,
  })
}

export function liftBan(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  id: string,
  sequence: bigint,
  nowMs: number,
): Promise<BanRow> {
  const data = { liftedAt: new Date(nowMs), sequence }
  return tx.ban.update({ where: { id, environmentId }, data, include: withConsumer })
}

/** Agents keep those that have ended by time until they are told that they are gone: with the next change. */
export async function liftEnded(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  sequence: bigint,
  nowMs: number,
): Promise<void> {
  const now = new Date(nowMs)
  await tx.ban.updateMany({
    where: { environmentId, liftedAt: null, expiresAt: { lte: now } },
    data: { liftedAt: now, sequence },
  })
}
