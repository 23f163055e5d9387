/**
 * Turns a log record of an agent into a row of the decision store, or says why it does not fit.
 *
 * Pure. Agents are trusted to tell what they decided, and with nothing else: the agent comes from its certificate,
 * the environment must be one that its group serves, every text has a bound, and the record must be about the
 * environment that it says. One record that does not fit costs itself and not its batch.
 *
 * @module
 */
import { DECISION_EVENT, type LogRecord, attributeNames as names, readAttributes, storable } from './attributes.ts'

/** Longest record as JSON, in characters. */
const RECORD_LENGTH_MAX = 32_768

/** How far a record may be ahead of and behind our clock, in milliseconds. */
const AHEAD_MS_MAX = 10 * 60_000
const BEHIND_MS_MAX = 7 * 86_400_000

/** Longest path that is kept. The path in the record is whole. */
const PATH_LENGTH_MAX = 2_048
const NAME_LENGTH_MAX = 255

const REQUEST_ID = /^[A-Za-z0-9_-]{1,64}$/
const REASON = /^[a-z0-9_]{1,64}$/
const NUMBER_MAX = 2 ** 31 - 1

/** Who sent it, as far as we know it ourselves. */
export interface Sender {
  readonly agentId: string
  readonly agentName: string
  /** Environments that its group serves. */
  readonly environmentIds: ReadonlySet<string>
}

export interface DecisionRow {
  readonly requestId: string
  readonly environmentId: string
  readonly agentId: string
  readonly at: Date
  readonly allowed: boolean
  readonly reason: string
  readonly status: number
  readonly method: string
  readonly host: string
  readonly path: string
  readonly route: string | null
  readonly service: string | null
  readonly consumer: string | null
  readonly releaseNumber: number
  readonly durationMs: number
  readonly record: Readonly<Record<string, unknown>>
}

/** `skipped`: another kind of event, or of no environment. */
export type RecordRead =
  | { readonly kind: 'row'; readonly row: DecisionRow }
  | { readonly kind: 'skipped' }
  | { readonly kind: 'refused'; readonly why: string }

export function readRecord(log: LogRecord, sender: Sender, nowMs: number): RecordRead {
  if (log.eventName !== DECISION_EVENT) return { kind: 'skipped' }
  const attributes = readAttributes(log.attributes)
  const environmentId = attributes.text(names.environmentId, 64) ?? ''
  // A request for a host that no environment serves belongs to nobody's records.
  if (environmentId === '') return { kind: 'skipped' }
  if (!sender.environmentIds.has(environmentId)) return refused('its environment is not served by the agent')
  const requestId = attributes.text(names.requestId, 64) ?? ''
  if (!REQUEST_ID.test(requestId)) return refused('it has no request id')
  const reason = attributes.text(names.reason, 64) ?? ''
  if (!REASON.test(reason)) return refused('it has no reason')
  const outcome = attributes.text(names.outcome, 16)
  if (outcome !== 'allow' && outcome !== 'deny') return refused('it has no outcome')
  const [status, releaseNumber] = [attributes.number(names.status), attributes.number(names.release)]
  if (!isCount(status) || !isCount(releaseNumber)) return refused('its status or release is no number')
  const atMs = Number(log.timeUnixNano / 1_000_000n)
  if (atMs > nowMs + AHEAD_MS_MAX || atMs < nowMs - BEHIND_MS_MAX) return refused('its time is out of range')
  const record = readJson(attributes.text(names.record, RECORD_LENGTH_MAX), environmentId, sender.agentName)
  if (record === null) return refused('its record is missing, too long, or about another environment')

  const durationMs = attributes.number(names.durationMs) ?? 0
  const row: DecisionRow = {
    requestId,
    environmentId,
    agentId: sender.agentId,
    at: new Date(atMs),
    allowed: outcome === 'allow',
    reason,
    status,
    method: attributes.text(names.method, NAME_LENGTH_MAX) ?? '',
    host: attributes.text(names.host, NAME_LENGTH_MAX) ?? '',
    path: (attributes.text(names.path, RECORD_LENGTH_MAX) ?? '').slice(0, PATH_LENGTH_MAX).toWellFormed(),
    route: attributes.text(names.route, NAME_LENGTH_MAX) ?? null,
    service: attributes.text(names.service, NAME_LENGTH_MAX) ?? null,
    consumer: attributes.text(names.consumer, NAME_LENGTH_MAX) ?? null,
    releaseNumber,
    durationMs: Math.max(0, durationMs),
    record,
  }
  return { kind: 'row', row }
}

function readJson(json: string | undefined, environmentId: string, agent: string): Record<string, unknown> | null {
  if (json === undefined) return null
  try {
    // Texts inside are cleaned too: one that Postgres does not take would cost the whole batch.
    const value: unknown = JSON.parse(json, (_key, field: unknown) => cleanField(field))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    const record = value as Record<string, unknown>
    if (record['environment_id'] !== environmentId) return null
    return { ...record, agent }
  } catch {
    return null
  }
}

function cleanField(field: unknown): unknown {
  if (typeof field === 'string') return storable(field)
  if (typeof field !== 'object' || field === null || Array.isArray(field)) return field
  if (Object.keys(field).some((name) => storable(name) !== name)) throw new SyntaxError('a field name is not storable')
  return field
}

function isCount(value: number | undefined): value is number {
  return value !== undefined && Number.isInteger(value) && value >= 0 && value <= NUMBER_MAX
}

function refused(why: string): RecordRead {
  return { kind: 'refused', why }
}
