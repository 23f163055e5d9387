/**
 * Tenants and environments in Postgres.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Environment, Tenant } from '@headgate/prisma'
import type { EnvironmentScope, TenantScope, Tx } from '#control-plane/db.ts'
import type { Stage } from '#control-plane/resources/environments/stage.ts'

/** @param reference name or id; an id goes first, so that no name can stand in for it. */
export async function findTenant(db: Tx, reference: string): Promise<TenantScope | null> {
  const rows = await db.tenant.findMany({ where: { OR: [{ id: reference }, { name: reference }] }, take: 2 })
  const row = rows.find(({ id }) => id === reference) ?? rows[0]
  return row === undefined ? null : { tenantId: row.id, tenantName: row.name }
}

/** @param reference name or id. */
export async function findEnvironment(
  db: Tx,
  { tenantId, tenantName }: TenantScope,
  reference: string,
): Promise<EnvironmentScope | null> {
  const rows = await db.environment.findMany({
    where: { tenantId, OR: [{ id: reference }, { name: reference }] },
    take: 2,
  })
  const row = rows.find(({ id }) => id === reference) ?? rows[0]
  return row === undefined ? null : { tenantId, tenantName, environmentId: row.id, environmentName: row.name }
}

/** @param ids `all`, or those that the caller may see. */
export function listTenants(
  db: Tx,
  ids: 'all' | readonly string[],
  afterId: string | undefined,
  take: number,
): Promise<Tenant[]> {
  const id = { ...(ids === 'all' ? {} : { in: [...ids] }), ...(afterId === undefined ? {} : { gt: afterId }) }
  return db.tenant.findMany({ where: { id }, orderBy: { id: 'asc' }, take })
}

export function getTenant(db: Tx, { tenantId }: TenantScope): Promise<Tenant> {
  return db.tenant.findUniqueOrThrow({ where: { id: tenantId } })
}

export function insertTenant(tx: Tx, name: string, nowMs: number): Promise<Tenant> {
  return tx.tenant.create({ data: { id: newId('ten', nowMs), name, createdAt: new Date(nowMs) } })
}

export function listEnvironments(
  db: Tx,
  { tenantId }: TenantScope,
  afterId: string | undefined,
  take: number,
): Promise<Environment[]> {
  return db.environment.findMany({
    where: { tenantId, ...(afterId === undefined ? {} : { id: { gt: afterId } }) },
    orderBy: { id: 'asc' },
    take,
  })
}

export function getEnvironment(db: Tx, { tenantId, environmentId }: EnvironmentScope): Promise<Environment> {
  return db.environment.findUniqueOrThrow({ where: { id: environmentId, tenantId } })
}

export function insertEnvironment(
  tx: Tx,
  { tenantId }: TenantScope,
  { name, stage }: { readonly name: string; readonly stage: Stage },
  nowMs: number,
): Promise<Environment> {
  return tx.environment.create({ data: { id: newId('env', nowMs), tenantId, name, stage, createdAt: new Date(nowMs) } })
}
