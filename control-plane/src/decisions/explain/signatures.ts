/**
 * Checks signatures with keys that stand in the release, or that a caller brings.
 *
 * Sources: RFC 7515 section 5.2, RFC 7518 section 3.3 to 3.5, RFC 7517 section 4, RFC 7638.
 *
 * @module
 */
import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import type { Jws, SignatureAlgorithm } from '@headgate/core'

type Jwk = Readonly<Record<string, unknown>>

/** Members that are the key itself, for each type, in the order of RFC 7638. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

/** @param jwks the JSON text of a JWK set. */
export function isSignedByOneOf(text: string, jws: Jws, jwks: string): 'signed' | 'signature' | 'key_unknown' {
  const { keys } = JSON.parse(jwks) as { readonly keys: readonly Jwk[] }
  const fitting = keys.filter((jwk) => (jws.keyId === null || jwk['kid'] === jws.keyId) && fits(jwk, jws.algorithm))
  if (fitting.length === 0) return 'key_unknown'
  return fitting.some((jwk) => isSignedBy(text, jws, jwk)) ? 'signed' : 'signature'
}

/** @returns false for everything that is not proven. Never throws. */
export function isSignedBy(text: string, { algorithm, signature, signedLength }: Jws, jwk: Jwk): boolean {
  if (!fits(jwk, algorithm)) return false
  try {
    const digest = jwk['kty'] === 'OKP' ? null : `sha${algorithm.slice(2)}`
    const options = algorithm.startsWith('PS') ? { padding: 6, saltLength: -1 } : {}
    const signed = Buffer.from(text.slice(0, signedLength), 'latin1')
    return verify(digest, signed, { key: keyOf(jwk), dsaEncoding: 'ieee-p1363', ...options }, signature)
  } catch {
    return false
  }
}

/** Null: it is no key. */
export function thumbprintOf(jwk: Jwk): string | null {
  const members = MEMBERS[String(jwk['kty'])]
  if (members === undefined) return null
  const values = members.map((name) => [name, jwk[name]])
  if (!values.every(([, value]) => typeof value === 'string')) return null
  return hash('sha256', JSON.stringify(Object.fromEntries(values)), 'base64url')
}

function fits(jwk: Jwk, algorithm: SignatureAlgorithm): boolean {
  const { kty, crv, alg = algorithm, use = 'sig' } = jwk
  if (alg !== algorithm || use !== 'sig') return false
  if (kty === 'EC') return crv === CURVES[algorithm]
  return kty === 'OKP' ? crv === 'Ed25519' && algorithm.startsWith('Ed') : kty === 'RSA' && /^[RP]S/.test(algorithm)
}

function keyOf(jwk: Jwk): KeyObject {
  const members = MEMBERS[String(jwk['kty'])] ?? []
  return createPublicKey({ key: Object.fromEntries(members.map((name) => [name, jwk[name]])), format: 'jwk' })
}
