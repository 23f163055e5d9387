/**
 * Keys of one run, and what is signed with them.
 *
 * Sources: RFC 7518 section 3 (algorithms), RFC 7638 (thumbprints), RFC 8037 (Ed25519).
 *
 * @module
 */
import { generateKeyPairSync, hash, type KeyObject, sign, type SignKeyObjectInput, type webcrypto } from 'node:crypto'
import type { SignatureAlgorithm } from '#core/tokens/jws.ts'

export type JsonWebKey = webcrypto.JsonWebKey

export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

/** RFC 7638, of a key on a curve. */
export function thumbprint({ crv, kty, x, y }: JsonWebKey): string {
  return hash('sha256', JSON.stringify(y === undefined ? { crv, kty, x } : { crv, kty, x, y }), 'base64url')
}

/** Algorithms of one kind share keys. */
export function kindOf(algorithm: SignatureAlgorithm): string {
  if (algorithm === 'EdDSA') return 'Ed25519'
  return /^[RP]S/.test(algorithm) ? 'RSA' : algorithm
}

export function generate(algorithm: SignatureAlgorithm): KeyPair {
  const kind = kindOf(algorithm)
  if (kind === 'Ed25519') return generateKeyPairSync('ed25519')
  if (kind === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return generateKeyPairSync('ec', { namedCurve: kind === 'ES256' ? 'P-256' : kind === 'ES384' ? 'P-384' : 'P-521' })
}

export function signature(text: string, key: KeyObject, algorithm: SignatureAlgorithm): Buffer {
  const digest = kindOf(algorithm) === 'Ed25519' ? null : `sha${algorithm.slice(2)}`
  const options: Omit<SignKeyObjectInput, 'key'> = algorithm.startsWith('ES')
    ? { dsaEncoding: 'ieee-p1363' }
    : algorithm.startsWith('PS')
      ? { padding: 6, saltLength: -1 }
      : {}
  return sign(digest, Buffer.from(text), { key, ...options })
}

/** Changes one bit in the middle. */
export function spoilt(bytes: Buffer, isSpoilt: boolean): Buffer {
  const at = bytes.length >> 1
  if (isSpoilt) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
  return bytes
}
