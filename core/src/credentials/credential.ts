/**
 * The judgement about a credential that the directory knows by name: a client certificate, or a key that signs
 * requests.
 *
 * That the caller has it was proven before, by TLS or by the signature. Pure: no clock and no I/O here.
 *
 * @module
 */
import type { Facts, Principal, Verified } from '#core/decision.ts'
import { type HolderFields, type HolderRecord, judgeHolder } from './holder.ts'

/** What a signature is checked with. `secret` is a secret reference, which whoever checks resolves. */
export type SigningKey =
  /** `publicKey`: SubjectPublicKeyInfo in PEM. */
  | { readonly algorithm: 'ed25519'; readonly publicKey: string }
  | { readonly algorithm: 'hmac-sha256'; readonly secret: string }

/** What is known about a credential. */
export interface CredentialFields extends HolderFields {
  readonly kind: 'certificate' | 'signing_key'
  /** For people: how it is called, which is no secret. */
  readonly hint: string
  /** Null: it is a certificate, or a key of a kind that is not known here. */
  readonly key: SigningKey | null
}

/** The same, with what is the same for every request with it. Made by `credentialRecord` only. */
export type CredentialRecord = CredentialFields & HolderRecord

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

/** Judges one that the caller has proven to have. */
export function judgeCredential(record: CredentialRecord, facts: Facts, nowMs: number): Verified {
  return judgeHolder(record, facts, nowMs)
}
