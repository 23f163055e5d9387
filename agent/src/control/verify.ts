/**
 * Decides whether a snapshot may be taken: genuine, for us, newer than what is live, and understood to the last field.
 *
 * Everything is refused that is not positively right, and a refusal leaves what is live alone. Whether the objects
 * make sense together is decided after this, by `compile` in core. Pure but for the signature check.
 *
 * The counterpart that signs is control-plane/src/releases/sign.ts. Source: RFC 8032 (Ed25519).
 *
 * @module
 */
import { fromBinary } from '@bufbuild/protobuf'
import { type SigningKey, type SignedSnapshot, type Snapshot, SnapshotSchema } from '@headgate/proto'
import { createPublicKey, verify } from 'node:crypto'

/** The newest capability that this agent has; the numbers are documented in fleet.proto. */
export const CAPABILITY = 3

/** Largest snapshot, in bytes. */
export const SNAPSHOT_BYTES_MAX = 48 * 1024 * 1024

/** In front of the snapshot's bytes, so that a signature made for something else never fits. */
const PREFIX = Buffer.from('headgate snapshot v1\0')

const SIGNATURE_BYTES = 64
const PUBLIC_KEY_BYTES = 32
const NUMBER_MAX = 2n ** 31n - 1n

/** The release that is held of the environment. */
export interface HeldRelease {
  readonly number: number
  readonly tenantId: string
  /** The snapshot's bytes as they were verified. */
  readonly bytes: Uint8Array
}

export interface VerifyContext {
  readonly signingKeys: readonly Pick<SigningKey, 'keyId' | 'publicKey'>[]
  /** Whether this agent's group serves the environment. */
  isAssigned(environmentId: string): boolean
  held(environmentId: string): HeldRelease | null
}

export type VerifiedSnapshot =
  | { readonly kind: 'genuine'; readonly snapshot: Snapshot }
  | { readonly kind: 'refused'; readonly reason: string }

export function verifySnapshot(signed: SignedSnapshot, context: VerifyContext): VerifiedSnapshot {
  const bytes = signed.snapshot
  if (bytes.length > SNAPSHOT_BYTES_MAX) return refused(`the snapshot is larger than ${SNAPSHOT_BYTES_MAX} bytes`)
  const signingKey = context.signingKeys.find(({ keyId }) => keyId === signed.keyId)
  if (signingKey === undefined) return refused(`the snapshot is signed with the unknown key ${quote(signed.keyId)}`)
  if (!isSignedBy(signingKey.publicKey, bytes, signed.signature))
    return refused('the signature of the snapshot is wrong')

  // From here on the bytes are the control plane's own. What follows guards against its mistakes, against a newer
  // one, and against an older snapshot of it that somebody kept.
  const snapshot = decode(bytes)
  if (snapshot === null) return refused('the snapshot cannot be read')
  const unknown = unknownField(snapshot)
  if (unknown !== null) return refused(unknown)
  if (snapshot.capabilityMin === 0 || snapshot.capabilityMin > CAPABILITY) {
    return refused(`the snapshot needs capability ${snapshot.capabilityMin}, this agent has ${CAPABILITY}: update it`)
  }
  if (!context.isAssigned(snapshot.environmentId)) {
    return refused(`the snapshot is for the environment ${quote(snapshot.environmentId)}, which is not served here`)
  }
  return refuseByContent(snapshot) ?? refuseByAge(snapshot, bytes, context) ?? { kind: 'genuine', snapshot }
}

function isSignedBy(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  const x = Buffer.from(publicKey).toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return verify(null, Buffer.concat([PREFIX, bytes]), key, signature)
}

function decode(bytes: Uint8Array): Snapshot | null {
  try {
    return fromBinary(SnapshotSchema, bytes)
  } catch {
    return null
  }
}

/** A field that this agent does not know may be the one that closes a door. */
function unknownField(snapshot: Snapshot): string | null {
  const [inSnapshot] = snapshot.$unknown ?? []
  if (inSnapshot !== undefined) return `the snapshot has the unknown field ${inSnapshot.no}: update this agent`
  for (const { kind, name, $unknown } of snapshot.objects) {
    const [inObject] = $unknown ?? []
    if (inObject !== undefined)
      return `${quote(`${kind}/${name}`)} has the unknown field ${inObject.no}: update this agent`
  }
  return null
}

function refuseByContent(snapshot: Snapshot): VerifiedSnapshot | null {
  const { number, tenantId, tenant, environment, publishedAtMs, objects } = snapshot
  if (number === 0n || number > NUMBER_MAX) return refused('the number of the snapshot is out of range')
  if (tenantId === '' || tenant === '' || environment === '' || publishedAtMs === 0n) {
    return refused('the snapshot does not say whose it is or when it was published')
  }
  for (const [index, object] of objects.entries()) {
    if (object.kind === '' || object.name === '') return refused('an object of the snapshot has no kind or name')
    const before = objects[index - 1]
    if (before !== undefined && !isBefore(before, object))
      return refused('the objects of the snapshot are not in order')
  }
  return null
}

function isBefore(a: { kind: string; name: string }, b: { kind: string; name: string }): boolean {
  return a.kind < b.kind || (a.kind === b.kind && a.name < b.name)
}

function refuseByAge(snapshot: Snapshot, bytes: Uint8Array, context: VerifyContext): VerifiedSnapshot | null {
  const held = context.held(snapshot.environmentId)
  if (held === null) return null
  if (snapshot.tenantId !== held.tenantId) return refused('the snapshot is of another tenant than the one that is live')
  const number = Number(snapshot.number)
  if (number < held.number) return refused(`release r${number} is older than r${held.number}, which is live`)
  if (number === held.number && !Buffer.from(bytes).equals(held.bytes)) {
    return refused(`release r${number} is live with other content`)
  }
  return null
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}

function refused(reason: string): VerifiedSnapshot {
  return { kind: 'refused', reason }
}
