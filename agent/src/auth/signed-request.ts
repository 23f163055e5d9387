/**
 * Proves a caller by the signature of its request.
 *
 * The key that the signature names is one of the directory; a shared secret is read where its reference says. What is
 * proven counts once: the same signature again is a replay, on whichever thread it comes.
 *
 * Source: RFC 9421 section 3.2 and 7.2.2 (replay).
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import {
  AHEAD_MS_MAX,
  type Credential,
  type CredentialReason,
  type CredentialRecord,
  type Facts,
  judgeCredential,
  type MessageSignature,
  readSignature,
  type SignatureProblem,
  type SigningKey as StoredKey,
  type Verified,
} from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import type { SecretRead } from '#agent/listen/secrets.ts'
import type { LockOuts } from '#agent/limits/lock-out.ts'
import type { SeenTable } from '#agent/limits/seen.ts'
import { denied, prefixLockedOut } from './denied.ts'
import { checkSignature, type SigningKey } from './message-signature.ts'
import { signedPrefix } from './prefix.ts'
import type { SecretValues } from './secret-values.ts'

export interface SignedRequestOptions {
  readonly environmentId: string
  readonly secrets: SecretValues
  readonly seen: SeenTable
  readonly lockOuts: LockOuts
}

const reasons: Readonly<Record<SignatureProblem, CredentialReason>> = {
  missing: 'signature_invalid',
  repeated: 'signature_invalid',
  malformed: 'signature_invalid',
  signature: 'signature_invalid',
  uncovered: 'signature_insufficient',
  time: 'signature_expired',
}

/** Keys in the form in which they are used, as long as what they are made from. */
const publicKeys = new WeakMap<StoredKey, SigningKey>()
const sharedKeys = new WeakMap<SecretRead, SigningKey>()

/** @param nowMs wall clock. */
export function verifySignedRequest(
  options: SignedRequestOptions,
  directory: DirectoryReader,
  rules: Extract<Credential, { kind: 'signature' }>,
  facts: Facts,
  nowMs: number,
): Verified | Promise<Verified> {
  if (!directory.known) return denied('credential_unavailable')
  const read = readSignature(facts)
  if (read.kind === 'refused') return denied(reasons[read.problem])
  const { keyId } = read.signature
  const leftMs = options.lockOuts.prefixLockedMs(options.environmentId, signedPrefix(keyId), facts.address)
  if (leftMs > 0) return prefixLockedOut(leftMs)
  const record = directory.findCredential('signing_key', keyId)
  if (record === null || record.key === null) return denied('credential_unknown')
  const { key } = record
  if (key.algorithm === 'ed25519') {
    return judge(options, record, read.signature, publicKey(key, key.publicKey), rules, facts, nowMs)
  }
  const secret = options.secrets.read(key.secret)
  return secret instanceof Promise
    ? secret.then((value) => judge(options, record, read.signature, sharedKey(value), rules, facts, nowMs))
    : judge(options, record, read.signature, sharedKey(secret), rules, facts, nowMs)
}

/** @param key null: it cannot be had, which is no fault of the caller. */
function judge(
  { environmentId, seen }: SignedRequestOptions,
  record: CredentialRecord,
  signature: MessageSignature,
  key: SigningKey | null,
  rules: Extract<Credential, { kind: 'signature' }>,
  facts: Facts,
  nowMs: number,
): Verified {
  if (key === null) return denied('credential_unavailable')
  const problem = checkSignature(signature, key, rules, nowMs)
  if (problem !== null) return denied(reasons[problem])
  const verified = judgeCredential(record, facts, nowMs)
  if (verified.kind === 'denied') return verified
  // By what was signed, not by the signature: one text may have more than one.
  const name = `${environmentId} signature ${signature.keyId} ${signature.base}`
  return seen.once(name, rules.ageMsMax + AHEAD_MS_MAX) ? verified : denied('signature_replayed')
}

function publicKey(stored: StoredKey, text: string): SigningKey | null {
  let key = publicKeys.get(stored)
  if (key === undefined) {
    try {
      const made = createPublicKey(text)
      if (made.asymmetricKeyType !== 'ed25519') return null
      key = { algorithm: 'ed25519', publicKey: made }
    } catch {
      return null
    }
    publicKeys.set(stored, key)
  }
  return key
}

function sharedKey(read: SecretRead): SigningKey | null {
  if (read.kind === 'missing') return null
  let key = sharedKeys.get(read)
  if (key === undefined) {
    // A file ends with a line feed that nobody means.
    key = { algorithm: 'hmac-sha256', secret: Buffer.from(read.value.replace(/\r?\n$/, ''), 'utf8') }
    sharedKeys.set(read, key)
  }
  // With an empty secret everybody could sign.
  return key.algorithm === 'hmac-sha256' && key.secret.length === 0 ? null : key
}
