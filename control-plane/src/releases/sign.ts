/**
 * Signs snapshots, so that an agent takes configuration from nobody else, a mirror or a stolen database included.
 *
 * The signature covers the exact bytes that travel, behind a prefix that keeps it from meaning anything elsewhere.
 * Its counterpart is agent/src/control/verify.ts.
 *
 * Source: RFC 8032 (Ed25519).
 *
 * @module
 */
import { type KeyObject, createHash, createPublicKey, sign } from 'node:crypto'

/** In front of the snapshot's bytes. A new form of snapshot gets a new prefix. */
const PREFIX = Buffer.from('headgate snapshot v1\0')

export interface SnapshotSignature {
  /** 64 bytes. */
  readonly signature: Uint8Array<ArrayBuffer>
  readonly keyId: string
}

export interface SnapshotSigner {
  /** Names the key; follows from it, so that it never names two. */
  readonly keyId: string
  /** Ed25519; 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  /** @param snapshot the bytes as they are stored and sent. */
  sign(snapshot: Uint8Array): SnapshotSignature
}

/** @param privateKey Ed25519. */
export function createSigner(privateKey: KeyObject): SnapshotSigner {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' })
  if (privateKey.asymmetricKeyType !== 'ed25519' || x === undefined)
    throw new TypeError('a snapshot is signed with Ed25519')
  const publicKey = new Uint8Array(Buffer.from(x, 'base64url'))
  const keyId = `sig_${createHash('sha256').update(publicKey).digest('hex').slice(0, 16)}`
  return {
    keyId,
    publicKey,
    sign: (snapshot) => ({
      keyId,
      signature: new Uint8Array(sign(null, Buffer.concat([PREFIX, snapshot]), privateKey)),
    }),
  }
}
