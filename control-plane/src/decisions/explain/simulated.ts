/**
 * A request that is thought, not sent.
 *
 * The credential in it is looked up by its hash as on an agent, and is neither stored nor logged. Limits are fresh:
 * nobody's budget is touched, and what others have used is not known here.
 *
 * @module
 */
import type { Given } from '@headgate/admin-api'
import {
  type CompiledRelease,
  type Credential,
  type Facts,
  type RequestHead,
  type Verified,
  apiKeyRecord,
  demandKey,
  formatApiKey,
  judgeApiKey,
  parseAddressRanges,
  takeAll,
} from '@headgate/core'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { hashKey } from '#control-plane/resources/keys/create.ts'
import { type KeyRow, findKey, findKeyByHash } from '#control-plane/resources/keys/store.ts'
import { notFound } from '#control-plane/rest/refusal.ts'
import { type Evaluation, evaluate, requestHead } from './evaluate.ts'

type SimulatedRequest = NonNullable<Given<'explain'>['body']['request']>

interface Simulation {
  readonly db: Tx
  readonly environment: EnvironmentScope
  /** Null: nothing is live. */
  readonly release: CompiledRelease | null
  readonly request: SimulatedRequest
  /** Milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number
  /** Counters of limits, by key; new ones are fresh. */
  readonly counters?: Map<string, number>
}

/** @throws Refusal `not_found` for an unknown `as_key`. */
export async function simulate({
  db,
  environment,
  release,
  request,
  nowMs,
  counters = new Map(),
}: Simulation): Promise<Evaluation> {
  const asKey = request.as_key === undefined ? null : await findKey(db, environment, request.as_key)
  if (asKey === null && request.as_key !== undefined) return notFound('API key', request.as_key)

  async function verify(credential: Credential, facts: Facts): Promise<Verified> {
    if (credential.kind !== 'api_key') return { kind: 'denied', reason: 'credential_unavailable', principal: null }
    const row = asKey ?? (await findKeyByHash(db, environment, hashKey(credential.text)))
    if (row === null || row.consumer.deletedAt !== null)
      return { kind: 'denied', reason: 'credential_unknown', principal: null }
    return judgeApiKey(recordOf(row), facts, nowMs)
  }

  return evaluate(release, headOf(request, asKey === null ? null : environment.environmentName, release), {
    now: () => nowMs,
    verify,
    take: (demands) =>
      takeAll(
        demands,
        nowMs,
        (demand) => counters.get(demandKey(demand)) ?? 0,
        (demand, tatMs) => void counters.set(demandKey(demand), tatMs),
      ),
  })
}

/** Stands for a key that is chosen by its id: well-formed, and known to nobody. */
const PLACEHOLDER = '0'.repeat(30)

/** @param standIn name of the environment for whose key a placeholder takes the place of all credentials; null: none. */
function headOf(request: SimulatedRequest, standIn: string | null, release: CompiledRelease | null): RequestHead {
  const { method, target, scheme, address } = request
  const carriers = new Set([
    'authorization',
    ...[...(release?.routes.values() ?? [])].flatMap(({ access }) => access?.sources.apiKeyHeaders ?? []),
  ])
  const given =
    standIn === null ? request.headers : request.headers.filter(({ name }) => !carriers.has(name.toLowerCase()))
  const host = given.some(({ name }) => name.toLowerCase() === 'host') ? [] : [{ name: 'host', value: request.host }]
  const credential =
    standIn === null ? [] : [{ name: 'authorization', value: `Bearer ${formatApiKey(standIn, PLACEHOLDER)}` }]
  return requestHead({ method, target, scheme, address }, [...host, ...given, ...credential])
}

function recordOf(row: KeyRow): Parameters<typeof judgeApiKey>[0] {
  return apiKeyRecord({
    id: row.id,
    consumerId: row.consumerId,
    consumer: row.consumer.name,
    consumerDisabled: row.consumer.disabled,
    // A check in the database admits these three; any other counts as revoked.
    state: row.state === 'active' || row.state === 'disabled' ? row.state : 'revoked',
    expiresAtMs: row.expiresAt?.getTime() ?? 0,
    scopes: row.scopes,
    roles: [],
    addresses: parseAddressRanges(row.addresses),
    limits: [],
    last4: row.last4,
  })
}
