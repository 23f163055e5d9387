/**
 * The public key of an agent's certificate, as those read it who check identity tokens.
 *
 * Pure. Sources: RFC 7517 (JWK), RFC 7518 section 6.2 (elliptic curves), RFC 7638 (thumbprint).
 *
 * @module
 */
import { type KeyObject, createPublicKey, hash } from 'node:crypto'

/** A public key of P-256. */
export interface IdentityKey {
  /** RFC 7638, SHA-256 in base64url: `kid` of the agent's tokens. */
  readonly thumbprint: string
  readonly jwk: { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }
}

/**
 * @param spki SubjectPublicKeyInfo in DER.
 * @throws TypeError when it is no key of P-256: the authority signs certificates for no other.
 */
export function identityKeyOf(spki: Uint8Array): IdentityKey {
  return readKey(createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }))
}

/** @throws TypeError as above. */
export function readKey(key: KeyObject): IdentityKey {
  const { kty, crv, x, y } = key.export({ format: 'jwk' })
  if (kty !== 'EC' || crv !== 'P-256' || x === undefined || y === undefined) {
    throw new TypeError('the key is not one of P-256')
  }
  // Members in this order and without white space are what the thumbprint is of.
  const thumbprint = hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url')
  return { thumbprint, jwk: { kty, crv, x, y } }
}
