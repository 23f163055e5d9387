/**
 * Decision records and per-minute counts, as read from Postgres. What writes them is in `telemetry/`.
 *
 * @module
 */
import type { DecisionRecord as DecisionRow, Prisma } from '@headgate/prisma'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'

export type { DecisionRow }

export interface DecisionFilter {
  readonly outcome: 'allow' | 'deny' | undefined
  readonly reason: string | undefined
  readonly route: string | undefined
  /** Name. */
  readonly consumer: string | undefined
}

/** Newest first. @param before time and request id of the last row before. */
export function listDecisions(
  db: Tx,
  { environmentId }: EnvironmentScope,
  filter: DecisionFilter,
  before: readonly [string, string] | undefined,
  take: number,
): Promise<DecisionRow[]> {
  const { outcome, reason, route, consumer } = filter
  const where: Prisma.DecisionRecordWhereInput = {
    environmentId,
    ...(outcome === undefined ? {} : { allowed: outcome === 'allow' }),
    ...(reason === undefined ? {} : { reason }),
    ...(route === undefined ? {} : { route }),
    ...(consumer === undefined ? {} : { consumer }),
    ...(before === undefined
      ? {}
      : { OR: [{ at: { lt: before[0] } }, { at: before[0], requestId: { lt: before[1] } }] }),
  }
  return db.decisionRecord.findMany({ where, orderBy: [{ at: 'desc' }, { requestId: 'desc' }], take })
}

/** @param reference a request id, `last` or `last-refused`. */
export function findDecision(
  db: Tx,
  { environmentId }: EnvironmentScope,
  reference: string,
): Promise<DecisionRow | null> {
  if (reference === 'last' || reference === 'last-refused') {
    return db.decisionRecord.findFirst({
      where: { environmentId, ...(reference === 'last' ? {} : { allowed: false }) },
      orderBy: [{ at: 'desc' }, { requestId: 'desc' }],
    })
  }
  return db.decisionRecord.findFirst({ where: { requestId: reference, environmentId } })
}

export interface MinuteRow {
  readonly minute: Date
  readonly requests: bigint
  readonly refused: bigint
  readonly failed: bigint
  readonly durationMsSum: number
}

export function listMinutes(db: Tx, { environmentId }: EnvironmentScope, since: Date): Promise<MinuteRow[]> {
  // Guarantee: one row for each minute that had a request, of this environment only. A refusal is what has a reason
  // other than `allowed`; a failure of the service is one too, and is counted apart.
  return db.$queryRaw<MinuteRow[]>`
    select minute, sum(requests)::bigint as requests,
      coalesce(sum(requests) filter (where reason <> 'allowed' and status_class <> 5), 0)::bigint as refused,
      coalesce(sum(requests) filter (where status_class = 5), 0)::bigint as failed,
      sum(duration_ms_sum)::double precision as "durationMsSum"
    from request_metrics where environment_id = ${environmentId} and minute >= ${since}
    group by minute order by minute`
}
