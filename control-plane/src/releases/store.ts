/**
 * Releases and their deliveries in Postgres.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Release } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

export function findRelease(db: Tx, { environmentId }: EnvironmentScope, number: number): Promise<Release | null> {
  return db.release.findUnique({ where: { environmentId_number: { environmentId, number } } })
}

/** Newest first. */
export function listReleases(
  db: Tx,
  { environmentId }: EnvironmentScope,
  before: number | undefined,
  take: number,
): Promise<Release[]> {
  return db.release.findMany({
    where: { environmentId, ...(before === undefined ? {} : { number: { lt: before } }) },
    orderBy: { number: 'desc' },
    take,
  })
}

/** 0: nothing was published. */
export async function liveNumber(db: Tx, { environmentId, tenantId }: EnvironmentScope): Promise<number> {
  const row = await db.environment.findUniqueOrThrow({
    where: { id: environmentId, tenantId },
    select: { releaseNumber: true },
  })
  return row.releaseNumber
}

export interface ReleaseWrite {
  readonly number: number
  readonly snapshot: Uint8Array<ArrayBuffer>
  readonly signature: Uint8Array<ArrayBuffer>
  readonly keyId: string
  readonly comment: string
  readonly rollbackOf: number | null
  readonly createdBy: string
}

/** Writes a release and makes it the live one. */
export async function insertRelease(
  tx: Tx,
  { environmentId, tenantId }: EnvironmentScope,
  release: ReleaseWrite,
  nowMs: number,
): Promise<Release> {
  const row = await tx.release.create({
    data: { id: newId('rel', nowMs), environmentId, ...release, createdAt: new Date(nowMs) },
  })
  await tx.environment.update({ where: { id: environmentId, tenantId }, data: { releaseNumber: release.number } })
  return row
}

/** An agent that serves an environment, and what it holds of it. */
export interface ServingAgent {
  readonly name: string
  readonly group: string
  readonly region: string
  readonly capability: number
  readonly reachable: boolean
  readonly releaseNumber: number
  readonly refusedNumber: number | null
  readonly refusedReasons: readonly string[]
}

/** An agent whose last sign of life is older is unreachable, whatever its row says, in milliseconds. */
export const SEEN_MS_MAX = 30_000

export function listServingAgents(db: Tx, { environmentId }: EnvironmentScope): Promise<ServingAgent[]> {
  // Guarantee: every agent that should act on the environment, revoked ones not; reachable by Postgres' clock alone.
  return db.$queryRaw<ServingAgent[]>`
    select a.name, g.name as "group", g.region, a.capability,
      coalesce(a.connected and a.seen_at > now() - ${SEEN_MS_MAX} * interval '1 millisecond', false) as reachable,
      coalesce(h.release_number, 0) as "releaseNumber", h.refused_number as "refusedNumber",
      coalesce(h.refused_reasons, '{}') as "refusedReasons"
    from agent_group_environments ge
    join agents a on a.group_id = ge.group_id and a.revoked_at is null
    join agent_groups g on g.id = a.group_id
    left join agent_holdings h on h.agent_id = a.id and h.environment_id = ge.environment_id
    where ge.environment_id = ${environmentId}
    order by g.name, a.name`
}

/** A live release of another environment that shares an agent group. */
export interface NeighbourRelease {
  readonly releaseId: string
  readonly environmentId: string
  readonly tenant: string
  readonly environment: string
  readonly group: string
}

/**
 * Takes the groups that serve an environment, so that two environments of one group cannot claim a host at once, and
 * lists what is live beside it.
 */
export async function lockNeighbours(tx: Tx, { environmentId }: EnvironmentScope): Promise<NeighbourRelease[]> {
  // Guarantee: rows are taken in the order of their ids, after the environment's own: no two publishes wait for each
  // other.
  await tx.$queryRaw`
    select g.id from agent_groups g join agent_group_environments ge on ge.group_id = g.id
    where ge.environment_id = ${environmentId} order by g.id for update of g`
  return tx.$queryRaw<NeighbourRelease[]>`
    select distinct on (e.id) r.id as "releaseId", e.id as "environmentId", t.name as tenant, e.name as environment, g.name as "group"
    from agent_group_environments mine
    join agent_group_environments other on other.group_id = mine.group_id and other.environment_id <> mine.environment_id
    join agent_groups g on g.id = mine.group_id
    join environments e on e.id = other.environment_id and e.release_number > 0
    join releases r on r.environment_id = e.id and r.number = e.release_number
    join tenants t on t.id = e.tenant_id
    where mine.environment_id = ${environmentId}
    order by e.id, g.name`
}

/** @param id of a release that `lockNeighbours` or `liveReleasesOf` named. */
export async function loadSnapshot(db: Tx, id: string): Promise<Uint8Array> {
  return (await db.release.findUniqueOrThrow({ where: { id }, select: { snapshot: true } })).snapshot
}

/** What is live in some environments. */
export function liveReleasesOf(db: Tx, environmentIds: readonly string[]): Promise<NeighbourRelease[]> {
  // Guarantee: one row for each of them that has a live release.
  return db.$queryRaw<NeighbourRelease[]>`
    select r.id as "releaseId", e.id as "environmentId", t.name as tenant, e.name as environment, '' as "group"
    from environments e
    join releases r on r.environment_id = e.id and r.number = e.release_number
    join tenants t on t.id = e.tenant_id
    where e.id = any(${[...environmentIds]}) order by e.id`
}
