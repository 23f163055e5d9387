/**
 * Public keys of agents in Postgres: one row for each certificate's key, until the certificate has ended.
 *
 * @module
 */
import type { Tx } from '#control-plane/db.ts'
import type { IdentityKey } from './jwk.ts'

/** How long a key is published after the end of its certificate, in milliseconds: tokens live 60 s, and clocks differ. */
const AFTER_MS = 300_000

export async function putIdentityKey(
  tx: Tx,
  agentId: string,
  { thumbprint, jwk }: IdentityKey,
  expiresAt: Date,
): Promise<void> {
  await tx.agentIdentityKey.upsert({
    where: { agentId_thumbprint: { agentId, thumbprint } },
    create: { agentId, thumbprint, jwk, expiresAt },
    update: { expiresAt },
  })
}

/** Takes away what is not published any more. */
export async function dropOldKeys(tx: Tx, agentId: string, nowMs: number): Promise<void> {
  await tx.agentIdentityKey.deleteMany({ where: { agentId, expiresAt: { lte: new Date(nowMs - AFTER_MS) } } })
}

export interface PublishedKey {
  readonly kid: string
  readonly jwk: unknown
}

/** Names of an environment and its tenant, as `iss` of a token has them. */
export interface KeyPlace {
  readonly tenant: string
  readonly environment: string
}

/**
 * Those of agents that are not revoked, in a stable order.
 *
 * @param place only of agents whose group serves it; null: of all. An unknown one has none.
 */
export async function listPublishedKeys(
  db: Tx,
  nowMs: number,
  place: KeyPlace | null = null,
): Promise<readonly PublishedKey[]> {
  const served = place && {
    group: {
      environments: { some: { environment: { name: place.environment, tenant: { name: place.tenant } } } },
    },
  }
  const rows = await db.agentIdentityKey.findMany({
    where: { expiresAt: { gt: new Date(nowMs - AFTER_MS) }, agent: { revokedAt: null, ...served } },
    select: { thumbprint: true, jwk: true },
    orderBy: [{ agentId: 'asc' }, { thumbprint: 'asc' }],
  })
  return rows.map(({ thumbprint, jwk }) => ({ kid: thumbprint, jwk }))
}
