/**
 * Agent groups, join tokens and agents as REST shows them.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'
import { SEEN_MS_MAX } from '#control-plane/releases/store.ts'
import type { AgentRow, GroupRow, JoinTokenRow } from './store.ts'

export function groupView(row: GroupRow): Answered<'getAgentGroup'> {
  const environments = row.environments.map(({ environment }) => ({
    tenant: environment.tenant.name,
    environment: environment.name,
  }))
  return {
    id: row.id,
    name: row.name,
    region: row.region,
    environments: environments.toSorted((a, b) => compare(a.tenant, b.tenant) || compare(a.environment, b.environment)),
    agents: row._count.agents,
    created_at: row.createdAt.toISOString(),
  }
}

export function joinTokenView(row: JoinTokenRow, agents: ReadonlyMap<string, string>): Answered<'revokeJoinToken'> {
  return {
    id: row.id,
    group: row.group.name,
    expires_at: row.expiresAt.toISOString(),
    used_at: row.usedAt?.toISOString() ?? null,
    revoked_at: row.revokedAt?.toISOString() ?? null,
    agent: row.agentId === null ? null : (agents.get(row.agentId) ?? null),
    created_by: row.createdBy,
    created_at: row.createdAt.toISOString(),
  }
}

/** @param now by the clock that wrote the signs of life: Postgres'. */
export function agentView(row: AgentRow, now: Date): Answered<'getAgent'> {
  const seenMs = row.seenAt === null ? Infinity : now.getTime() - row.seenAt.getTime()
  return {
    id: row.id,
    name: row.name,
    group: row.group.name,
    region: row.group.region,
    state: row.revokedAt !== null ? 'revoked' : row.connected && seenMs < SEEN_MS_MAX ? 'connected' : 'unreachable',
    version: row.version,
    capability: row.capability,
    listeners: row.listeners,
    seen_at: row.seenAt?.toISOString() ?? null,
    certificate_expires_at: row.certificateExpiresAt.toISOString(),
    created_at: row.createdAt.toISOString(),
    holdings: row.holdings.map((holding) => ({
      tenant: holding.environment.tenant.name,
      environment: holding.environment.name,
      release_number: holding.releaseNumber,
      directory_sequence: Number(holding.directorySequence),
      refused_number: holding.refusedNumber,
      refused_reasons: holding.refusedReasons,
    })),
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
