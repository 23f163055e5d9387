/**
 * Reads attributes of OTLP messages that somebody else wrote: whatever does not fit is absent.
 *
 * The names are those of agent/src/telemetry; agent and control plane share no code, so they are written down twice
 * and held together by a test that runs both.
 *
 * @module
 */
import type { ExportLogsServiceRequest, ExportMetricsServiceRequest } from '@headgate/proto'

export type LogRecord = ExportLogsServiceRequest['resourceLogs'][number]['scopeLogs'][number]['logRecords'][number]
export type Metric = ExportMetricsServiceRequest['resourceMetrics'][number]['scopeMetrics'][number]['metrics'][number]
type KeyValues = LogRecord['attributes']

/** Event name of a log record that holds one decision. */
export const DECISION_EVENT = 'headgate.decision'

/** Event name of a log record that tells which credentials were used. */
export const USES_EVENT = 'headgate.credentials.used'

/** Event name of a log record that tells of one decoy that was presented. */
export const DECOY_EVENT = 'headgate.credential.decoy_used'

/** Histogram of answered requests, in seconds. */
export const DURATION_METRIC = 'headgate.request.duration'

export const attributeNames = {
  record: 'headgate.decision.record',
  requestId: 'headgate.request.id',
  environmentId: 'headgate.environment.id',
  outcome: 'headgate.decision.outcome',
  reason: 'headgate.decision.reason',
  release: 'headgate.release.number',
  route: 'headgate.route',
  service: 'headgate.service',
  consumer: 'headgate.consumer',
  durationMs: 'headgate.duration_ms',
  method: 'http.request.method',
  host: 'server.address',
  path: 'url.path',
  status: 'http.response.status_code',
  statusClass: 'headgate.status_class',
  credentialId: 'headgate.credential.id',
  credentialIds: 'headgate.credential.ids',
  credentialAddresses: 'headgate.credential.addresses',
  credentialTimes: 'headgate.credential.times',
  address: 'client.address',
} as const

export interface Attributes {
  /** Undefined when it is absent, another type, or longer than `lengthMax`. */
  text(name: string, lengthMax: number): string | undefined
  /** Undefined when it is absent, another type, or not finite. */
  number(name: string): number | undefined
  /** Undefined when it is absent, another type, or has more than `countMax` items or one that is no short text. */
  texts(name: string, countMax: number): readonly string[] | undefined
  /** Undefined when it is absent, another type, or has more than `countMax` items or one that is no number. */
  numbers(name: string, countMax: number): readonly number[] | undefined
}

type Value = NonNullable<KeyValues[number]['value']>['value']

/** Longest text in a list. */
const ITEM_LENGTH_MAX = 64

export function readAttributes(attributes: KeyValues): Attributes {
  const values = new Map(attributes.map(({ key, value }) => [key, value?.value]))
  const list = <T>(name: string, countMax: number, read: (value: Value | undefined) => T | undefined) => {
    const value = values.get(name)
    if (value?.case !== 'arrayValue' || value.value.values.length > countMax) return undefined
    const items: T[] = []
    for (const item of value.value.values) {
      const one = read(item.value)
      if (one === undefined) return undefined
      items.push(one)
    }
    return items
  }
  return {
    text: (name, lengthMax) => textOf(values.get(name), lengthMax),
    number: (name) => numberOf(values.get(name)),
    texts: (name, countMax) => list(name, countMax, (value) => textOf(value, ITEM_LENGTH_MAX)),
    numbers: (name, countMax) => list(name, countMax, numberOf),
  }
}

function textOf(value: Value | undefined, lengthMax: number): string | undefined {
  if (value?.case !== 'stringValue' || value.value.length > lengthMax) return undefined
  return storable(value.value)
}

function numberOf(value: Value | undefined): number | undefined {
  if (value?.case === 'intValue') return Number(value.value)
  return value?.case === 'doubleValue' && Number.isFinite(value.value) ? value.value : undefined
}

/** Text that Postgres takes: it has neither the NUL character nor half of a surrogate pair. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD')
}
