/**
 * Decision records and per-minute counts, in Postgres.
 *
 * @module
 */
import type { Database, Prisma } from '@headgate/prisma'
import type { DecisionRow } from './records.ts'
import type { MinuteRow } from './minutes.ts'

/** Rows that one statement of the janitor takes away. */
const DELETE_MAX = 10_000

/** Held by the control plane whose janitor is at work. */
const JANITOR_LOCK = 72_707_372n

export interface SenderRow {
  readonly agentName: string
  readonly environmentIds: ReadonlySet<string>
}

export type TelemetryStore = ReturnType<typeof createTelemetryStore>

export function createTelemetryStore(db: Database) {
  return {
    /** @returns null when the agent is gone or revoked. */
    findSender: async (agentId: string): Promise<SenderRow | null> => {
      const agent = await db.agent.findFirst({
        where: { id: agentId, revokedAt: null },
        select: { name: true, group: { select: { environments: { select: { environmentId: true } } } } },
      })
      if (agent === null) return null
      const environmentIds = new Set(agent.group.environments.map(({ environmentId }) => environmentId))
      return { agentName: agent.name, environmentIds }
    },

    /** A record that is there already, as after a repeated send, stays as it is. */
    insertRecords: async (rows: readonly DecisionRow[]): Promise<void> => {
      if (rows.length === 0) return
      const data = rows.map((row) => ({ ...row, record: row.record as Prisma.InputJsonObject }))
      await db.decisionRecord.createMany({ data, skipDuplicates: true })
    },

    addMinutes: async (rows: readonly MinuteRow[]): Promise<void> => {
      if (rows.length === 0) return
      // Guarantee: adds, in one statement. In one order for everybody, so that two of them never wait for each other.
      await db.$executeRaw`
        insert into request_metrics (environment_id, agent_id, minute, route, reason, status_class, requests, duration_ms_sum)
        select "environmentId", "agentId", to_timestamp("minuteMs" / 1000.0), route, reason, "statusClass", requests,
          "durationMsSum"
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as t("environmentId" text, "agentId" text,
          "minuteMs" double precision, route text, reason text, "statusClass" int, requests bigint,
          "durationMsSum" double precision)
        order by 1, 3, 2, 4, 5, 6
        on conflict (environment_id, minute, agent_id, route, reason, status_class) do update set
          requests = request_metrics.requests + excluded.requests,
          duration_ms_sum = request_metrics.duration_ms_sum + excluded.duration_ms_sum`
    },

    /**
     * Takes away what is too old or too much, unless another control plane is at it.
     *
     * @returns rows that are gone; null when another one is at it.
     */
    clean: (budget: {
      readonly rowsMax: number
      readonly recordsMs: number
      readonly minutesMs: number
    }): Promise<number | null> =>
      db.$transaction(
        async (tx) => {
          const [lock] = await tx.$queryRaw<
            { taken: boolean }[]
          >`select pg_try_advisory_xact_lock(${JANITOR_LOCK}) as taken`
          if (lock?.taken !== true) return null
          const environments = await tx.environment.findMany({ select: { id: true } })
          let gone = await deleteMinutes(tx, budget.minutesMs)
          gone += await deleteEvents(tx, budget.minutesMs)
          for (const { id } of environments) gone += await deleteRecords(tx, id, budget)
          return gone
        },
        { timeout: 60_000, maxWait: 5_000 },
      ),
  }
}

function deleteMinutes(tx: Prisma.TransactionClient, minutesMs: number): Promise<number> {
  // Guarantee: at most DELETE_MAX rows; of all environments, by age alone.
  return tx.$executeRaw`
    delete from request_metrics where ctid = any(array(
      select ctid from request_metrics where minute < now() - ${minutesMs} * interval '1 millisecond' limit ${DELETE_MAX}))`
}

function deleteEvents(tx: Prisma.TransactionClient, minutesMs: number): Promise<number> {
  // Guarantee: at most DELETE_MAX rows; of all environments, by age alone.
  return tx.$executeRaw`
    delete from security_events where ctid = any(array(
      select ctid from security_events where at < now() - ${minutesMs} * interval '1 millisecond' limit ${DELETE_MAX}))`
}

async function deleteRecords(
  tx: Prisma.TransactionClient,
  environmentId: string,
  { rowsMax, recordsMs }: { readonly rowsMax: number; readonly recordsMs: number },
): Promise<number> {
  // Guarantee: at most DELETE_MAX rows of this environment: older than the bound, or older than the newest `rowsMax`.
  return tx.$executeRaw`
    delete from decision_records where ctid = any(array(
      select ctid from decision_records
      where environment_id = ${environmentId} and at < greatest(
        now() - ${recordsMs} * interval '1 millisecond',
        (select at from decision_records where environment_id = ${environmentId} order by at desc offset ${rowsMax - 1} limit 1))
      order by at
      limit ${DELETE_MAX}))`
}
