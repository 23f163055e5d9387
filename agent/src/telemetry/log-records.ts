/**
 * OTLP log records of what the agent tells.
 *
 * @module
 */
import { type AnyValue, SeverityNumber } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { CredentialNews, CredentialUse, DecoyUse } from './credential-notes.ts'
import {
  DECISION_EVENT,
  decisionLogAttributes,
  type DecisionRecord,
  DECOY_EVENT,
  decoyAttributes,
  USES_EVENT,
  usesAttributes,
} from './events.ts'
import { hrTime } from './points.ts'

export const SCOPE = { name: 'headgate.agent' }

/** Credentials of one record. */
const USES_MAX = 1_000

export function decisionRecords(records: readonly DecisionRecord[], resource: Resource): ReadableLogRecord[] {
  return records.map((record) =>
    logRecord(
      DECISION_EVENT,
      Date.parse(record.at),
      record.outcome === 'deny',
      decisionLogAttributes(record),
      resource,
    ),
  )
}

export function noteRecords(news: CredentialNews, nowMs: number, resource: Resource): ReadableLogRecord[] {
  const decoys = news.decoys.map((decoy) =>
    logRecord(DECOY_EVENT, decoy.atMs, true, decoyLogAttributes(decoy), resource),
  )
  const uses = [...Map.groupBy(news.uses, ({ environmentId }) => environmentId)].flatMap(([environmentId, all]) =>
    Array.from({ length: Math.ceil(all.length / USES_MAX) }, (_, index) => {
      const some = all.slice(index * USES_MAX, (index + 1) * USES_MAX)
      return logRecord(USES_EVENT, nowMs, false, usesLogAttributes(environmentId, some), resource)
    }),
  )
  return [...decoys, ...uses]
}

function usesLogAttributes(environmentId: string, uses: readonly CredentialUse[]): Record<string, AnyValue> {
  return {
    [usesAttributes.environmentId]: environmentId,
    [usesAttributes.ids]: uses.map(({ credentialId }) => credentialId),
    [usesAttributes.addresses]: uses.map(({ address }) => address),
    [usesAttributes.times]: uses.map(({ atMs }) => Math.trunc(atMs)),
  }
}

function decoyLogAttributes({ environmentId, credentialId, address, requestId }: DecoyUse): Record<string, AnyValue> {
  return {
    [decoyAttributes.environmentId]: environmentId,
    [decoyAttributes.credentialId]: credentialId,
    [decoyAttributes.address]: address,
    [decoyAttributes.requestId]: requestId,
  }
}

function logRecord(
  eventName: string,
  atMs: number,
  isWarning: boolean,
  attributes: Record<string, AnyValue>,
  resource: Resource,
): ReadableLogRecord {
  const time = hrTime(atMs)
  return {
    hrTime: time,
    hrTimeObserved: time,
    severityNumber: isWarning ? SeverityNumber.WARN : SeverityNumber.INFO,
    severityText: isWarning ? 'WARN' : 'INFO',
    eventName,
    resource,
    instrumentationScope: SCOPE,
    attributes,
    droppedAttributesCount: 0,
  }
}
