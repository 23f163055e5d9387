/**
 * What agents tell about credentials, in Postgres: when each was used last, and who presented a decoy.
 *
 * No look-up and no write of a request ever waits for this.
 *
 * @module
 */
import { newId } from '@headgate/kit/ids.ts'
import type { Database } from '@headgate/prisma'
import type { DecoyUse } from './decoys.ts'
import type { CredentialUse } from './uses.ts'

/** @param agent name of the agent that tells. */
export async function noteUses(db: Database, agent: string, uses: readonly CredentialUse[]): Promise<void> {
  const newest = JSON.stringify(newestOf(uses))
  if (uses.some(({ credentialId }) => credentialId.startsWith('key_'))) {
    // Guarantee: one statement; keys of the environments that were told of and no other; an older use never takes the
    // place of a newer one. Rows are taken in the order of their ids, so that two agents never wait for each other.
    await db.$executeRaw`
      with uses as (
        select * from jsonb_to_recordset(${newest}::jsonb)
          as t("environmentId" text, "credentialId" text, address text, "atMs" double precision)
      ), taken as (
        select k.id, to_timestamp(u."atMs" / 1000.0)::timestamptz(3) as at, u.address
        from api_keys k join uses u on u."credentialId" = k.id and u."environmentId" = k.environment_id
        where k.last_used_at is null or k.last_used_at < to_timestamp(u."atMs" / 1000.0)::timestamptz(3)
        order by k.id for no key update of k
      )
      update api_keys k set last_used_at = t.at, last_used_agent = ${agent}, last_used_address = t.address
      from taken t where t.id = k.id and (k.last_used_at is null or k.last_used_at < t.at)`
  }
  if (uses.some(({ credentialId }) => credentialId.startsWith('crd_'))) {
    // Guarantee: as above.
    await db.$executeRaw`
      with uses as (
        select * from jsonb_to_recordset(${newest}::jsonb)
          as t("environmentId" text, "credentialId" text, address text, "atMs" double precision)
      ), taken as (
        select c.id, to_timestamp(u."atMs" / 1000.0)::timestamptz(3) as at, u.address
        from credentials c join uses u on u."credentialId" = c.id and u."environmentId" = c.environment_id
        where c.last_used_at is null or c.last_used_at < to_timestamp(u."atMs" / 1000.0)::timestamptz(3)
        order by c.id for no key update of c
      )
      update credentials c set last_used_at = t.at, last_used_agent = ${agent}, last_used_address = t.address
      from taken t where t.id = c.id and (c.last_used_at is null or c.last_used_at < t.at)`
  }
}

/** Each credential once: with two rows for one, Postgres would choose. */
function newestOf(uses: readonly CredentialUse[]): readonly CredentialUse[] {
  const byId = new Map<string, CredentialUse>()
  for (const use of uses) {
    const known = byId.get(use.credentialId)
    if (known === undefined || known.atMs < use.atMs) byId.set(use.credentialId, use)
  }
  return [...byId.values()]
}

/** A decoy that was presented, as it is logged. */
export interface PresentedDecoy {
  readonly environment_id: string
  readonly credential_id: string
  readonly consumer: string
  readonly address: string
  readonly request_id: string
}

/** @returns those that are news: what is no decoy of its environment, or was told before, is not. */
export async function noteDecoys(
  db: Database,
  agent: string,
  decoys: readonly DecoyUse[],
  nowMs: number,
): Promise<readonly PresentedDecoy[]> {
  if (decoys.length === 0) return []
  const rows = decoys.map((decoy) => ({ ...decoy, id: newId('sev', nowMs) }))
  // Guarantee: a decoy of the very environment that the agent serves, once per request.
  return db.$queryRaw<PresentedDecoy[]>`
    insert into security_events (id, environment_id, at, kind, credential_id, consumer, agent, address, request_id)
    select t.id, k.environment_id, to_timestamp(t."atMs" / 1000.0), 'decoy_used', k.id, c.name, ${agent}, t.address,
      t."requestId"
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as t(id text, "environmentId" text, "credentialId" text, address text, "requestId" text, "atMs" double precision)
    join api_keys k on k.id = t."credentialId" and k.environment_id = t."environmentId" and k.decoy
    join consumers c on c.id = k.consumer_id
    on conflict do nothing
    returning environment_id, credential_id, consumer, address, request_id`
}
