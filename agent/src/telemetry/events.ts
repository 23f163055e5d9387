/**
 * The event that the agent tells of every decision, and how a decision record becomes an OTLP log record.
 *
 * Names follow the OpenTelemetry semantic conventions 1.44.0 where they have one; ours start with `headgate.`. The
 * whole record travels as JSON in one attribute; the others are what a receiver searches by without opening it.
 * A record holds no query string, no field value, no body and no credential.
 *
 * @module
 */
import type { AnyValue } from '@opentelemetry/api'

/** Event name of a log record that holds one decision. */
export const DECISION_EVENT = 'headgate.decision'

/** Attributes of a decision's log record. A receiver may rely on all but those marked optional. */
export const decisionAttributes = {
  /** The whole record as JSON: see `DecisionRecord`. */
  record: 'headgate.decision.record',
  requestId: 'headgate.request.id',
  /** Id, `env_...`. */
  environmentId: 'headgate.environment.id',
  /** `allow` or `deny`. */
  outcome: 'headgate.decision.outcome',
  /** `allowed`, or why not. */
  reason: 'headgate.decision.reason',
  /** Number. */
  release: 'headgate.release.number',
  /** Name; optional: absent when no route matched. */
  route: 'headgate.route',
  /** Name; optional. */
  service: 'headgate.service',
  /** Name; optional: absent when nobody was proven. */
  consumer: 'headgate.consumer',
  /** Number; with fractions. */
  durationMs: 'headgate.duration_ms',
  method: 'http.request.method',
  host: 'server.address',
  path: 'url.path',
  scheme: 'url.scheme',
  address: 'client.address',
  status: 'http.response.status_code',
} as const

/** What is known about one request afterwards. Field names are those of the REST admin API. */
export interface DecisionRecord {
  readonly request_id: string
  /** ISO 8601, UTC, with milliseconds. */
  readonly at: string
  readonly environment_id: string
  /** Name. */
  readonly environment: string
  /** Name. */
  readonly tenant: string
  /** Name. */
  readonly agent: string
  /** Number. */
  readonly release: number
  readonly outcome: 'allow' | 'deny'
  readonly reason: string
  /** What the caller was sent; 499 when the caller left before. */
  readonly status: number
  readonly method: string
  readonly host: string
  readonly path: string
  readonly scheme: 'http' | 'https'
  readonly address: string
  readonly route: string | null
  readonly service: string | null
  readonly rule: { readonly kind: string; readonly name: string; readonly origin: string } | null
  readonly needed: readonly string[]
  readonly had: readonly string[]
  readonly principal: {
    readonly consumer: string
    readonly consumer_id: string
    readonly credential_id: string
    readonly credential_kind: string
    readonly hint: string
    readonly scopes: readonly string[]
  } | null
  readonly limits: readonly {
    readonly policy: string
    readonly requests: number
    readonly window_ms: number
    readonly remaining: number
    readonly reset_ms: number
    readonly retry_after_ms: number
  }[]
  /** Index in `limits`; -1: none. */
  readonly tightest: number
  /** Such as `TLSv1.3`; null for plain HTTP. */
  readonly tls: string | null
  readonly duration_ms: number
  /** Null when nothing was asked of a service. `status` 0: it did not answer. */
  readonly upstream: { readonly target: string; readonly status: number; readonly duration_ms: number } | null
}

/** The attributes of a decision's log record. */
export function decisionLogAttributes(record: DecisionRecord): Record<string, AnyValue> {
  const attributes: Record<string, AnyValue> = {
    [decisionAttributes.requestId]: record.request_id,
    [decisionAttributes.environmentId]: record.environment_id,
    [decisionAttributes.outcome]: record.outcome,
    [decisionAttributes.reason]: record.reason,
    [decisionAttributes.release]: record.release,
    [decisionAttributes.durationMs]: record.duration_ms,
    [decisionAttributes.method]: record.method,
    [decisionAttributes.host]: record.host,
    [decisionAttributes.path]: record.path,
    [decisionAttributes.scheme]: record.scheme,
    [decisionAttributes.address]: record.address,
    [decisionAttributes.status]: record.status,
    [decisionAttributes.record]: JSON.stringify(record),
  }
  if (record.route !== null) attributes[decisionAttributes.route] = record.route
  if (record.service !== null) attributes[decisionAttributes.service] = record.service
  if (record.principal !== null) attributes[decisionAttributes.consumer] = record.principal.consumer
  return attributes
}
