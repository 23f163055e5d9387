/**
 * The public keys of an issuer, read from a JWK set.
 *
 * Keys are told apart by name and kind before any signature work: a key is offered only for the algorithms that fit its
 * type and curve, so that a token cannot choose how its key is understood. What cannot be used is passed over, because
 * issuers publish keys of many kinds in one set; what must never be published (a shared or private key) refuses the set.
 *
 * Sources: RFC 7517 section 4 and 5, RFC 7518 section 3 and 6, RFC 8037 section 2, RFC 8725 section 3.1, 3.2 and 3.5.
 *
 * @module
 */
import { createPublicKey, type JsonWebKeyInput, type KeyObject } from 'node:crypto'
import type { SignatureAlgorithm } from '@headgate/core'

/** Keys of one set. */
const KEYS_MAX = 100
/** Shortest modulus of RSA, in bits (RFC 7518 section 3.3). */
const RSA_BITS_MIN = 2_048
/** Longest, in bits: the time of a check grows with it. */
const RSA_BITS_MAX = 8_192
/** Longest public exponent, in bytes: it is 65,537 everywhere, and the time of a check grows with it as well. */
const EXPONENT_BYTES_MAX = 4
/** Longest text of one member of a key, in characters. */
const MEMBER_LENGTH_MAX = 4_096

/** One key. */
export interface VerificationKey {
  /** Null: it has no name. */
  readonly keyId: string | null
  readonly algorithms: ReadonlySet<SignatureAlgorithm>
  readonly key: KeyObject
}

/** Usable keys of an issuer. */
export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** Whether a name is known, whatever the key is for. */
  has(keyId: string): boolean
  /**
   * The keys with which a token may have been signed: by name where it names one, else all that fit.
   *
   * @param keyId null: the token names none.
   */
  candidates(algorithm: SignatureAlgorithm, keyId: string | null): readonly VerificationKey[]
}

export type ReadKeySet =
  | { readonly kind: 'keys'; readonly keySet: KeySet; readonly passedOver: readonly string[] }
  | { readonly kind: 'invalid'; readonly why: string }

/** Tokens that name no key are tried with so many. */
const CANDIDATES_MAX = 4

/** @param text JSON. Never throws. */
export function readKeySet(text: string): ReadKeySet {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return invalid('it is not JSON')
  }
  if (!isRecord(value) || !Array.isArray(value['keys'])) return invalid('it has no list of keys')
  const all: readonly unknown[] = value['keys']
  if (all.length > KEYS_MAX) return invalid(`it has more than ${KEYS_MAX} keys`)
  const keys: VerificationKey[] = []
  const passedOver: string[] = []
  for (const [index, jwk] of all.entries()) {
    if (!isRecord(jwk)) return invalid(`key ${index} is not an object`)
    // Whoever can read the set could sign with it.
    if ('d' in jwk || 'k' in jwk) return invalid(`key ${index} is not public`)
    const why = unusable(jwk)
    const key = why === null ? verificationKey(jwk) : null
    if (key !== null) keys.push(key)
    else passedOver.push(`key ${index}: ${why ?? 'its numbers are no key'}`)
  }
  return { kind: 'keys', keySet: keySetOf(keys), passedOver }
}

/** A set without keys: every token is of a key that is not known. */
export const NO_KEYS: KeySet = keySetOf([])

/** Keys of one name, and for each algorithm that was asked for those that fit. */
interface Pool {
  readonly keys: readonly VerificationKey[]
  readonly fitting: Map<SignatureAlgorithm, readonly VerificationKey[]>
}

const NONE: readonly VerificationKey[] = []

function keySetOf(keys: readonly VerificationKey[]): KeySet {
  const poolOf = (of: readonly VerificationKey[]): Pool => ({ keys: of, fitting: new Map() })
  const every = poolOf(keys)
  const named = new Map(
    Array.from(
      Map.groupBy(keys, ({ keyId }) => keyId),
      ([keyId, of]) => [keyId, poolOf(of)],
    ),
  )
  return {
    keys,
    has: (keyId) => named.has(keyId),
    candidates: (algorithm, keyId) => {
      const pool = keyId === null ? every : named.get(keyId)
      return pool === undefined ? NONE : fittingOf(pool, algorithm)
    },
  }
}

/** Made once for each algorithm, of which there are few: every new token asks. */
function fittingOf({ keys, fitting }: Pool, algorithm: SignatureAlgorithm): readonly VerificationKey[] {
  let found = fitting.get(algorithm)
  if (found === undefined) {
    found = keys.filter(({ algorithms }) => algorithms.has(algorithm)).slice(0, CANDIDATES_MAX)
    fitting.set(algorithm, found)
  }
  return found
}

/** @returns null when the numbers are none of its type and curve. */
function verificationKey(jwk: Record<string, unknown>): VerificationKey | null {
  const { kid, alg } = jwk
  const fitting = algorithmsOf(jwk)
  const algorithms = new Set(typeof alg === 'string' ? fitting.filter((each) => each === alg) : fitting)
  // Only what a key is: `key_ops`, `ext` and the like were judged, and would only get in the way.
  const { kty, crv, x, y, n, e } = jwk
  const material = Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined),
  )
  try {
    const key = createPublicKey({ key: material as JsonWebKeyInput['key'], format: 'jwk' })
    return { keyId: typeof kid === 'string' ? kid : null, algorithms, key }
  } catch {
    return null
  }
}

/** Why a key cannot be used; null: it can. */
function unusable(jwk: Record<string, unknown>): string | null {
  const { kid, use, key_ops: operations, alg, n, e } = jwk
  for (const name of ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'use', 'alg']) {
    const member = jwk[name]
    if (member === undefined) continue
    if (typeof member !== 'string' || member.length > MEMBER_LENGTH_MAX) return `${name} is not a text, or too long`
  }
  if (kid === '') return 'its name is empty'
  if (use !== undefined && use !== 'sig') return 'it is not for signatures'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'it is not for checking signatures'
  }
  const fitting = algorithmsOf(jwk)
  if (fitting.length === 0) return 'its type or curve is not used for signatures here'
  if (alg !== undefined && !fitting.some((each) => each === alg)) return 'its algorithm does not fit its type'
  if (typeof n === 'string' && jwk['kty'] === 'RSA') {
    // Four characters are three bytes.
    const bits = Math.floor((n.length * 3) / 4) * 8
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) return `it has ${bits} bits`
    if (typeof e !== 'string' || !isExponent(e)) return 'its exponent is not one that is used'
  }
  return null
}

/** Odd, above 1, and short. */
function isExponent(text: string): boolean {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length === 0 || bytes.length > EXPONENT_BYTES_MAX) return false
  const value = bytes.readUIntBE(0, bytes.length)
  return value > 1 && value % 2 === 1
}

/** The algorithms that a type and curve of keys has. */
function algorithmsOf({ kty, crv }: Record<string, unknown>): readonly SignatureAlgorithm[] {
  if (kty === 'RSA') return ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
  if (kty === 'OKP') return crv === 'Ed25519' ? ['EdDSA', 'Ed25519'] : []
  if (kty !== 'EC') return []
  return crv === 'P-256' ? ['ES256'] : crv === 'P-384' ? ['ES384'] : crv === 'P-521' ? ['ES512'] : []
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const invalid = (why: string): ReadKeySet => ({ kind: 'invalid', why })
