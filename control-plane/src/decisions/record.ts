/**
 * Reads a stored decision record. It was written by an agent, perhaps of another version, so it is checked like input.
 *
 * @module
 */
import { type DecisionRecord, decisionRecord } from '@headgate/admin-api'
import { reasons } from '@headgate/core'
import type { DecisionRow } from './store.ts'

// What an agent says beside the columns; anything that does not fit is as good as unknown.
const told = decisionRecord.pick({}).extend({
  environment: decisionRecord.shape.environment.catch(''),
  agent: decisionRecord.shape.agent.catch(''),
  scheme: decisionRecord.shape.scheme.catch('http'),
  address: decisionRecord.shape.address.catch(''),
  peer_address: decisionRecord.shape.peer_address.catch(null),
  rule: decisionRecord.shape.rule.catch(null),
  needed: decisionRecord.shape.needed.catch([]),
  had: decisionRecord.shape.had.catch([]),
  principal: decisionRecord.shape.principal.catch(null),
  certificate: decisionRecord.shape.certificate.catch(null),
  limits: decisionRecord.shape.limits.catch([]),
  tightest: decisionRecord.shape.tightest.catch(-1),
  tls: decisionRecord.shape.tls.catch(null),
  upstream: decisionRecord.shape.upstream.catch(null),
})

export function readDecision(row: DecisionRow, environmentName: string): DecisionRecord {
  const record = told.parse(typeof row.record === 'object' && row.record !== null ? row.record : {})
  return {
    request_id: row.requestId,
    at: row.at.toISOString(),
    ...record,
    environment: environmentName,
    release: row.releaseNumber,
    outcome: row.allowed ? 'allow' : 'deny',
    reason: row.reason,
    status: row.status,
    method: row.method,
    host: row.host,
    path: row.path,
    route: row.route,
    service: row.service,
    duration_ms: row.durationMs,
    // 0 stands for a service that did not answer.
    upstream: record.upstream === null ? null : { ...record.upstream, status: record.upstream.status || null },
  }
}

/** Public title of a reason; an unknown one is shown as it is. */
export function reasonTitle(reason: string): string {
  if (reason === 'allowed') return 'The request may pass'
  return Object.hasOwn(reasons, reason) ? reasons[reason as keyof typeof reasons].title : reason
}
