/**
 * The judgement about a credential that the directory knows by name: a client certificate, or a key that signs
 * requests.
 *
 * That the caller has it was proven before, by TLS or by the signature. Pure: no clock and no I/O here.
 *
 * @module
 */
import type { Facts, Principal, Verified } from '#core/decision.ts'
import type { CredentialReason } from '#core/reasons.ts'
import { rangesContain, type AddressRange } from './addresses.ts'

/** What a signature is checked with. `secret` is a secret reference, which whoever checks resolves. */
export type SigningKey =
  /** `publicKey`: SubjectPublicKeyInfo in PEM. */
  | { readonly algorithm: 'ed25519'; readonly publicKey: string }
  | { readonly algorithm: 'hmac-sha256'; readonly secret: string }

/** What is known about a credential. */
export interface CredentialFields {
  readonly kind: 'certificate' | 'signing_key'
  readonly id: string
  readonly consumerId: string
  /** Name of the consumer. */
  readonly consumer: string
  readonly consumerDisabled: boolean
  /** Every other value counts as revoked. */
  readonly state: 'active' | 'disabled' | 'revoked'
  /** Milliseconds since 1970-01-01 UTC; 0: never. */
  readonly expiresAtMs: number
  readonly scopes: readonly string[]
  /** Those of the consumer. */
  readonly roles: readonly string[]
  /** From `parseAddressRanges`, once per record. Empty: from anywhere. */
  readonly addresses: readonly AddressRange[]
  /** For people: how it is called, which is no secret. */
  readonly hint: string
  /** Null: it is a certificate, or a key of a kind that is not known here. */
  readonly key: SigningKey | null
}

/** The same, with what is the same for every request with it. Made by `credentialRecord` only. */
export interface CredentialRecord extends CredentialFields {
  /** The verdict when nothing speaks against it. */
  readonly proven: Extract<Verified, { kind: 'proven' }>
}

/** Made once and kept: then a request with the credential makes nothing. */
export function credentialRecord(fields: CredentialFields): CredentialRecord {
  const principal: Principal = {
    consumerId: fields.consumerId,
    consumer: fields.consumer,
    credentialId: fields.id,
    credentialKind: fields.kind === 'certificate' ? 'mtls' : 'signature',
    credentialHint: fields.hint,
    scopes: fields.scopes,
    roles: fields.roles,
    claims: null,
    boundTo: null,
    expiresAtMs: fields.expiresAtMs,
    limits: [],
  }
  return { ...fields, proven: { kind: 'proven', principal } }
}

/** Judges one that the caller has proven to have: state, time, consumer, source address. Its scopes are for `decide`. */
export function judgeCredential(record: CredentialRecord, facts: Facts, nowMs: number): Verified {
  const { principal } = record.proven
  if (record.state === 'disabled') return denied('credential_disabled', principal)
  if (record.state !== 'active') return denied('credential_revoked', principal)
  // Written so that a time that is not a number has passed.
  if (record.expiresAtMs !== 0 && !(nowMs < record.expiresAtMs)) return denied('credential_expired', principal)
  if (record.consumerDisabled) return denied('consumer_disabled', principal)
  if (record.addresses.length > 0 && !rangesContain(record.addresses, facts.address)) {
    const needed = record.addresses.map((range) => range.text)
    return { kind: 'denied', reason: 'address_not_allowed', principal, needed }
  }
  return record.proven
}

function denied(reason: CredentialReason, principal: Principal): Verified {
  return { kind: 'denied', reason, principal }
}
