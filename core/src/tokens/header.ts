/**
 * Reads the header of a signed token (JOSE header) and judges it.
 *
 * Keys are never taken from a token: parameters that bring or name one (`jwk`, `jku`, `x5c`, `x5u`) refuse it, as does
 * every extension that must be understood (`crit`) and `b64`, with which the signed text is not what it seems.
 *
 * Nearly all tokens of an issuer have the same header, to the letter. One that was found good is remembered under its
 * text, so that it is decoded and judged once. Only time is saved by that: the text decides alone, and what was refused
 * is looked at again.
 *
 * Sources: RFC 7515 section 4.1, RFC 8725 section 3.1, 3.10 and 3.11, RFC 7797.
 *
 * @module
 */
import { encodeBase64url, lookAtBase64url } from './base64url.ts'
import { type JsonObject, parseStrictObject } from './strict-json.ts'

/** Longest header, in characters: a proof brings a key of RSA. */
const HEADER_LENGTH_MAX = 2_048
/** Longest name of a key, in characters. */
const KEY_ID_LENGTH_MAX = 256
/** Headers that are remembered. Issuers have few; whoever makes up others costs everybody one more look. */
const REMEMBERED_MAX = 64

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

/** What a header says. Nothing of it is proven. */
export interface JwsHeader {
  readonly kind: 'header'
  /** All of it; frozen, because others may get the same one. */
  readonly header: JsonObject
  readonly algorithm: SignatureAlgorithm
  /** Name of the key that is to have signed; null: it names none. */
  readonly keyId: string | null
  /** `typ`, lower case and without `application/`; empty: it has none. */
  readonly type: string
}

export type ReadHeader =
  | JwsHeader
  | { readonly kind: 'malformed' }
  /** Well-formed, and of a method that no issuer may use here, `none` included. */
  | { readonly kind: 'algorithm_not_allowed' }

const MALFORMED: ReadHeader = { kind: 'malformed' }
const NOT_ALLOWED: ReadHeader = { kind: 'algorithm_not_allowed' }

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

// Of tokens only: each caller proves with a key of its own, and a header of a proof is none of a token.
const remembered = new Map<string, JwsHeader>()

/** @param text as it stands in the token. Never throws. */
export function readTokenHeader(text: string): ReadHeader {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const read = readHeader(text, REFUSED_PARAMETERS)
  if (read.kind === 'header') remember(text, read)
  return read
}

/** The same for a proof, which brings its key in `jwk`. */
export function readProofHeader(text: string): ReadHeader {
  const read = readHeader(text, REFUSED_IN_PROOFS)
  return read.kind === 'header' && !Object.hasOwn(read.header, 'jwk') ? MALFORMED : read
}

function remember(text: string, header: JwsHeader): void {
  const bytes = lookAtBase64url(text)
  if (bytes === null) return
  if (remembered.size >= REMEMBERED_MAX) remembered.clear()
  // Made anew: a part of the token's text would keep all of it.
  remembered.set(encodeBase64url(bytes), header)
}

function readHeader(text: string, refused: readonly string[]): ReadHeader {
  if (text.length > HEADER_LENGTH_MAX) return MALFORMED
  const bytes = lookAtBase64url(text)
  const header = bytes === null ? null : parseStrictObject(bytes)
  if (header === null) return MALFORMED
  for (const name of refused) if (Object.hasOwn(header, name)) return MALFORMED
  const { alg, kid, typ = '' } = header
  if (typeof alg !== 'string' || typeof typ !== 'string') return MALFORMED
  if (kid !== undefined && (typeof kid !== 'string' || kid === '' || kid.length > KEY_ID_LENGTH_MAX)) return MALFORMED
  if (!isAlgorithm(alg)) return NOT_ALLOWED
  const type = typ.toLowerCase().replace(/^application\//, '')
  return { kind: 'header', header: Object.freeze(header), algorithm: alg, keyId: kid ?? null, type }
}

const isAlgorithm = (name: unknown): name is SignatureAlgorithm =>
  (signatureAlgorithms as readonly unknown[]).includes(name)
