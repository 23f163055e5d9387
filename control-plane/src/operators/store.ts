/**
 * Operators, tokens, sessions and welcome links in Postgres.
 *
 * @module
 */
import type { OperatorRole } from '@headgate/admin-api'
import { newId } from '@headgate/kit/ids.ts'
import type { Database, Prisma } from '@headgate/prisma'
import type { Tx } from '#control-plane/db.ts'
import type { Caller, RoleGrant } from './caller.ts'

/** Taken by whoever changes who owns everything, so that two changes at once cannot remove the last owner. */
const OWNERS_LOCK = 72_707_375n

const withRoles = {
  roles: { include: { tenant: true }, orderBy: { id: 'asc' } },
} as const satisfies Prisma.OperatorInclude

export type OperatorRow = Prisma.OperatorGetPayload<{ include: typeof withRoles }>
export type TokenRow = Prisma.OperatorTokenGetPayload<{ include: { operator: true } }>

/** A role as it will be stored. */
export interface GrantWrite {
  readonly tenantId: string | null
  readonly role: OperatorRole
}

export async function findByToken(db: Tx, sha256: Uint8Array<ArrayBuffer>, now: Date): Promise<Caller | null> {
  const row = await db.operatorToken.findUnique({
    where: { sha256 },
    include: { operator: { include: { roles: true } } },
  })
  if (row === null || row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= now)) return null
  return toCaller(row.operator, 'token', row.id)
}

export async function findBySession(db: Tx, sha256: Uint8Array<ArrayBuffer>, now: Date): Promise<Caller | null> {
  const row = await db.session.findUnique({ where: { sha256 }, include: { operator: { include: { roles: true } } } })
  if (row === null || row.revokedAt !== null || row.expiresAt <= now) return null
  return toCaller(row.operator, 'session', row.id)
}

function toCaller(
  operator: Prisma.OperatorGetPayload<{ include: { roles: true } }>,
  via: Caller['via'],
  credentialId: string,
): Caller | null {
  if (operator.disabled) return null
  const roles: RoleGrant[] = operator.roles.map(({ tenantId, role }) => ({ tenantId, role: readRole(role) }))
  return { operatorId: operator.id, name: operator.name, roles, via, credentialId }
}

/** A check in the database admits these three words only. */
export function readRole(text: string): OperatorRole {
  if (text === 'owner' || text === 'editor' || text === 'viewer') return text
  throw new Error(`unknown operator role ${text}`)
}

/** @param reference name or id. */
export async function findOperator(db: Tx, reference: string): Promise<OperatorRow | null> {
  const rows = await db.operator.findMany({
    where: { OR: [{ id: reference }, { name: reference }] },
    include: withRoles,
    take: 2,
  })
  return rows.find(({ id }) => id === reference) ?? rows[0] ?? null
}

export function listOperators(db: Tx, afterId: string | undefined, take: number): Promise<OperatorRow[]> {
  return db.operator.findMany({
    ...(afterId === undefined ? {} : { where: { id: { gt: afterId } } }),
    include: withRoles,
    orderBy: { id: 'asc' },
    take,
  })
}

interface OperatorWrite {
  readonly name: string
  readonly kind: 'person' | 'service'
  readonly roles: readonly GrantWrite[]
}

export function insertOperator(tx: Tx, { name, kind, roles }: OperatorWrite, nowMs: number): Promise<OperatorRow> {
  return tx.operator.create({
    data: { id: newId('op', nowMs), name, kind, createdAt: new Date(nowMs), roles: { create: grants(roles, nowMs) } },
    include: withRoles,
  })
}

export async function setRoles(tx: Tx, operatorId: string, roles: readonly GrantWrite[], nowMs: number): Promise<void> {
  await tx.operatorRole.deleteMany({ where: { operatorId } })
  await tx.operator.update({ where: { id: operatorId }, data: { roles: { create: grants(roles, nowMs) } } })
}

function grants(
  roles: readonly GrantWrite[],
  nowMs: number,
): { id: string; tenantId: string | null; role: OperatorRole }[] {
  return roles.map(({ tenantId, role }) => ({ id: newId('rol', nowMs), tenantId, role }))
}

export function setDisabled(tx: Tx, operatorId: string, disabled: boolean): Promise<OperatorRow> {
  return tx.operator.update({ where: { id: operatorId }, data: { disabled }, include: withRoles })
}

/** Waits for other changes of owners; held until the transaction ends. */
export async function lockOwners(tx: Tx): Promise<void> {
  await tx.$executeRaw`select pg_advisory_xact_lock(${OWNERS_LOCK})`
}

/** Operators that own everything and are not switched off. */
export function countOwners(tx: Tx): Promise<number> {
  return tx.operator.count({ where: { disabled: false, roles: { some: { tenantId: null, role: 'owner' } } } })
}

export async function hasOperators(db: Tx): Promise<boolean> {
  return (await db.operator.findFirst({ select: { id: true } })) !== null
}

export function listTokens(db: Tx, operatorId: string, afterId: string | undefined, take: number): Promise<TokenRow[]> {
  return db.operatorToken.findMany({
    where: { operatorId, ...(afterId === undefined ? {} : { id: { gt: afterId } }) },
    include: { operator: true },
    orderBy: { id: 'asc' },
    take,
  })
}

interface TokenWrite {
  readonly operatorId: string
  readonly name: string
  readonly sha256: Uint8Array<ArrayBuffer>
  readonly last4: string
  readonly expiresAt: Date | null
}

export function insertToken(tx: Tx, token: TokenWrite, nowMs: number): Promise<TokenRow> {
  return tx.operatorToken.create({
    data: { id: newId('tok', nowMs), ...token, createdAt: new Date(nowMs) },
    include: { operator: true },
  })
}

export function findToken(db: Tx, operatorId: string, id: string): Promise<TokenRow | null> {
  return db.operatorToken.findFirst({ where: { id, operatorId }, include: { operator: true } })
}

/** @returns whether this call ended it. */
export async function revokeToken(tx: Tx, id: string, now: Date): Promise<boolean> {
  const { count } = await tx.operatorToken.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } })
  return count === 1
}

export async function insertSession(
  tx: Tx,
  operatorId: string,
  sha256: Uint8Array<ArrayBuffer>,
  nowMs: number,
  lifeMs: number,
): Promise<string> {
  const id = newId('ses', nowMs)
  await tx.session.create({
    data: { id, operatorId, sha256, createdAt: new Date(nowMs), expiresAt: new Date(nowMs + lifeMs) },
  })
  return id
}

export async function revokeSession(tx: Tx, id: string, now: Date): Promise<void> {
  await tx.session.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } })
}

interface WelcomeWrite {
  /** Null: the first run. */
  readonly operatorId: string | null
  readonly sha256: Uint8Array<ArrayBuffer>
  readonly expiresAt: Date
}

export async function insertWelcomeLink(tx: Tx, link: WelcomeWrite, nowMs: number): Promise<string> {
  const id = newId('wel', nowMs)
  await tx.welcomeLink.create({ data: { id, ...link, createdAt: new Date(nowMs) } })
  return id
}

/**
 * Uses a link up.
 *
 * Guarantee: of many that come with one code, exactly one gets it: the update locks the row and looks again.
 *
 * @returns null when it is unknown, used or too old.
 */
export async function takeWelcomeLink(
  tx: Tx,
  sha256: Uint8Array<ArrayBuffer>,
  now: Date,
): Promise<{ operatorId: string | null } | null> {
  const rows = await tx.welcomeLink.updateManyAndReturn({
    where: { sha256, usedAt: null, expiresAt: { gt: now } },
    data: { usedAt: now },
    select: { operatorId: true },
  })
  return rows[0] ?? null
}

/** Removes sessions and links that are of no use any more. */
export async function removeExpired(db: Database, before: Date): Promise<void> {
  await db.session.deleteMany({ where: { expiresAt: { lt: before } } })
  await db.welcomeLink.deleteMany({ where: { expiresAt: { lt: before } } })
}
