/**
 * Agents, their join tokens and their connections, in Postgres.
 *
 * Times that are compared between control planes are Postgres' own: their clocks may differ.
 *
 * @module
 */
import { type Database, Prisma } from '@headgate/prisma'
import type { IdentityKey } from '#control-plane/identity-keys/jwk.ts'
import { dropOldKeys, putIdentityKey } from '#control-plane/identity-keys/store.ts'

/** An agent whose last sign of life is older is unreachable, whatever its row says, in milliseconds. */
export const SEEN_MS_MAX = 30_000

/** Most agents of one wished name that are looked at for a free one. */
const NAMES_MAX = 10_000

export interface AgentRow {
  readonly id: string
  readonly name: string
  readonly groupId: string
  readonly groupName: string
  readonly revoked: boolean
  /** The control plane that holds its newest stream. */
  readonly controlPlaneId: string | null
}

export type TokenState = 'usable' | 'unknown' | 'used' | 'expired' | 'revoked'

export interface FoundToken {
  readonly state: TokenState
  readonly id: string
  readonly groupId: string
  readonly groupName: string
}

export interface NewTokenRow {
  readonly id: string
  readonly groupId: string
  readonly sha256: Uint8Array<ArrayBuffer>
  readonly expiresAt: Date
  readonly createdBy: string
}

export interface NewAgent {
  readonly id: string
  readonly groupId: string
  readonly name: string
  readonly version: string
  readonly certificateExpiresAt: Date
  /** Of its certificate. */
  readonly key: IdentityKey
}

export interface ConnectedAgent {
  readonly id: string
  readonly controlPlaneId: string
  readonly version: string
  readonly capability: number
  readonly listeners: readonly string[]
}

export type FleetStore = ReturnType<typeof createFleetStore>

export function createFleetStore(db: Database) {
  return {
    findJoinToken: async (sha256: Uint8Array<ArrayBuffer>, now: Date): Promise<FoundToken> => {
      const row = await db.joinToken.findUnique({ where: { sha256 }, include: { group: true } })
      if (row === null) return { state: 'unknown', id: '', groupId: '', groupName: '' }
      return { state: tokenState(row, now), id: row.id, groupId: row.groupId, groupName: row.group.name }
    },

    /**
     * Uses up a token and makes its agent, or does neither.
     *
     * @returns the agent's name, made unique; null when the token was not usable any more.
     */
    enroll: (tokenId: string, agent: NewAgent, now: Date): Promise<string | null> =>
      db.$transaction(async (tx) => {
        // Guarantee: of many that come with one token, exactly one sees a count of 1. The row stays locked until
        // the agent is there.
        const { count } = await tx.joinToken.updateMany({
          where: { id: tokenId, usedAt: null, revokedAt: null, expiresAt: { gt: now } },
          data: { usedAt: now, agentId: agent.id },
        })
        if (count !== 1) return null
        const { key, ...row } = agent
        const name = await createAgent(tx, row)
        if (name !== null) await putIdentityKey(tx, row.id, key, row.certificateExpiresAt)
        return name
      }),

    findAgent: async (id: string): Promise<AgentRow | null> => {
      const [row] = await findAgents(db, [id])
      return row ?? null
    },

    findAgents: (ids: readonly string[]): Promise<readonly AgentRow[]> => findAgents(db, ids),

    /** The agent has another certificate. */
    setCertificate: (id: string, key: IdentityKey, certificateExpiresAt: Date, nowMs: number): Promise<void> =>
      db.$transaction(async (tx) => {
        await tx.agent.update({ where: { id }, data: { certificateExpiresAt } })
        await dropOldKeys(tx, id, nowMs)
        await putIdentityKey(tx, id, key, certificateExpiresAt)
      }),

    /** The key of the certificate that an agent shows: one that enrolled before keys were kept is known from then on. */
    noteKey: (id: string, key: IdentityKey, certificateExpiresAt: Date): Promise<void> =>
      putIdentityKey(db, id, key, certificateExpiresAt),

    /** @returns false when the agent is gone or revoked. */
    markConnected: async ({ id, controlPlaneId, version, capability, listeners }: ConnectedAgent): Promise<boolean> => {
      // Guarantee: `seen_at` is Postgres' time; a revocation is before this and seen, or after it and finds the stream.
      const count = await db.$executeRaw`
        update agents set connected = true, control_plane_id = ${controlPlaneId}, seen_at = now(), version = ${version},
          capability = ${capability}, listeners = ${[...listeners]}
        where id = ${id} and revoked_at is null`
      return count === 1
    },

    /** Only when the newest stream is still the one that ended. */
    markDisconnected: async (ids: readonly string[], controlPlaneId: string): Promise<void> => {
      await db.agent.updateMany({ where: { id: { in: [...ids] }, controlPlaneId }, data: { connected: false } })
    },

    /** Agents that were heard of since the last call. */
    touch: async (ids: readonly string[], controlPlaneId: string): Promise<void> => {
      if (ids.length === 0) return
      // Guarantee: `seen_at` is Postgres' time.
      await db.$executeRaw`
        update agents set seen_at = now(), connected = true
        where id = any(${[...ids]}) and control_plane_id = ${controlPlaneId} and revoked_at is null`
    },

    /** Streams whose control plane died left their rows as connected. */
    repairConnections: async (): Promise<number> =>
      // Guarantee: compares Postgres' time with Postgres' time.
      db.$executeRaw`
        update agents set connected = false
        where connected and (seen_at is null or seen_at < now() - ${SEEN_MS_MAX} * interval '1 millisecond')`,
  }
}

/** In the transaction of whoever makes it. */
export async function insertJoinToken(
  tx: Prisma.TransactionClient,
  { id, groupId, sha256, expiresAt, createdBy }: NewTokenRow,
): Promise<void> {
  await tx.joinToken.create({ data: { id, groupId, sha256, expiresAt, createdBy } })
}

async function findAgents(db: Database, ids: readonly string[]): Promise<readonly AgentRow[]> {
  if (ids.length === 0) return []
  const rows = await db.agent.findMany({
    where: { id: { in: [...ids] } },
    include: { group: { select: { name: true } } },
  })
  return rows.map(({ id, name, groupId, group, revokedAt, controlPlaneId }) => ({
    id,
    name,
    groupId,
    groupName: group.name,
    revoked: revokedAt !== null,
    controlPlaneId,
  }))
}

async function createAgent(tx: Prisma.TransactionClient, agent: Omit<NewAgent, 'key'>): Promise<string | null> {
  const taken = await tx.agent.findMany({
    where: { OR: [{ name: agent.name }, { name: { startsWith: `${agent.name}-` } }] },
    select: { name: true },
    take: NAMES_MAX,
  })
  const names = new Set(taken.map(({ name }) => name))
  for (let suffix = 1; suffix <= NAMES_MAX + 1; suffix += 1) {
    const name = suffix === 1 ? agent.name : `${agent.name}-${suffix}`
    if (names.has(name)) continue
    // Another enrollment may take the name in this moment: then nothing is inserted and the next name is tried.
    // A unique violation instead would end the transaction.
    const { count } = await tx.agent.createMany({ data: [{ ...agent, name }], skipDuplicates: true })
    if (count === 1) return name
  }
  throw new Error(`no free agent name for ${agent.name}`)
}

function tokenState(row: { usedAt: Date | null; revokedAt: Date | null; expiresAt: Date }, now: Date): TokenState {
  if (row.usedAt !== null) return 'used'
  if (row.revokedAt !== null) return 'revoked'
  return row.expiresAt > now ? 'usable' : 'expired'
}
