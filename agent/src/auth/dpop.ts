/**
 * Proves that whoever presents a token has the key to which the token is bound (DPoP).
 *
 * The proof is made for one request: this method, this address, this token, this moment, and it counts once. Whoever
 * steals a token without its key can do nothing with it; whoever steals a proof can do nothing with it elsewhere, and
 * not here either once it was seen.
 *
 * Sources: RFC 9449 section 4.3 (checks), 7.1 (use), 11.1 (replay), RFC 7638 (thumbprint), RFC 3986 section 6.2.2.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { type Facts, readProof, type SignatureAlgorithm } from '@headgate/core'
import { readKeySet, type VerificationKey } from '#agent/issuers/key-set.ts'
import type { RecentTokens } from './recent-tokens.ts'
import { isSignedBy } from './signature.ts'

/** Age of a proof, in milliseconds. */
export const PROOF_AGE_MS_MAX = 60_000
/** How far the clock of a caller may be ahead, in milliseconds. */
const AHEAD_MS_MAX = 5_000
/** Longest name of a proof, in characters. */
const PROOF_ID_LENGTH_MAX = 256

/** Why a proof is refused. */
export type ProofProblem =
  | 'missing'
  | 'repeated'
  | 'malformed'
  | 'algorithm'
  | 'mismatch'
  | 'time'
  | 'signature'
  | 'key'
  | 'replayed'

export interface ProofOptions {
  readonly algorithms: readonly SignatureAlgorithm[]
  /**
   * Notes that something was seen.
   *
   * @param forMs how long that must be remembered.
   * @returns false: it was seen before, or cannot be remembered.
   */
  readonly once: (name: string, forMs: number) => boolean
  /** Keys that were made before, by how they were presented: a caller keeps its key. */
  readonly keys: RecentTokens<VerificationKey>
}

/**
 * @param token that the proof is for.
 * @param thumbprint of the key to which the token is bound: `cnf.jkt` of its claims.
 * @param nowMs wall clock.
 * @returns null: it is proven; at once where its kind of signature is quick. Never throws, never rejects.
 */
export function checkProof(
  facts: Facts,
  token: string,
  thumbprint: string,
  nowMs: number,
  { algorithms, once, keys }: ProofOptions,
): ProofProblem | null | Promise<ProofProblem | null> {
  const [text, ...others] = facts.header('dpop')
  if (text === undefined) return 'missing'
  if (others.length > 0) return 'repeated'
  const read = readProof(text)
  if (read.kind === 'malformed' || (read.kind === 'jws' && read.jws.type !== 'dpop+jwt')) return 'malformed'
  if (read.kind !== 'jws' || !algorithms.includes(read.jws.algorithm)) return 'algorithm'
  const { claims, header, algorithm } = read.jws
  const { htm, htu, iat, jti, ath } = claims
  if (typeof jti !== 'string' || jti === '' || jti.length > PROOF_ID_LENGTH_MAX) return 'malformed'
  if (typeof iat !== 'number' || !Number.isFinite(iat)) return 'malformed'
  if (htm !== facts.method || typeof htu !== 'string' || !isAddressOf(htu, facts)) return 'mismatch'
  if (ath !== hash('sha256', token, 'base64url')) return 'mismatch'
  const ageMs = nowMs - iat * 1_000
  if (ageMs > PROOF_AGE_MS_MAX || ageMs < -AHEAD_MS_MAX) return 'time'
  const presented = thumbprintOf(header['jwk'])
  // The key is compared before it is used: with strangers' keys nothing is computed.
  if (presented !== thumbprint) return presented === null ? 'malformed' : 'key'
  // Only holders of tokens come so far, so nobody else fills what is remembered.
  const presentedKey = JSON.stringify(header['jwk'])
  const key = keys.get(`${algorithm} ${presentedKey}`, nowMs) ?? keyOf(presentedKey, algorithm)
  if (key === null) return 'malformed'
  keys.put(`${algorithm} ${presentedKey}`, key, nowMs)
  const isSigned = isSignedBy(text, read.jws, key)
  const replayed = (): ProofProblem | null =>
    once(`${thumbprint} ${jti}`, PROOF_AGE_MS_MAX + AHEAD_MS_MAX) ? null : 'replayed'
  if (isSigned instanceof Promise) return isSigned.then((later) => (later ? replayed() : 'signature'))
  return isSigned ? replayed() : 'signature'
}

/** RFC 9449 section 4.3: without query and fragment, after the usual normalisation of both. */
function isAddressOf(htu: string, { scheme, host, path }: Facts): boolean {
  const url = URL.parse(htu)
  if (url === null || url.protocol !== `${scheme}:` || url.username !== '' || url.password !== '') return false
  // The port is the listener's, or that of somebody in front of it: a host is what tells services apart here.
  const asked = decoded(path)
  return asked !== null && url.hostname === host && decoded(url.pathname) === asked
}

function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

/** The key of a proof, for one algorithm; null: there is none that is used here. */
function keyOf(jwk: string, algorithm: SignatureAlgorithm): VerificationKey | null {
  const read = readKeySet(`{"keys":[${jwk}]}`)
  const [key] = read.kind === 'keys' ? read.keySet.candidates(algorithm, null) : []
  return key ?? null
}

/** RFC 7638 section 3.2: what a key of each type must have, in the order of the alphabet. */
function membersOf(type: unknown): readonly string[] {
  switch (type) {
    case 'EC':
      return ['crv', 'kty', 'x', 'y']
    case 'OKP':
      return ['crv', 'kty', 'x']
    case 'RSA':
      return ['e', 'kty', 'n']
    default:
      return []
  }
}

/** @returns null: it is no public key of a type that is used here. */
function thumbprintOf(jwk: unknown): string | null {
  if (typeof jwk !== 'object' || jwk === null) return null
  const all = jwk as Readonly<Record<string, unknown>>
  const names = membersOf(all['kty'])
  if (names.length === 0 || !names.every((name) => typeof all[name] === 'string')) return null
  return hash('sha256', JSON.stringify(Object.fromEntries(names.map((name) => [name, all[name]]))), 'base64url')
}
