/**
 * Reads a signed token (JWS, compact form) as far as it can be read without a key.
 *
 * Everything that can be wrong with a token's form is refused here, before any look-up and any signature work; what its
 * header may say is in `header.ts`.
 *
 * Sources: RFC 7515 section 7.1, RFC 7519 section 7.2.
 *
 * @module
 */
import { decodeBase64url, lookAtBase64url } from './base64url.ts'
import { readProofHeader, type ReadHeader, readTokenHeader, type SignatureAlgorithm } from './header.ts'
import { type JsonObject, parseStrictObject } from './strict-json.ts'

export { type SignatureAlgorithm, signatureAlgorithms } from './header.ts'

/** Longest token that is looked at, in characters. */
export const TOKEN_LENGTH_MAX = 8_192

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

/** Reads a token that is proven with a key that we know. Never throws. */
export function readJws(text: string): ReadJws {
  return read(text, readTokenHeader)
}

/**
 * Reads a proof of possession, which brings its own key in `jwk` (RFC 9449 section 4.2). What it proves is that
 * somebody has that key; whether the key counts is said elsewhere. Never throws.
 */
export function readProof(text: string): ReadJws {
  return read(text, readProofHeader)
}

function read(text: string, readHeader: (text: string) => ReadHeader): ReadJws {
  if (text.length > TOKEN_LENGTH_MAX) return MALFORMED
  const headerEnd = text.indexOf('.')
  const signedLength = text.indexOf('.', headerEnd + 1)
  // Three parts: what has five is encrypted, and nothing here opens it.
  if (headerEnd < 1 || signedLength === -1 || text.includes('.', signedLength + 1)) return MALFORMED

  const judged = readHeader(text.slice(0, headerEnd))
  if (judged.kind !== 'header') return judged
  const said = lookAtBase64url(text.slice(headerEnd + 1, signedLength))
  const claims = said === null ? null : parseStrictObject(said)
  const signature = decodeBase64url(text.slice(signedLength + 1))
  if (claims === null || signature === null || signature.length === 0) return MALFORMED
  const { header, algorithm, keyId, type } = judged
  return { kind: 'jws', jws: { header, algorithm, keyId, type, claims, signedLength, signature } }
}
