/**
 * The `verify` port of a request that is thought: credentials are looked up in the database, as agents do in their
 * directory, and are neither stored nor logged.
 *
 * @module
 */
import { createPublicKey, verify } from 'node:crypto'
import {
  type CertificateIdentity,
  type Credential,
  type Facts,
  type Reason,
  type SignatureProblem,
  type Verified,
  type VerifiedPeer,
  apiKeyLimit,
  apiKeyRecord,
  credentialRecord,
  judgeApiKey,
  judgeCredential,
  judgeSignature,
  parseAddressRanges,
  readSignature,
} from '@headgate/core'
import { type CredentialRow, findCredentialBySubject } from '#control-plane/resources/credentials/store.ts'
import { hashKey } from '#control-plane/resources/keys/create.ts'
import { readLimits } from '#control-plane/resources/keys/limits.ts'
import { type KeyRow, findKeyByHash } from '#control-plane/resources/keys/store.ts'
import { type TokenProver, proveToken } from './prove-token.ts'

/** What a request is thought to present, beside what its fields hold. */
export interface Prover extends TokenProver {
  readonly asKey: KeyRow | null
  readonly asCredential: CredentialRow | null
}

export async function prove(prover: Prover, credential: Credential, facts: Facts): Promise<Verified> {
  switch (credential.kind) {
    case 'api_key':
      return proveKey(prover, credential.text, facts)
    case 'token':
      return proveToken(prover, credential, facts)
    case 'mtls':
      return proveCertificate(prover, credential, facts)
    case 'signature':
      return proveSignature(prover, credential, facts)
  }
}

async function proveKey({ db, environment, asKey, nowMs }: Prover, text: string, facts: Facts): Promise<Verified> {
  const row = asKey ?? (await findKeyByHash(db, environment, hashKey(text)))
  if (row === null || row.consumer.deletedAt !== null) return denied('credential_unknown')
  return judgeApiKey(keyRecord(row), facts, nowMs)
}

async function proveCertificate(
  prover: Prover,
  { peer, identities }: Extract<Credential, { kind: 'mtls' }>,
  facts: Facts,
): Promise<Verified> {
  const { db, environment, nowMs } = prover
  const rows: CredentialRow[] = []
  for (const subject of identities.flatMap((identity) => namesOf(peer, identity))) {
    const row = await findCredentialBySubject(db, environment, 'certificate', subject)
    if (row !== null && row.consumer.deletedAt === null) rows.push(row)
  }
  const [row] = rows
  if (row === undefined) {
    if (peer.sha256 === '' && prover.asCredential === null) {
      prover.note('Nothing is known of the certificate: say which with as_credential')
    }
    return denied('certificate_unknown')
  }
  if (rows.some(({ consumerId }) => consumerId !== row.consumerId)) return denied('credential_repeated')
  return judgeCredential(recordOf(row), facts, nowMs)
}

/** As the directory has them. */
function namesOf(peer: VerifiedPeer, identity: CertificateIdentity): readonly string[] {
  if (identity === 'fingerprint') return [`fingerprint:${peer.sha256}`]
  if (identity === 'subject') return peer.subject === '' ? [] : [`subject:${peer.subject.split('\n').join(',')}`]
  const prefix = PREFIXES[identity]
  const names = peer.names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
  return names.map((name) => `${identity}:${identity === 'dns' ? name.toLowerCase() : name}`)
}

const PREFIXES = { uri: 'URI:', dns: 'DNS:', email: 'email:' } as const

/** What a certificate that the directory has would show. */
export function shownBy(subject: string): Partial<Pick<VerifiedPeer, 'sha256' | 'subject' | 'names'>> {
  const colon = subject.indexOf(':')
  const [identity, value] = [subject.slice(0, colon), subject.slice(colon + 1)]
  if (identity === 'fingerprint') return { sha256: value }
  if (identity === 'subject') return { subject: value }
  return { names: [`${PREFIXES[identity as keyof typeof PREFIXES] ?? ''}${value}`] }
}

const signatureReasons = {
  missing: 'signature_invalid',
  malformed: 'signature_invalid',
  repeated: 'signature_invalid',
  signature: 'signature_invalid',
  uncovered: 'signature_insufficient',
  time: 'signature_expired',
} as const satisfies Record<SignatureProblem, Reason>

async function proveSignature(
  { db, environment, asCredential, nowMs, note }: Prover,
  rules: Extract<Credential, { kind: 'signature' }>,
  facts: Facts,
): Promise<Verified> {
  if (asCredential !== null) {
    note('The signature is taken for good: it is made for one request')
    return judgeRow(asCredential, facts, nowMs)
  }
  const read = readSignature(facts)
  if (read.kind === 'refused') return denied(signatureReasons[read.problem])
  const { signature } = read
  const row = await findCredentialBySubject(db, environment, 'signing_key', signature.keyId)
  if (row === null || row.consumer.deletedAt !== null) return denied('credential_unknown')
  const problem = judgeSignature(signature, row.algorithm ?? '', rules, nowMs)
  if (problem !== null) return denied(signatureReasons[problem])
  if (row.publicKey === null) note('The signature is taken for good: the agent has the secret of the key')
  else if (!isSigned(signature.base, row.publicKey, signature.signature)) return denied('signature_invalid')
  note('Whether the signature was used before is for agents to know')
  return judgeRow(row, facts, nowMs)
}

function isSigned(base: string, publicKey: string, signature: Uint8Array): boolean {
  try {
    return verify(null, Buffer.from(base, 'latin1'), createPublicKey(publicKey), signature)
  } catch {
    return false
  }
}

function judgeRow(row: CredentialRow, facts: Facts, nowMs: number): Verified {
  return row.consumer.deletedAt === null ? judgeCredential(recordOf(row), facts, nowMs) : denied('credential_unknown')
}

const denied = (reason: Reason): Verified => ({ kind: 'denied', reason, principal: null })

// A check in the database admits three states; any other counts as revoked.
const stateOf = (state: string): 'active' | 'disabled' | 'revoked' =>
  state === 'active' || state === 'disabled' ? state : 'revoked'

function recordOf(row: CredentialRow): Parameters<typeof judgeCredential>[0] {
  return credentialRecord({
    kind: row.kind === 'certificate' ? 'certificate' : 'signing_key',
    id: row.id,
    consumerId: row.consumerId,
    consumer: row.consumer.name,
    consumerDisabled: row.consumer.disabled,
    state: stateOf(row.state),
    expiresAtMs: row.expiresAt?.getTime() ?? 0,
    scopes: row.scopes,
    roles: row.consumer.roles,
    addresses: parseAddressRanges(row.addresses),
    hint: row.subject,
    key: null,
  })
}

function keyRecord(row: KeyRow): Parameters<typeof judgeApiKey>[0] {
  return apiKeyRecord({
    id: row.id,
    consumerId: row.consumerId,
    consumer: row.consumer.name,
    consumerDisabled: row.consumer.disabled,
    state: stateOf(row.state),
    expiresAtMs: row.expiresAt?.getTime() ?? 0,
    scopes: row.scopes,
    roles: row.consumer.roles,
    addresses: parseAddressRanges(row.addresses),
    limits: readLimits(row.limits).flatMap(({ requests, window_ms, burst = 0 }, index) => {
      const limit = { requests: BigInt(requests), windowMs: BigInt(window_ms), burst: BigInt(burst) }
      return apiKeyLimit(index, limit) ?? []
    }),
    last4: row.last4,
    decoy: row.decoy,
  })
}
