/**
 * Decision records, explanations and traffic.
 *
 * @module
 */
import type { HandlersOf } from '#control-plane/rest/contract.ts'
import { readCursor, timeIdKey, toPage } from '#control-plane/rest/cursor.ts'
import { explainRecorded, explainSimulated } from './explain/explain.ts'
import { awaitDecision } from './find.ts'
import { readDecision } from './record.ts'
import { listDecisions, listMinutes } from './store.ts'

const MINUTE_MS = 60_000

export const decisionHandlers = {
  listDecisions: async ({ services, environment }, { query }) => {
    const before = readCursor(query.cursor, timeIdKey)
    const { outcome, reason, route, consumer } = query
    const rows = await listDecisions(
      services.db,
      environment,
      { outcome, reason, route, consumer },
      before,
      query.limit + 1,
    )
    return toPage(
      rows,
      query.limit,
      ({ at, requestId }) => [at.toISOString(), requestId],
      (row) => readDecision(row, environment.environmentName),
    )
  },

  getDecision: async ({ services, environment, signal }, { params }) =>
    readDecision(await awaitDecision(services, environment, params.request_id, signal), environment.environmentName),

  explain: async (context, { body }) =>
    body.request === undefined
      ? explainRecorded(context, body.request_id ?? 'last')
      : explainSimulated(context, body.request, body.release ?? 'live'),

  getTraffic: async ({ services, environment }, { query }) => {
    const nowMs = services.clock.now()
    const since = new Date((Math.floor(nowMs / MINUTE_MS) - query.minutes + 1) * MINUTE_MS)
    const rows = await listMinutes(services.db, environment, since)
    return {
      data: rows.map(({ minute, requests, refused, failed, durationMsSum }) => ({
        minute: minute.toISOString(),
        requests: Number(requests),
        refused: Number(refused),
        failed: Number(failed),
        duration_ms_mean: requests === 0n ? 0 : durationMsSum / Number(requests),
      })),
    }
  },
} satisfies HandlersOf<'listDecisions' | 'getDecision' | 'explain' | 'getTraffic'>
