/**
 * Agent groups, join tokens and agents in Postgres. They belong to the installation, not to a tenant: who sees them has
 * a role on everything.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Prisma } from '@headgate/prisma'
import type { Tx } from '#control-plane/db.ts'

const withEnvironments = {
  environments: { include: { environment: { include: { tenant: true } } } },
  _count: { select: { agents: { where: { revokedAt: null } } } },
} as const satisfies Prisma.AgentGroupInclude

export type GroupRow = Prisma.AgentGroupGetPayload<{ include: typeof withEnvironments }>

export function listGroups(db: Tx, afterId: string | undefined, take: number): Promise<GroupRow[]> {
  return db.agentGroup.findMany({
    ...(afterId === undefined ? {} : { where: { id: { gt: afterId } } }),
    include: withEnvironments,
    orderBy: { id: 'asc' },
    take,
  })
}

/** @param reference name or id. */
export async function findGroup(db: Tx, reference: string): Promise<GroupRow | null> {
  const rows = await db.agentGroup.findMany({
    where: { OR: [{ id: reference }, { name: reference }] },
    include: withEnvironments,
    take: 2,
  })
  return rows.find(({ id }) => id === reference) ?? rows[0] ?? null
}

export async function insertGroup(
  tx: Tx,
  { name, region }: { name: string; region: string },
  nowMs: number,
): Promise<string> {
  const id = newId('grp', nowMs)
  await tx.agentGroup.create({ data: { id, name, region, createdAt: new Date(nowMs) } })
  return id
}

export async function setRegion(tx: Tx, id: string, region: string): Promise<void> {
  await tx.agentGroup.update({ where: { id }, data: { region } })
}

export async function setEnvironments(tx: Tx, groupId: string, environmentIds: readonly string[]): Promise<void> {
  await tx.agentGroupEnvironment.deleteMany({ where: { groupId, environmentId: { notIn: [...environmentIds] } } })
  await tx.agentGroupEnvironment.createMany({
    data: environmentIds.map((environmentId) => ({ groupId, environmentId })),
    skipDuplicates: true,
  })
}

/**
 * Takes environments, then the group, in the order in which a publish takes them: what is live in those environments
 * stays as it is until the group's change is committed.
 */
export async function lockForAssignment(tx: Tx, groupId: string, environmentIds: readonly string[]): Promise<void> {
  // Guarantee: rows are taken in the order of their ids, so two such changes never wait for each other.
  await tx.$queryRaw`select id from environments where id = any(${[...environmentIds]}) order by id for update`
  await tx.$queryRaw`select id from agent_groups where id = ${groupId} for update`
}

/** @returns ids in the order of the references; null where there is none. */
export async function findEnvironmentIds(
  db: Tx,
  references: readonly { tenant: string; environment: string }[],
): Promise<(string | null)[]> {
  const names = [...new Set(references.map(({ tenant }) => tenant))]
  const tenants = await db.tenant.findMany({
    where: { OR: [{ id: { in: names } }, { name: { in: names } }] },
    include: { environments: { select: { id: true, name: true } } },
  })
  return references.map(({ tenant, environment }) => {
    const owner = tenants.find(({ id }) => id === tenant) ?? tenants.find(({ name }) => name === tenant)
    const found =
      owner?.environments.find(({ id }) => id === environment) ??
      owner?.environments.find(({ name }) => name === environment)
    return found?.id ?? null
  })
}

export type JoinTokenRow = Prisma.JoinTokenGetPayload<{ include: { group: true } }>

export function listJoinTokens(
  db: Tx,
  groupId: string,
  afterId: string | undefined,
  take: number,
): Promise<JoinTokenRow[]> {
  return db.joinToken.findMany({
    where: { groupId, ...(afterId === undefined ? {} : { id: { gt: afterId } }) },
    include: { group: true },
    orderBy: { id: 'asc' },
    take,
  })
}

export function findJoinToken(db: Tx, groupId: string, id: string): Promise<JoinTokenRow | null> {
  return db.joinToken.findFirst({ where: { id, groupId }, include: { group: true } })
}

/**
 * Guarantee: a token that an agent is using at this moment is used or revoked, never both.
 *
 * @returns whether this call ended it.
 */
export async function revokeJoinToken(tx: Tx, id: string, now: Date): Promise<boolean> {
  const { count } = await tx.joinToken.updateMany({
    where: { id, usedAt: null, revokedAt: null },
    data: { revokedAt: now },
  })
  return count === 1
}

export async function agentNames(db: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await db.agent.findMany({ where: { id: { in: [...ids] } }, select: { id: true, name: true } })
  return new Map(rows.map(({ id, name }) => [id, name]))
}

const withHoldings = {
  group: true,
  holdings: { include: { environment: { include: { tenant: true } } }, orderBy: { environmentId: 'asc' } },
} as const satisfies Prisma.AgentInclude

export type AgentRow = Prisma.AgentGetPayload<{ include: typeof withHoldings }>

interface AgentList {
  readonly groupId: string | undefined
  readonly afterId: string | undefined
  readonly take: number
}

export function listAgents(db: Tx, { groupId, afterId, take }: AgentList): Promise<AgentRow[]> {
  return db.agent.findMany({
    where: { ...(groupId === undefined ? {} : { groupId }), ...(afterId === undefined ? {} : { id: { gt: afterId } }) },
    include: withHoldings,
    orderBy: { id: 'asc' },
    take,
  })
}

/** @param reference name or id. */
export async function findAgent(db: Tx, reference: string): Promise<AgentRow | null> {
  const rows = await db.agent.findMany({
    where: { OR: [{ id: reference }, { name: reference }] },
    include: withHoldings,
    take: 2,
  })
  return rows.find(({ id }) => id === reference) ?? rows[0] ?? null
}

/** @returns whether this call ended it. */
export async function revokeAgent(tx: Tx, id: string, now: Date): Promise<boolean> {
  const { count } = await tx.agent.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: now } })
  return count === 1
}

/** Postgres' clock, by which signs of life of agents are written. */
export async function databaseNow(db: Tx): Promise<Date> {
  const [row] = await db.$queryRaw<{ now: Date }[]>`select now() as now`
  return row?.now ?? new Date(0)
}
