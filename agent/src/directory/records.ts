/**
 * Credentials as the decision sees them.
 *
 * @module
 */
import { type CredentialRecord, credentialRecord, type SigningKey } from '@headgate/core'
import { credentialId, numberAt, proofAt, stateAt, type StoredConsumer } from './entries.ts'
import type { Grant } from './grant.ts'
import { CREDENTIAL, type DirectoryMemory, KIND, META_KIND, STATE_ACTIVE, STATE_DISABLED, wordAt } from './memory.ts'

/** @returns null when it is none. */
export function readCredential(
  memory: DirectoryMemory,
  place: number,
  consumer: StoredConsumer,
  { scopes, addresses }: Grant,
): CredentialRecord | null {
  const kind = wordAt(memory.heap, place + CREDENTIAL.meta) & META_KIND
  if (kind !== KIND.certificate && kind !== KIND.signingKey) return null
  const proof = proofAt(memory, place)
  return credentialRecord({
    kind: kind === KIND.certificate ? 'certificate' : 'signing_key',
    id: credentialId(memory, place),
    consumerId: consumer.id,
    consumer: consumer.name,
    consumerDisabled: consumer.disabled,
    state: stateOf(stateAt(memory, place)),
    expiresAtMs: numberAt(memory.heap, place + CREDENTIAL.expiresLow),
    scopes,
    roles: consumer.roles,
    addresses,
    hint: proof.name,
    key: signingKey(proof),
  })
}

function signingKey({ algorithm, key }: ReturnType<typeof proofAt>): SigningKey | null {
  if (algorithm === null) return null
  return algorithm === 'ed25519' ? { algorithm, publicKey: key } : { algorithm, secret: key }
}

export function stateOf(state: number): 'active' | 'disabled' | 'revoked' {
  if (state === STATE_ACTIVE) return 'active'
  // Everything that is neither, unknown numbers of a newer control plane included, ends a key.
  return state === STATE_DISABLED ? 'disabled' : 'revoked'
}
