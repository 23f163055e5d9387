/**
 * Rows of the directory as agents are sent them.
 *
 * Pure. A word in a row that nobody knows stays unspecified, which agents refuse.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import {
  type ApiKey,
  ApiKeySchema,
  type Ban,
  BanSchema,
  type Consumer,
  ConsumerSchema,
  type Credential,
  CredentialSchema,
  CredentialState,
} from '@headgate/proto'
import { readLimits } from '#control-plane/resources/keys/limits.ts'

interface ConsumerRow {
  readonly id: string
  readonly name: string
  readonly disabled: boolean
  readonly roles: string[]
}

interface Row {
  readonly id: string
  readonly consumerId: string
  readonly scopes: string[]
  readonly addresses: string[]
  readonly state: string
  readonly expiresAt: Date | null
  /** Its consumer was deleted, or another one has its name now. */
  readonly gone: boolean
}

export interface ApiKeyRow extends Row {
  readonly sha256: Uint8Array<ArrayBuffer>
  readonly last4: string
  readonly decoy: boolean
  readonly limits: unknown
}

export interface CredentialRow extends Row {
  readonly kind: string
  readonly subject: string
  readonly algorithm: string | null
  readonly publicKey: string | null
  readonly secret: string | null
}

const STATES: Readonly<Record<string, CredentialState>> = {
  active: CredentialState.ACTIVE,
  disabled: CredentialState.DISABLED,
  revoked: CredentialState.REVOKED,
}

export function consumerMessage({ id, name, disabled, roles }: ConsumerRow): Consumer {
  return create(ConsumerSchema, { id, name, disabled, roles })
}

export function apiKeyMessage(row: ApiKeyRow): ApiKey {
  const state = stateOf(row)
  const isBait = row.decoy && state === CredentialState.ACTIVE
  return create(ApiKeySchema, {
    ...sharedBy(row),
    // An agent that does not know of decoys must refuse it too.
    state: isBait ? CredentialState.REVOKED : state,
    sha256: row.sha256,
    last4: row.last4,
    // One that was switched off or revoked is not looked out for.
    decoy: isBait,
    limits: readLimits(row.limits).map(({ requests, window_ms, burst = 0 }) => ({
      requests: BigInt(requests),
      windowMs: BigInt(window_ms),
      burst: BigInt(burst),
    })),
  })
}

export interface BanRow {
  readonly id: string
  readonly source: string | null
  readonly consumerId: string | null
  readonly expiresAt: Date | null
  readonly liftedAt: Date | null
}

export function banMessage({ id, source, consumerId, expiresAt }: BanRow): Ban {
  return create(BanSchema, {
    id,
    who: source === null ? { case: 'consumerId', value: consumerId ?? '' } : { case: 'source', value: source },
    expiresAtMs: expiresAt === null ? 0n : BigInt(Math.max(1, expiresAt.getTime())),
  })
}

export function credentialMessage(row: CredentialRow): Credential {
  return create(CredentialSchema, { ...sharedBy(row), state: stateOf(row), proof: proofOf(row) })
}

function sharedBy({ id, consumerId, scopes, addresses, expiresAt }: Row) {
  return {
    id,
    consumerId,
    scopes,
    addresses,
    // Zero means never: a moment before 1970 must not become that.
    expiresAtMs: expiresAt === null ? 0n : BigInt(Math.max(1, expiresAt.getTime())),
  }
}

function stateOf({ state }: Row): CredentialState {
  return STATES[state] ?? CredentialState.UNSPECIFIED
}

function proofOf({ kind, subject, algorithm, publicKey, secret }: CredentialRow) {
  if (kind === 'certificate') return { case: 'certificate' as const, value: { identity: subject } }
  if (kind !== 'signing_key') return { case: undefined }
  return { case: 'signingKey' as const, value: { keyId: subject, key: keyOf(algorithm, publicKey, secret) } }
}

function keyOf(algorithm: string | null, publicKey: string | null, secret: string | null) {
  if (algorithm === 'ed25519' && publicKey !== null) return { case: 'ed25519PublicKey' as const, value: publicKey }
  if (algorithm === 'hmac-sha256' && secret !== null) return { case: 'hmacSecret' as const, value: secret }
  return { case: undefined }
}
