/**
 * A request that an agent decided: decided once more, on the same release, with its effects answered from the record.
 *
 * A record holds no credential and no query, so what depends on their text is taken as it was recorded, and where the
 * evaluator cannot come to the recorded reason without them, the record counts.
 *
 * @module
 */
import type { DecisionRecord } from '@headgate/admin-api'
import {
  type CompiledRelease,
  type Principal,
  type Reason,
  type RequestHead,
  type Taken,
  type Verified,
  formatApiKey,
  reasons,
} from '@headgate/core'
import { type Evaluation, evaluate, requestHead } from './evaluate.ts'

export interface Replay {
  readonly evaluation: Evaluation
  /** The evaluator comes to what was recorded. */
  readonly agrees: boolean
}

/** Reasons whose cause is in parts of the head that are not recorded. */
const UNRECORDED: ReadonlySet<string> = new Set(['host_missing', 'host_invalid', 'target_invalid', 'path_ambiguous'])

/** Reasons with which the `verify` port may answer. */
const DENIED = /^(?:credential_(?:unknown|disabled|revoked|expired|unavailable)|consumer_disabled|address_not_allowed)$/

/** @param release the one that decided; null when none was live. */
export async function replay(
  release: CompiledRelease | null,
  environment: string,
  record: DecisionRecord,
): Promise<Replay> {
  const evaluation = await evaluate(release, headOf(record, environment), {
    now: () => Date.parse(record.at),
    verify: () => verify(record),
    take: () => take(record),
  })
  const { decision } = evaluation
  const afterwards = isReason(record.reason) && reasons[record.reason].gate === 'upstream'
  const same = afterwards
    ? decision.outcome === 'allow'
    : decision.reason === record.reason && decision.outcome === record.outcome
  return { evaluation, agrees: UNRECORDED.has(record.reason) || (same && decision.route === record.route) }
}

export function isReason(text: string): text is Reason {
  return Object.hasOwn(reasons, text)
}

const PLACEHOLDER = '0'.repeat(30)

/** A head that leads the evaluator to the credential that the record tells of. */
function headOf({ method, path, scheme, address, host, reason }: DecisionRecord, environment: string): RequestHead {
  const key = (of: string): { name: string; value: string } => ({
    name: 'authorization',
    value: `Bearer ${formatApiKey(of, PLACEHOLDER)}`,
  })
  const credentials = (): { name: string; value: string }[] => {
    switch (reason) {
      case 'credential_missing':
      case 'https_redirect':
      case 'https_required':
        return []
      case 'credential_repeated':
        return [key(environment), key(environment)]
      case 'credential_malformed':
        return [{ name: 'authorization', value: 'Bearer malformed' }]
      case 'credential_wrong_environment':
        return [key(environment === 'other' ? 'another' : 'other')]
      default:
        return [key(environment)]
    }
  }
  const lacksPeer = reason === 'client_certificate_missing'
  const connection = {
    scheme: scheme === 'https' ? 'https' : 'http',
    address,
    ...(lacksPeer && { peer: null }),
  } as const
  return requestHead({ method, target: path, ...connection }, [
    ...(host === '' ? [] : [{ name: 'host', value: host }]),
    ...credentials(),
  ])
}

function verify({ reason, principal, needed }: DecisionRecord): Verified {
  const who = principal === null ? null : principalOf(principal)
  if (DENIED.test(reason) && isReason(reason)) {
    // The port answers with reasons of credentials only; the pattern is that list.
    return { kind: 'denied', reason, principal: who, ...(needed.length === 0 ? {} : { needed }) }
  }
  return who === null
    ? { kind: 'denied', reason: 'credential_unknown', principal: null }
    : { kind: 'proven', principal: who }
}

function principalOf(principal: NonNullable<DecisionRecord['principal']>): Principal {
  return {
    consumerId: principal.consumer_id,
    consumer: principal.consumer,
    credentialId: principal.credential_id,
    credentialKind: 'api_key',
    credentialHint: principal.hint,
    scopes: principal.scopes,
    roles: principal.roles,
    claims: null,
    boundTo: null,
    expiresAtMs: 0,
    limits: [],
  }
}

function take({ reason, limits, tightest }: DecisionRecord): Taken {
  if (reason === 'limit_unavailable') return { kind: 'unavailable' }
  const states = limits.map((limit) => ({
    policy: limit.policy,
    requests: limit.requests,
    windowMs: limit.window_ms,
    remaining: limit.remaining,
    resetMs: limit.reset_ms,
    retryAfterMs: limit.retry_after_ms,
  }))
  return reason === 'limit_exceeded'
    ? { kind: 'exceeded', states, exceeded: Math.max(0, tightest) }
    : { kind: 'taken', states }
}
