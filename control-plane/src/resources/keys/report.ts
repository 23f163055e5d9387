/**
 * Which API keys should be looked at: nobody uses them, they end soon, or their rotation is not finished.
 *
 * @module
 */
import type { Answered, Given } from '@headgate/admin-api'
import { Prisma } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { type KeyRow, keyInclude } from './store.ts'
import { keyView } from './view.ts'

const DAY_MS = 86_400_000

interface Counts {
  readonly active: bigint
  readonly neverUsed: bigint
  readonly unused: bigint
  readonly expiring: bigint
  readonly rotating: bigint
  readonly stillUsed: bigint
}

export async function keyReport(
  db: Tx,
  { environmentId }: EnvironmentScope,
  query: Given<'reportKeys'>['query'],
  nowMs: number,
): Promise<Answered<'reportKeys'>> {
  const now = new Date(nowMs)
  const unusedSince = new Date(nowMs - query.unused_for_days * DAY_MS)
  const expiringUntil = new Date(nowMs + query.expiring_within_days * DAY_MS)

  // Guarantee: each key of the environment that works now is read once; times are the caller's, as in the lists below.
  const [counts] = await db.$queryRaw<[Counts]>`
    select count(*) as active,
      count(*) filter (where k.last_used_at is null) as "neverUsed",
      count(*) filter (where k.last_used_at < ${unusedSince}) as unused,
      count(*) filter (where k.expires_at <= ${expiringUntil} and k.successor_id is null) as expiring,
      count(*) filter (where k.successor_id is not null) as rotating,
      count(*) filter (where k.last_used_at > s.created_at) as "stillUsed"
    from api_keys k left join api_keys s on s.id = k.successor_id
    where k.environment_id = ${environmentId} and k.state = 'active' and not k.decoy
      and (k.expires_at is null or k.expires_at > ${now})`

  const keys = async (where: Prisma.ApiKeyWhereInput, orderBy: Prisma.ApiKeyOrderByWithRelationInput) => {
    const works = { state: 'active', decoy: false, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }
    const rows: KeyRow[] = await db.apiKey.findMany({
      where: { environmentId, AND: [works, where] },
      include: keyInclude,
      orderBy: [orderBy, { id: 'asc' }],
      take: query.limit,
    })
    return rows.map((row) => keyView(row, nowMs))
  }
  return {
    at: now.toISOString(),
    unused_for_days: query.unused_for_days,
    expiring_within_days: query.expiring_within_days,
    active: Number(counts.active),
    never_used: { count: Number(counts.neverUsed), keys: await keys({ lastUsedAt: null }, { createdAt: 'asc' }) },
    unused: {
      count: Number(counts.unused),
      keys: await keys({ lastUsedAt: { lt: unusedSince } }, { lastUsedAt: 'asc' }),
    },
    expiring: {
      count: Number(counts.expiring),
      keys: await keys({ expiresAt: { lte: expiringUntil }, successorId: null }, { expiresAt: 'asc' }),
    },
    rotating: {
      count: Number(counts.rotating),
      still_used: Number(counts.stillUsed),
      keys: await keys({ successorId: { not: null } }, { expiresAt: 'asc' }),
    },
  }
}
