/**
 * Reads a signed token (JWS, compact form) as far as it can be read without a key.
 *
 * Everything that can be wrong with a token's form is refused here, before any look-up and any signature work. Keys
 * are never taken from the token: parameters that bring or name one (`jwk`, `jku`, `x5c`, `x5u`) refuse it, as does
 * every extension that must be understood (`crit`) and `b64`, with which the signed text is not what it seems.
 *
 * Sources: RFC 7515 section 4.1 and 7.1, RFC 7519 section 7.2, RFC 8725 section 3.1, 3.10 and 3.11, RFC 7797.
 *
 * @module
 */
import { decodeBase64url } from './base64url.ts'
import { type JsonObject, parseStrictObject } from './strict-json.ts'

/** Longest token that is looked at, in characters. */
export const TOKEN_LENGTH_MAX = 8_192
/** Longest header, in characters: a proof brings a key of RSA. */
const HEADER_LENGTH_MAX = 2_048
/** Longest name of a key, in characters. */
const KEY_ID_LENGTH_MAX = 256

/** Algorithms with a public key (RFC 7518 section 3.1, RFC 8037, RFC 9864). There is none with a shared secret. */
export const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export type SignatureAlgorithm = (typeof signatureAlgorithms)[number]

/** A token as it says of itself. Nothing of it is proven. */
export interface Jws {
  readonly header: JsonObject
  readonly algorithm: SignatureAlgorithm
  /** Name of the key that is to have signed it; null: it names none. */
  readonly keyId: string | null
  /** `typ`, lower case and without `application/`; empty: it has none. */
  readonly type: string
  readonly claims: JsonObject
  /** What was signed: the first so many characters of the token. */
  readonly signedLength: number
  readonly signature: Uint8Array
}

export type ReadJws =
  | { readonly kind: 'jws'; readonly jws: Jws }
  | { readonly kind: 'malformed' }
  /** Well-formed, and signed by a method that no issuer may use here, `none` included. */
  | { readonly kind: 'algorithm_not_allowed' }

const MALFORMED: ReadJws = { kind: 'malformed' }
const NOT_ALLOWED: ReadJws = { kind: 'algorithm_not_allowed' }

/**
 * Parameters that bring or name a key, change what is signed, or say that there is another token inside. All others that
 * we do not know mean nothing (RFC 7515 section 4: they are to be ignored).
 */
const REFUSED_PARAMETERS = [
  'jwk',
  'jku',
  'x5c',
  'x5u',
  'crit',
  'b64',
  'cty',
  'zip',
  'enc',
  'epk',
  'p2c',
  'p2s',
] as const

const REFUSED_IN_PROOFS = REFUSED_PARAMETERS.filter((name) => name !== 'jwk')

const isAlgorithm = (name: unknown): name is SignatureAlgorithm =>
  (signatureAlgorithms as readonly unknown[]).includes(name)

/** Reads a token that is proven with a key that we know. Never throws. */
export function readJws(text: string): ReadJws {
  return read(text, REFUSED_PARAMETERS)
}

/**
 * Reads a proof of possession, which brings its own key in `jwk` (RFC 9449 section 4.2). What it proves is that
 * somebody has that key; whether the key counts is said elsewhere. Never throws.
 */
export function readProof(text: string): ReadJws {
  const proof = read(text, REFUSED_IN_PROOFS)
  return proof.kind === 'jws' && !Object.hasOwn(proof.jws.header, 'jwk') ? MALFORMED : proof
}

function read(text: string, refused: readonly string[]): ReadJws {
  if (text.length > TOKEN_LENGTH_MAX) return MALFORMED
  const headerEnd = text.indexOf('.')
  const signedLength = text.indexOf('.', headerEnd + 1)
  // Three parts: what has five is encrypted, and nothing here opens it.
  if (headerEnd < 1 || headerEnd > HEADER_LENGTH_MAX || signedLength === -1) return MALFORMED
  if (text.includes('.', signedLength + 1)) return MALFORMED

  const header = objectOf(text.slice(0, headerEnd))
  if (header === null) return MALFORMED
  for (const name of refused) if (Object.hasOwn(header, name)) return MALFORMED
  const { alg, kid, typ = '' } = header
  if (typeof alg !== 'string' || typeof typ !== 'string') return MALFORMED
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > KEY_ID_LENGTH_MAX)) return MALFORMED
  if (!isAlgorithm(alg)) return NOT_ALLOWED

  const claims = objectOf(text.slice(headerEnd + 1, signedLength))
  const signature = decodeBase64url(text.slice(signedLength + 1))
  if (claims === null || signature === null || signature.length === 0) return MALFORMED
  const type = typ.toLowerCase().replace(/^application\//, '')
  return { kind: 'jws', jws: { header, algorithm: alg, keyId: kid ?? null, type, claims, signedLength, signature } }
}

function objectOf(part: string): JsonObject | null {
  const bytes = decodeBase64url(part)
  return bytes === null ? null : parseStrictObject(bytes)
}
