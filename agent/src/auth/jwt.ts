/**
 * Proves signed tokens of one issuer.
 *
 * What costs nothing comes first: form, algorithm, claims; a token that fails there reaches no signature. A token that
 * was proven is remembered under its SHA-256 for at most a minute and never beyond its end, and is forgotten when the
 * keys of the issuer change. Signatures are checked off the event loop.
 *
 * Sources: RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4.
 *
 * @module
 */
import { hash } from 'node:crypto'
import {
  type ClaimProblem,
  type ClaimRules,
  judgeClaims,
  type JsonObject,
  type Jws,
  readJws,
  type SignatureAlgorithm,
} from '@headgate/core'
import type { KeySource } from '#agent/issuers/key-source.ts'
import { RecentTokens } from './recent-tokens.ts'
import { isSignedBy } from './signature.ts'

/** What tokens of an issuer must be like. */
export interface TokenRules extends ClaimRules {
  readonly algorithms: readonly SignatureAlgorithm[]
}

export type TokenProblem =
  | ClaimProblem
  | 'malformed'
  | 'algorithm'
  | 'key_unknown'
  | 'signature'
  /** The issuer says that it does not count (any more). */
  | 'inactive'
  /** The keys of the issuer are not known: nothing is said about the token. */
  | 'unavailable'

export type ProvenToken =
  | {
      readonly kind: 'proven'
      readonly claims: JsonObject
      /** `exp`, in milliseconds since 1970-01-01 UTC. */
      readonly expiresAtMs: number
    }
  | { readonly kind: 'refused'; readonly problem: TokenProblem }

/** How long a proven token is taken for good, in milliseconds. */
const REMEMBERED_MS_MAX = 60_000

export interface TokenVerifier {
  /**
   * @param nowMs wall clock.
   * @returns at once for what is remembered or wrong in its form; never throws.
   */
  verify(text: string, nowMs: number): ProvenToken | Promise<ProvenToken>
}

/** @param tokensMax tokens that are remembered. */
export function createTokenVerifier(rules: TokenRules, keys: KeySource, tokensMax: number): TokenVerifier {
  const recent = new RecentTokens<Extract<ProvenToken, { kind: 'proven' }>>(tokensMax)

  async function prove(text: string, name: string, jws: Jws, expiresAtMs: number, nowMs: number): Promise<ProvenToken> {
    const keySet = await keys.withKey(jws.keyId)
    if (keySet === null) return refused('unavailable')
    const candidates = keySet.candidates(jws.algorithm, jws.keyId)
    if (candidates.length === 0) return refused('key_unknown')
    const { generation } = keys
    for (const key of candidates) {
      if (!(await isSignedBy(text, jws.algorithm, key))) continue
      const proven = { kind: 'proven', claims: jws.claims, expiresAtMs } as const
      recent.put(name, proven, Math.min(expiresAtMs, nowMs + REMEMBERED_MS_MAX), generation)
      return proven
    }
    return refused('signature')
  }

  return {
    verify: (text, nowMs) => {
      const name = hash('sha256', text, 'latin1')
      const known = recent.get(name, nowMs, keys.generation)
      if (known !== null) return known
      const read = readJws(text)
      if (read.kind === 'malformed') return refused('malformed')
      if (read.kind === 'algorithm_not_allowed' || !rules.algorithms.includes(read.jws.algorithm)) {
        return refused('algorithm')
      }
      const { jws } = read
      const judged = judgeClaims(jws.claims, jws.type, rules, nowMs)
      return judged.kind === 'bad' ? refused(judged.problem) : prove(text, name, jws, judged.expiresAtMs, nowMs)
    },
  }
}

const refused = (problem: TokenProblem): ProvenToken => ({ kind: 'refused', problem })
