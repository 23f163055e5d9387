/**
 * A request that is thought, not sent.
 *
 * Limits are fresh: nobody's budget is touched, and what others have used is not known here.
 *
 * @module
 */
import type { Given } from '@headgate/admin-api'
import {
  type CompiledRelease,
  type LimitStore,
  type RequestHead,
  type TlsPeer,
  type TraceStep,
  formatApiKey,
  indexBans,
  memoryStore,
  readJws,
  takeAll,
  tokenBinding,
} from '@headgate/core'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { activeBans } from '#control-plane/resources/bans/store.ts'
import { type CredentialRow, findCredential } from '#control-plane/resources/credentials/store.ts'
import { findKey } from '#control-plane/resources/keys/store.ts'
import { notFound } from '#control-plane/rest/refusal.ts'
import { type Evaluation, assumedPeer, evaluate, requestHead } from './evaluate.ts'
import { prove, shownBy } from './prove.ts'

type SimulatedRequest = NonNullable<Given<'explain'>['body']['request']>

interface Simulation {
  readonly db: Tx
  readonly environment: EnvironmentScope
  /** Null: nothing is live. */
  readonly release: CompiledRelease | null
  readonly request: SimulatedRequest
  /** Milliseconds since 1970-01-01 UTC. */
  readonly nowMs: number
  /** Counters of limits; default: fresh ones. */
  readonly counters?: LimitStore
  /** Client certificate of the connection; null: none. Default: that of `as_credential`. */
  readonly peer?: TlsPeer | null
}

/** @throws Refusal `not_found` for an unknown `as_key`, `as_credential`, or issuer of `as_claims`. */
export async function simulate({
  db,
  environment,
  release,
  request,
  nowMs,
  counters = memoryStore(() => nowMs),
  peer,
}: Simulation): Promise<Evaluation> {
  const { as_key: keyId, as_credential: credentialId, as_claims: assumed = null, as_token: token } = request
  const asKey = keyId === undefined ? null : await findKey(db, environment, keyId)
  if (asKey === null && keyId !== undefined) return notFound('API key', keyId)
  const asCredential = credentialId === undefined ? null : await findCredential(db, environment, credentialId)
  if (asCredential === null && credentialId !== undefined) return notFound('credential', credentialId)
  const issuers = release?.issuers ?? new Map()
  if (assumed !== null && release !== null && !issuers.has(assumed.issuer)) return notFound('issuer', assumed.issuer)

  const bans = indexBans(await activeBans(db, environment, nowMs))
  const notes: string[] = []
  const isGiven = token !== undefined || assumed !== null
  const note = (sentence: string): void => void notes.push(sentence)
  const prover = { db, environment, issuers, nowMs, assumed, isGiven, note, asKey, asCredential }
  const evaluation = await evaluate(release, headOf(request, environment, release, asCredential, peer), {
    now: () => nowMs,
    bans: () => bans,
    verify: (credential, facts) => prove(prover, credential, facts),
    take: (demands) => takeAll(demands, counters),
  })
  return { ...evaluation, steps: evaluation.steps.map((step) => withNotes(step, notes)) }
}

/** What only an agent can find out is said where it would be found out. */
function withNotes(step: TraceStep, notes: readonly string[]): TraceStep {
  if (step.gate !== 'identity' || notes.length === 0) return step
  return { ...step, detail: [step.detail, ...notes].join('. ') }
}

/** Stands for a key that is chosen by its id: well-formed, and known to nobody. */
const PLACEHOLDER = '0'.repeat(30)

type Field = Readonly<{ name: string; value: string }>

function headOf(
  request: SimulatedRequest,
  environment: EnvironmentScope,
  release: CompiledRelease | null,
  asCredential: CredentialRow | null,
  peer: TlsPeer | null | undefined,
): RequestHead {
  const { method, scheme, address } = request
  const presented = presentedFields(request, environment)
  const signed = asCredential?.kind === 'signing_key' ? [{ name: 'signature-input', value: 'simulated' }] : []
  // What is chosen takes the place of what is in the request, wherever the release looks for one.
  const isReplaced = presented.length > 0 || signed.length > 0
  const carriers = isReplaced ? carriersOf(release) : NO_CARRIERS
  const given = request.headers.filter(({ name }) => !carriers.fields.has(name.toLowerCase()))
  const host = given.some(({ name }) => name.toLowerCase() === 'host') ? [] : [{ name: 'host', value: request.host }]
  const target =
    carriers.parameters.size === 0 ? request.target : withoutParameters(request.target, carriers.parameters)
  const hostName = (given.find(({ name }) => name.toLowerCase() === 'host')?.value ?? request.host).toLowerCase()
  const shown = asCredential?.kind === 'certificate' ? shownBy(asCredential.subject) : null
  const connected =
    peer !== undefined
      ? { peer }
      : shown === null
        ? {}
        : { peer: assumedPeer(release, hostName.replace(/:[0-9]+$/, ''), scheme, shown) }
  return requestHead({ method, target, scheme, address, ...connected }, [...host, ...given, ...presented, ...signed])
}

/** The credential that is chosen beside the fields, as it would be presented. */
function presentedFields(request: SimulatedRequest, { environmentName }: EnvironmentScope): readonly Field[] {
  const { as_key: key, as_token: token, as_claims: claims } = request
  if (key !== undefined) return [bearer(formatApiKey(environmentName, PLACEHOLDER))]
  if (token !== undefined) {
    const read = readJws(token)
    const isBound = read.kind === 'jws' && tokenBinding(read.jws.claims).kind === 'key'
    return [isBound ? { name: 'authorization', value: `DPoP ${token}` } : bearer(token)]
  }
  if (claims === undefined) return []
  const isBound = tokenBinding(claims.claims).kind === 'key'
  return [isBound ? { name: 'authorization', value: 'DPoP simulated' } : bearer('simulated')]
}

const bearer = (text: string): Field => ({ name: 'authorization', value: `Bearer ${text}` })

interface Carriers {
  readonly fields: ReadonlySet<string>
  readonly parameters: ReadonlySet<string>
}

const NO_CARRIERS: Carriers = { fields: new Set(), parameters: new Set() }

/** Fields and parameters in which some route looks for a credential. */
function carriersOf(release: CompiledRelease | null): Carriers {
  const sources = [...(release?.routes.values() ?? [])].flatMap(({ access }) => access?.sources ?? [])
  return {
    fields: new Set([
      'authorization',
      'dpop',
      'signature',
      'signature-input',
      ...sources.flatMap(({ apiKeyHeaders }) => apiKeyHeaders),
    ]),
    parameters: new Set(sources.flatMap(({ apiKeyQuery }) => apiKeyQuery)),
  }
}

function withoutParameters(target: string, names: ReadonlySet<string>): string {
  const mark = target.indexOf('?')
  if (mark === -1) return target
  const kept = target
    .slice(mark + 1)
    .split('&')
    .filter((part) => ![...new URLSearchParams(part).keys()].some((name) => names.has(name)))
  return kept.length === 0 ? target.slice(0, mark) : `${target.slice(0, mark)}?${kept.join('&')}`
}
