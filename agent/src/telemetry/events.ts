/**
 * The events that the agent tells of, and how they become OTLP log records: decisions, the use of credentials, and bait
 * that was presented.
 *
 * Names follow the OpenTelemetry semantic conventions 1.44.0 where they have one; ours start with `headgate.`. The
 * whole record travels as JSON in one attribute; the others are what a receiver searches by without opening it.
 * A record holds no query string, no field value, no body, no credential, and of a token no claims but the caller's name,
 * scopes and roles.
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
  /** Id; of a token issuer and consumer; optional like `consumer`, and so are the next two. */
  credentialId: 'headgate.credential.id',
  /** `api_key`, `jwt`, `introspection`, `mtls` or `signature`. */
  credentialKind: 'headgate.credential.kind',
  /** Name of a token's issuer. */
  issuer: 'headgate.issuer',
  /** Number; with fractions. */
  durationMs: 'headgate.duration_ms',
  method: 'http.request.method',
  host: 'server.address',
  path: 'url.path',
  scheme: 'url.scheme',
  address: 'client.address',
  peerAddress: 'network.peer.address',
  status: 'http.response.status_code',
} as const

/** Event name of a log record that says which credentials were used. */
export const USES_EVENT = 'headgate.credentials.used'

/** Attributes of that record. The three lists are as long as each other. */
export const usesAttributes = {
  environmentId: 'headgate.environment.id',
  /** Ids of API keys, certificates and signing keys. */
  ids: 'headgate.credential.ids',
  /** Source address of the newest use of each. */
  addresses: 'headgate.credential.addresses',
  /** When that was, in milliseconds since 1970-01-01 UTC. */
  times: 'headgate.credential.times',
} as const

/** Event name of a log record that says that bait was presented. */
export const DECOY_EVENT = 'headgate.credential.decoy_used'

/** Attributes of that record. */
export const decoyAttributes = {
  environmentId: 'headgate.environment.id',
  credentialId: 'headgate.credential.id',
  address: 'client.address',
  requestId: 'headgate.request.id',
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
  /** Of the caller. */
  readonly address: string
  /** Source address of the connection: that of a declared proxy, or the caller's. */
  readonly peer_address: string
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
    /** Name of the `issuer` object that a token is of; null for everything else. */
    readonly issuer: string | null
    readonly scopes: readonly string[]
    /** Those of the consumer and of the token. */
    readonly roles: readonly string[]
  } | null
  /** What the caller presented in the handshake, where it proved who calls or was no help; null everywhere else. */
  readonly certificate: {
    /** Such as `CN=ci, O=acme`; empty when nobody vouches for it, or when it has none. */
    readonly subject: string
    /** Beginning of the SHA-256 of its DER, in hexadecimal. */
    readonly fingerprint: string
    /** Why it is not trusted; null: it is. */
    readonly problem: string | null
  } | null
  readonly limits: readonly {
    readonly policy: string
    readonly algorithm: string
    /** `requests` or `bytes`. */
    readonly unit: string
    /** Units of a window or period, or at a time. */
    readonly requests: number
    readonly window_ms: number
    readonly remaining: number
    readonly reset_ms: number
    readonly retry_after_ms: number
    /** It had no room. One that is `shadow` refuses nobody all the same. */
    readonly exceeded: boolean
    readonly shadow: boolean
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
    [decisionAttributes.peerAddress]: record.peer_address,
    [decisionAttributes.status]: record.status,
    [decisionAttributes.record]: JSON.stringify(record),
  }
  if (record.route !== null) attributes[decisionAttributes.route] = record.route
  if (record.service !== null) attributes[decisionAttributes.service] = record.service
  const { principal } = record
  if (principal !== null) {
    attributes[decisionAttributes.consumer] = principal.consumer
    attributes[decisionAttributes.credentialId] = principal.credential_id
    attributes[decisionAttributes.credentialKind] = principal.credential_kind
    if (principal.issuer !== null) attributes[decisionAttributes.issuer] = principal.issuer
  }
  return attributes
}
