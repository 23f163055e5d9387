/**
 * API keys in Postgres: their SHA-256, never their text.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Prisma } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

const withConsumer = { consumer: true } as const satisfies Prisma.ApiKeyInclude

export type KeyRow = Prisma.ApiKeyGetPayload<{ include: typeof withConsumer }>

interface ListOptions {
  readonly consumerId: string | undefined
  readonly afterId: string | undefined
  readonly take: number
}

export function listKeys(
  db: Tx,
  { environmentId }: EnvironmentScope,
  { consumerId, afterId, take }: ListOptions,
): Promise<KeyRow[]> {
  return db.apiKey.findMany({
    where: {
      environmentId,
      ...(consumerId === undefined ? {} : { consumerId }),
      ...(afterId === undefined ? {} : { id: { gt: afterId } }),
    },
    include: withConsumer,
    orderBy: { id: 'asc' },
    take,
  })
}

export function findKey(db: Tx, { environmentId }: EnvironmentScope, id: string): Promise<KeyRow | null> {
  return db.apiKey.findFirst({ where: { id, environmentId }, include: withConsumer })
}

/** For explain: the key that somebody presented. */
export function findKeyByHash(
  db: Tx,
  { environmentId }: EnvironmentScope,
  sha256: Uint8Array<ArrayBuffer>,
): Promise<KeyRow | null> {
  return db.apiKey.findFirst({ where: { sha256, environmentId }, include: withConsumer })
}

export interface KeyWrite {
  readonly consumerId: string
  readonly sha256: Uint8Array<ArrayBuffer>
  readonly last4: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
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
      createdAt: new Date(nowMs),
    },
    include: withConsumer,
  })
}

/** What may change of a key. `sequence` is that of the directory, raised in this transaction. */
export interface KeyChange {
  readonly name?: string
  readonly scopes?: string[]
  readonly addresses?: string[]
  readonly state?: 'active' | 'disabled' | 'revoked'
  readonly revokedAt?: Date
  readonly expiresAt?: Date
  readonly successorId?: string
  readonly sequence: bigint
}

export function updateKey(tx: Tx, { environmentId }: EnvironmentScope, id: string, data: KeyChange): Promise<KeyRow> {
  return tx.apiKey.update({ where: { id, environmentId }, data, include: withConsumer })
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
