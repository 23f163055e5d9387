/**
 * API keys in Postgres: their SHA-256, never their text.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Prisma } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { type ShownState, whereState } from '#control-plane/resources/credentials/state.ts'
import type { KeyLimit } from './limits.ts'

/** What is shown of a key beside its own row: its consumer, and since when it has a successor. */
export const keyInclude = {
  consumer: true,
  successor: { select: { createdAt: true } },
} as const satisfies Prisma.ApiKeyInclude

export type KeyRow = Prisma.ApiKeyGetPayload<{ include: typeof keyInclude }>

interface ListOptions {
  readonly consumerId: string | undefined
  readonly state: ShownState | undefined
  readonly unusedForDays: number | undefined
  readonly expiringWithinDays: number | undefined
  readonly nowMs: number
  readonly afterId: string | undefined
  readonly take: number
}

const DAY_MS = 86_400_000

export function listKeys(
  db: Tx,
  { environmentId }: EnvironmentScope,
  { consumerId, state, unusedForDays, expiringWithinDays, nowMs, afterId, take }: ListOptions,
): Promise<KeyRow[]> {
  return db.apiKey.findMany({
    where: {
      environmentId,
      AND: [
        consumerId === undefined ? {} : { consumerId },
        state === undefined ? {} : whereState(state, nowMs),
        unusedForDays === undefined ? {} : whereUnused(new Date(nowMs - unusedForDays * DAY_MS)),
        expiringWithinDays === undefined ? {} : whereExpiring(nowMs, expiringWithinDays),
        afterId === undefined ? {} : { id: { gt: afterId } },
      ],
    },
    include: keyInclude,
    orderBy: { id: 'asc' },
    take,
  })
}

/** A key that was never used counts from when it was made: a new one is not unused yet. */
function whereUnused(since: Date): Prisma.ApiKeyWhereInput {
  return { OR: [{ lastUsedAt: { lt: since } }, { lastUsedAt: null, createdAt: { lt: since } }] }
}

function whereExpiring(nowMs: number, days: number): Prisma.ApiKeyWhereInput {
  return { state: 'active', expiresAt: { gt: new Date(nowMs), lte: new Date(nowMs + days * DAY_MS) } }
}

export function findKey(db: Tx, { environmentId }: EnvironmentScope, id: string): Promise<KeyRow | null> {
  return db.apiKey.findFirst({ where: { id, environmentId }, include: keyInclude })
}

/** For explain: the key that somebody presented. */
export function findKeyByHash(
  db: Tx,
  { environmentId }: EnvironmentScope,
  sha256: Uint8Array<ArrayBuffer>,
): Promise<KeyRow | null> {
  return db.apiKey.findFirst({ where: { sha256, environmentId }, include: keyInclude })
}

export interface KeyWrite {
  readonly consumerId: string
  readonly sha256: Uint8Array<ArrayBuffer>
  readonly last4: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  readonly limits: readonly KeyLimit[]
  readonly decoy: boolean
  readonly expiresAt: Date | null
  readonly sequence: bigint
  readonly createdBy: string
}

export function insertKey(tx: Tx, { environmentId }: EnvironmentScope, key: KeyWrite, nowMs: number): Promise<KeyRow> {
  return tx.apiKey.create({
    data: {
      ...key,
      id: newId('key', nowMs),
      environmentId,
      scopes: [...key.scopes],
      addresses: [...key.addresses],
      limits: asJson(key.limits),
      createdAt: new Date(nowMs),
    },
    include: keyInclude,
  })
}

/** What may change of a key. `sequence` is that of the directory, raised in this transaction. */
export interface KeyChange {
  readonly name?: string
  readonly scopes?: string[]
  readonly addresses?: string[]
  readonly limits?: readonly KeyLimit[]
  readonly state?: 'active' | 'disabled' | 'revoked'
  readonly revokedAt?: Date
  readonly expiresAt?: Date
  readonly successorId?: string
  readonly sequence: bigint
}

export function updateKey(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  id: string,
  { limits, ...change }: KeyChange,
): Promise<KeyRow> {
  return tx.apiKey.update({
    where: { id, environmentId },
    data: { ...change, ...(limits === undefined ? {} : { limits: asJson(limits) }) },
    include: keyInclude,
  })
}

function asJson(limits: readonly KeyLimit[]): Prisma.InputJsonArray {
  return limits.map((limit) => ({ ...limit }))
}

/** @returns how many were revoked by this. */
export async function revokeKeysOf(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  consumerId: string,
  sequence: bigint,
  now: Date,
): Promise<number> {
  const { count } = await tx.apiKey.updateMany({
    where: { environmentId, consumerId, state: { not: 'revoked' } },
    data: { state: 'revoked', revokedAt: now, sequence },
  })
  return count
}
