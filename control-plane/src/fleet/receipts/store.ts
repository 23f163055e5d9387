/**
 * What agents hold, as they acknowledged it, in Postgres.
 *
 * @module
 */
import type { Database } from '@headgate/prisma'
import { ACK_CHANNEL } from '#control-plane/fleet/notices.ts'
import { SEEN_MS_MAX } from '#control-plane/fleet/store.ts'

export interface Holding {
  readonly agentId: string
  readonly environmentId: string
  readonly releaseNumber: number
  readonly directorySequence: bigint
  /** The release that was refused last, on this stream; null: none. */
  readonly refusedNumber: number | null
  readonly refusedReasons: readonly string[]
}

/** One agent that serves an environment, with what it holds of it. */
export interface ServingAgent {
  readonly id: string
  readonly name: string
  readonly group: string
  readonly reachable: boolean
  readonly releaseNumber: number
  readonly directorySequence: bigint
  readonly refusedNumber: number | null
  readonly refusedReasons: readonly string[]
}

export type ReceiptStore = ReturnType<typeof createReceiptStore>

export function createReceiptStore(db: Database) {
  return {
    /** Writes what agents of this control plane hold, and tells whoever waits for it. */
    saveHoldings: async (holdings: readonly Holding[], controlPlaneId: string): Promise<void> => {
      const rows = JSON.stringify(
        holdings.map((holding) => ({ ...holding, directorySequence: holding.directorySequence.toString() })),
      )
      // Guarantee: one statement, so waiters hear of it when it can be seen. An agent whose newest stream is at
      // another control plane is left alone: what is known here is older. An agent or environment that is gone is
      // skipped. A refusal stays until the number that was refused, or a later one, is live.
      await db.$executeRaw`
        with told as (
          select * from jsonb_to_recordset(${rows}::jsonb) as t("agentId" text, "environmentId" text,
            "releaseNumber" int, "directorySequence" bigint, "refusedNumber" int, "refusedReasons" jsonb)
        ), saved as (
          insert into agent_holdings (agent_id, environment_id, release_number, directory_sequence, refused_number,
            refused_reasons, updated_at)
          select t."agentId", t."environmentId", t."releaseNumber", t."directorySequence", t."refusedNumber",
            array(select jsonb_array_elements_text(t."refusedReasons")), now()
          from told t
          join agents a on a.id = t."agentId" and a.control_plane_id = ${controlPlaneId}
          join environments e on e.id = t."environmentId"
          on conflict (agent_id, environment_id) do update set
            release_number = excluded.release_number,
            directory_sequence = excluded.directory_sequence,
            refused_number = case
              when excluded.refused_number is not null then excluded.refused_number
              when agent_holdings.refused_number > excluded.release_number then agent_holdings.refused_number end,
            refused_reasons = case
              when excluded.refused_number is not null then excluded.refused_reasons
              when agent_holdings.refused_number > excluded.release_number then agent_holdings.refused_reasons
              else '{}' end,
            updated_at = now()
          returning environment_id
        )
        select pg_notify(${ACK_CHANNEL}, environment_id) from (select distinct environment_id from saved) s`
    },

    /** What an agent does not serve any more. */
    dropHoldings: async (agentId: string, servedIds: readonly string[], controlPlaneId: string): Promise<void> => {
      await db.agentHolding.deleteMany({
        where: { agentId, environmentId: { notIn: [...servedIds] }, agent: { controlPlaneId } },
      })
    },

    readServing: (environmentId: string): Promise<readonly ServingAgent[]> =>
      // Guarantee: agents that should have it, revoked ones not; reachable by Postgres' clock alone.
      db.$queryRaw<ServingAgent[]>`
        select a.id, a.name, g.name as "group",
          (a.connected and a.seen_at > now() - ${SEEN_MS_MAX} * interval '1 millisecond') as reachable,
          coalesce(h.release_number, 0) as "releaseNumber", coalesce(h.directory_sequence, 0) as "directorySequence",
          h.refused_number as "refusedNumber", coalesce(h.refused_reasons, '{}') as "refusedReasons"
        from agent_group_environments ge
        join agents a on a.group_id = ge.group_id and a.revoked_at is null
        join agent_groups g on g.id = a.group_id
        left join agent_holdings h on h.agent_id = a.id and h.environment_id = ge.environment_id
        where ge.environment_id = ${environmentId}
        order by a.name`,
  }
}
