/**
 * Client certificates and keys that sign requests, in Postgres.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Prisma } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { type ShownState, whereState } from './state.ts'

const withConsumer = { consumer: true } as const satisfies Prisma.CredentialInclude

export type CredentialRow = Prisma.CredentialGetPayload<{ include: typeof withConsumer }>

interface ListOptions {
  readonly consumerId: string | undefined
  readonly kind: string | undefined
  readonly state: ShownState | undefined
  readonly nowMs: number
  readonly afterId: string | undefined
  readonly take: number
}

export function listCredentials(
  db: Tx,
  { environmentId }: EnvironmentScope,
  { consumerId, kind, state, nowMs, afterId, take }: ListOptions,
): Promise<CredentialRow[]> {
  return db.credential.findMany({
    where: {
      environmentId,
      ...(consumerId === undefined ? {} : { consumerId }),
      ...(kind === undefined ? {} : { kind }),
      ...(afterId === undefined ? {} : { id: { gt: afterId } }),
      ...(state === undefined ? {} : whereState(state, nowMs)),
    },
    include: withConsumer,
    orderBy: { id: 'asc' },
    take,
  })
}

export function findCredential(db: Tx, { environmentId }: EnvironmentScope, id: string): Promise<CredentialRow | null> {
  return db.credential.findFirst({ where: { id, environmentId }, include: withConsumer })
}

/** For explain: what somebody presented. Of several with the subject at most one is not revoked, and that one counts. */
export async function findCredentialBySubject(
  db: Tx,
  { environmentId }: EnvironmentScope,
  kind: Proof['kind'],
  subject: string,
): Promise<CredentialRow | null> {
  const where = { environmentId, kind, subject }
  const rows = await db.credential.findMany({ where, include: withConsumer, orderBy: { createdAt: 'desc' } })
  return rows.find(({ state }) => state !== 'revoked') ?? rows[0] ?? null
}

/** What it is, and by what it is found. */
export type Proof =
  | { readonly kind: 'certificate'; readonly subject: string }
  | {
      readonly kind: 'signing_key'
      readonly subject: string
      readonly algorithm: 'ed25519'
      readonly publicKey: string
    }
  | {
      readonly kind: 'signing_key'
      readonly subject: string
      readonly algorithm: 'hmac-sha256'
      readonly secret: string
    }

export interface CredentialWrite {
  readonly proof: Proof
  readonly consumerId: string
  readonly name: string
  readonly scopes: string[]
  readonly addresses: string[]
  readonly expiresAt: Date | null
  readonly sequence: bigint
  readonly createdBy: string
}

/** @throws a unique violation when another one that is not revoked has the subject. */
export async function insertCredential(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  { proof, ...credential }: CredentialWrite,
  nowMs: number,
): Promise<CredentialRow> {
  // Agents know one credential of a name: they are told that those before it are gone.
  await tx.credential.updateMany({
    where: { environmentId, kind: proof.kind, subject: proof.subject },
    data: { sequence: credential.sequence },
  })
  return await tx.credential.create({
    data: { ...proof, ...credential, id: newId('crd', nowMs), environmentId, createdAt: new Date(nowMs) },
    include: withConsumer,
  })
}

/** What may change. `sequence` is that of the directory, raised in this transaction. */
export interface CredentialChange {
  readonly name?: string
  readonly scopes?: string[]
  readonly addresses?: string[]
  readonly state?: 'active' | 'disabled' | 'revoked'
  readonly revokedAt?: Date
  readonly sequence: bigint
}

export function updateCredential(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  id: string,
  data: CredentialChange,
): Promise<CredentialRow> {
  return tx.credential.update({ where: { id, environmentId }, data, include: withConsumer })
}

/** @returns how many were revoked by this. */
export async function revokeCredentialsOf(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  consumerId: string,
  sequence: bigint,
  now: Date,
): Promise<number> {
  const { count } = await tx.credential.updateMany({
    where: { environmentId, consumerId, state: { not: 'revoked' } },
    data: { state: 'revoked', revokedAt: now, sequence },
  })
  return count
}
