/**
 * Builds decision records.
 *
 * Holds what is needed to explain a request and nothing that would open another door: no query string, no field
 * value, no credential text. Pure.
 *
 * @module
 */
import {
  type Decision,
  type Facts,
  type LimitState,
  type Principal,
  reasons,
  type RequestHead,
  type TlsPeer,
} from '@headgate/core'
import type { Forwarded } from '#agent/http/exchange.ts'
import type { LiveEnvironment } from '#agent/live-table.ts'
import type { DecisionRecord } from './events.ts'

export interface RecordInput {
  readonly requestId: string
  /** Wall clock at the head of the request, in milliseconds since 1970-01-01 UTC. */
  readonly atMs: number
  readonly durationMs: number
  readonly agent: string
  /** Null: no environment could be told. */
  readonly environment: LiveEnvironment | null
  readonly head: RequestHead
  /** Null: the head could not be normalised. */
  readonly facts: Facts | null
  readonly tls: string | null
  readonly decision: Decision
  /** What the caller was sent. */
  readonly status: number
  readonly forwarded: Forwarded | null
}

// What was not normalised can be anything up to the size of a head.
const METHOD_LENGTH_MAX = 32
const HOST_LENGTH_MAX = 255
const PATH_LENGTH_MAX = 1_024
const SUBJECT_LENGTH_MAX = 256
/** Digits: enough to tell the certificates of one consumer apart. */
const FINGERPRINT_LENGTH = 16

export function decisionRecord(input: RecordInput): DecisionRecord {
  const { requestId, atMs, durationMs, agent, environment, head, facts, tls, decision, status, forwarded } = input
  return {
    request_id: requestId,
    at: new Date(atMs).toISOString(),
    environment_id: environment?.id ?? '',
    environment: environment?.release.environment ?? '',
    tenant: environment?.release.tenant ?? '',
    agent,
    release: environment?.number ?? 0,
    outcome: decision.outcome,
    reason: decision.reason,
    status,
    method: head.method.slice(0, METHOD_LENGTH_MAX),
    host: copied((facts?.host ?? head.header('host')[0] ?? '').slice(0, HOST_LENGTH_MAX)),
    path: copied((facts?.path ?? barePath(head.target)).slice(0, PATH_LENGTH_MAX)),
    scheme: head.scheme,
    address: head.address,
    peer_address: head.peerAddress ?? head.address,
    route: decision.route,
    service: decision.service,
    rule: decision.rule,
    needed: decision.needed,
    had: decision.had,
    principal: decision.principal === null ? null : principalRecord(decision.principal),
    certificate: certificateRecord(decision, head.peer ?? null),
    limits: decision.limits.map(limitRecord),
    tightest: decision.tightest,
    tls,
    duration_ms: round(durationMs),
    upstream: forwarded === null || forwarded.target === '' ? null : upstreamRecord(forwarded),
  }
}

// What could not be normalised may hold a session behind `;` (RFC 3986 section 3.3), and a query that starts late or that
// somebody has encoded once too often.
function barePath(target: string): string {
  const end = target.search(/[?#;]|%3f|%23|%3b/i)
  return end === -1 ? target : target.slice(0, end)
}

/**
 * A part of a text keeps the whole text in memory. Records wait, so a queue of them would hold whole targets, with
 * their queries, far above its bound.
 */
function copied(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function principalRecord(principal: Principal): DecisionRecord['principal'] {
  const isToken = principal.credentialKind === 'jwt' || principal.credentialKind === 'introspection'
  return {
    consumer: principal.consumer,
    consumer_id: principal.consumerId,
    credential_id: principal.credentialId,
    credential_kind: principal.credentialKind,
    hint: principal.credentialHint,
    issuer: isToken ? principal.credentialHint : null,
    scopes: principal.scopes,
    roles: principal.roles,
  }
}

/** @returns null where a certificate made no difference. */
function certificateRecord({ reason, principal }: Decision, peer: TlsPeer | null): DecisionRecord['certificate'] {
  if (peer === null) return null
  const isProof = principal?.credentialKind === 'mtls' || principal?.boundTo === 'certificate'
  const isRefused = reason !== 'allowed' && (reasons[reason].gate === 'identity' || reasons[reason].gate === 'tls')
  if (!isProof && !isRefused) return null
  const isTrusted = peer.kind === 'verified'
  return {
    subject: isTrusted ? peer.subject.replaceAll('\n', ', ').slice(0, SUBJECT_LENGTH_MAX) : '',
    fingerprint: peer.sha256.slice(0, FINGERPRINT_LENGTH),
    problem: isTrusted ? null : peer.why,
  }
}

function limitRecord(state: LimitState): DecisionRecord['limits'][number] {
  return {
    policy: state.policy,
    algorithm: state.algorithm,
    unit: state.unit,
    requests: state.amount,
    window_ms: state.windowMs,
    remaining: state.remaining,
    reset_ms: Math.ceil(state.resetMs),
    retry_after_ms: Math.ceil(state.retryAfterMs),
    exceeded: state.exceeded,
    shadow: state.shadow,
  }
}

function upstreamRecord(forwarded: Forwarded): DecisionRecord['upstream'] {
  const status = forwarded.kind === 'failed' ? 0 : forwarded.status
  return { target: forwarded.target, status, duration_ms: round(forwarded.durationMs) }
}

/** Microseconds are as fine as it gets. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
