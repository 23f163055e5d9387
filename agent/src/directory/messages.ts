/**
 * Consumers, keys and credentials between the form in which they travel and the one in which they are stored.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import {
  type ApiKey,
  ApiKeySchema,
  type Consumer,
  ConsumerSchema,
  type Credential,
  CredentialSchema,
  type CredentialState,
  KeyLimitSchema,
} from '@headgate/proto'
import {
  consumerAt,
  consumerId,
  credentialId,
  grantAt,
  keyHash,
  keyId,
  keyLast4,
  longAt,
  proofAt,
  stateAt,
} from './entries.ts'
import { CREDENTIAL, type DirectoryMemory, DECOY, KEY, KIND, META_KIND, wordAt } from './memory.ts'
import type { CredentialFields, DirectoryWriter } from './writer.ts'

export function credentialFields({ proof, ...rest }: Credential): CredentialFields {
  const base = { ...rest, limits: [], kind: null, name: '', algorithm: null, key: '' }
  switch (proof.case) {
    case 'certificate':
      return { ...base, kind: 'certificate', name: proof.value.identity }
    case 'signingKey': {
      const { keyId: name, key } = proof.value
      const signing = { ...base, kind: 'signing_key', name } as const
      if (key.case === 'ed25519PublicKey') return { ...signing, algorithm: 'ed25519', key: key.value }
      return key.case === 'hmacSecret' ? { ...signing, algorithm: 'hmac-sha256', key: key.value } : signing
    }
    case undefined:
      return base
  }
}

export function consumerMessage(memory: DirectoryMemory, place: number): Consumer {
  const { id, name, disabled, roles } = consumerAt(memory, place)
  return create(ConsumerSchema, { id, name, disabled, roles: [...roles] })
}

export function keyMessage(writer: DirectoryWriter, place: number): ApiKey {
  const { memory } = writer
  const { scopes, addresses, limits } = grantAt(memory, wordAt(memory.heap, place + KEY.grant))
  return create(ApiKeySchema, {
    id: keyId(memory, place),
    consumerId: consumerId(memory, writer.consumerOf(place)),
    sha256: keyHash(memory, place),
    scopes,
    // Kept as it came, also where nobody here knows it.
    state: stateAt(memory, place) as CredentialState,
    expiresAtMs: longAt(memory.heap, place + KEY.expiresLow),
    addresses,
    last4: keyLast4(memory, place),
    decoy: (wordAt(memory.heap, place + KEY.meta) & DECOY) !== 0,
    limits: limits.map((limit) => create(KeyLimitSchema, limit)),
  })
}

export function credentialMessage(writer: DirectoryWriter, place: number): Credential {
  const { memory } = writer
  const { scopes, addresses } = grantAt(memory, wordAt(memory.heap, place + CREDENTIAL.grant))
  const kind = wordAt(memory.heap, place + CREDENTIAL.meta) & META_KIND
  const { name, algorithm, key } = proofAt(memory, place)
  const common = {
    id: credentialId(memory, place),
    consumerId: consumerId(memory, writer.consumerOf(place)),
    scopes,
    state: stateAt(memory, place) as CredentialState,
    expiresAtMs: longAt(memory.heap, place + CREDENTIAL.expiresLow),
    addresses,
  }
  if (kind === KIND.unknown) return create(CredentialSchema, common)
  if (kind === KIND.certificate) {
    return create(CredentialSchema, { ...common, proof: { case: 'certificate', value: { identity: name } } })
  }
  const how =
    algorithm === null
      ? {}
      : { key: { case: algorithm === 'ed25519' ? 'ed25519PublicKey' : 'hmacSecret', value: key } as const }
  return create(CredentialSchema, { ...common, proof: { case: 'signingKey', value: { keyId: name, ...how } } })
}
