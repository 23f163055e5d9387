/**
 * Keys that somebody found in public, by their hashes.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import type { LeakAction } from './action.ts'

/** A key of ours, and where it is. */
export interface FoundKey {
  readonly id: string
  /** SHA-256 of its text. */
  readonly sha256: Uint8Array
  readonly scope: EnvironmentScope
}

/** Across tenants by intent: who reports a key knows nothing but the key. */
export async function findKeys(db: Tx, hashes: readonly Uint8Array<ArrayBuffer>[]): Promise<readonly FoundKey[]> {
  if (hashes.length === 0) return []
  const rows = await db.apiKey.findMany({
    where: { sha256: { in: [...hashes] } },
    select: {
      id: true,
      sha256: true,
      environment: { select: { id: true, name: true, tenant: { select: { id: true, name: true } } } },
    },
  })
  return rows.map(({ id, sha256, environment: { id: environmentId, name, tenant } }) => ({
    id,
    sha256,
    scope: { tenantId: tenant.id, tenantName: tenant.name, environmentId, environmentName: name },
  }))
}

interface LeakEvent {
  readonly credentialId: string
  /** Name. */
  readonly consumer: string
  /** Who reported it. */
  readonly address: string
  readonly url: string
  readonly action: LeakAction
}

export async function isReported(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  credentialId: string,
  url: string,
): Promise<boolean> {
  return (await tx.securityEvent.count({ where: { environmentId, kind: 'key_leaked', credentialId, url } })) > 0
}

export async function insertLeak(
  tx: Tx,
  { environmentId }: EnvironmentScope,
  leak: LeakEvent,
  nowMs: number,
): Promise<void> {
  await tx.securityEvent.create({
    data: { id: newId('sev', nowMs), environmentId, at: new Date(nowMs), kind: 'key_leaked', ...leak },
  })
}
