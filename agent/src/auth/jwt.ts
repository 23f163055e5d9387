/**
 * Proves signed tokens of one issuer.
 *
 * What costs nothing comes first: algorithm and claims; a token that fails there reaches no signature. Its form was read
 * before. Remembering what was proven is for `tokens.ts`.
 *
 * Sources: RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725, RFC 9068 section 4.
 *
 * @module
 */
import { type ClaimProblem, judgeClaims, type JsonObject, type Jws, type TokenRules } from '@headgate/core'
import type { KeySet, VerificationKey } from '#agent/issuers/key-set.ts'
import type { IssuerKeys } from '#agent/issuers/known-keys.ts'
import { isSignedBy } from './signature.ts'

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
      /** Until when it may be taken for good without another look, likewise. */
      readonly untilMs: number
      /** The keys with which it was proven: when there are others, it counts no more. Null: its issuer said so. */
      readonly keySet: KeySet | null
    }
  | { readonly kind: 'refused'; readonly problem: TokenProblem }

/** How long a proven token is taken for good, in milliseconds. */
const REMEMBERED_MS_MAX = 60_000

/**
 * @param text that the token was read from.
 * @param nowMs wall clock.
 * @returns at once where its key is known and its kind of signature is quick; never throws.
 */
export function proveToken(
  text: string,
  jws: Jws,
  rules: TokenRules,
  keys: IssuerKeys,
  nowMs: number,
): ProvenToken | Promise<ProvenToken> {
  if (!rules.algorithms.includes(jws.algorithm)) return refused('algorithm')
  const judged = judgeClaims(jws.claims, jws.type, rules, nowMs)
  if (judged.kind === 'bad') return refused(judged.problem)
  const { expiresAtMs } = judged
  const untilMs = Math.min(expiresAtMs, nowMs + REMEMBERED_MS_MAX)
  const keySet = keys.current()
  const proven = { kind: 'proven', claims: jws.claims, expiresAtMs, untilMs, keySet } as const
  if (keySet !== null && (jws.keyId === null || keySet.has(jws.keyId))) return check(text, jws, keySet, proven)
  const renewal = keys.renew()
  if (renewal === null) return refused(keySet === null ? 'unavailable' : 'key_unknown')
  return whenRenewed(text, jws, keys, renewal, proven)
}

async function whenRenewed(
  text: string,
  jws: Jws,
  keys: IssuerKeys,
  renewal: Promise<boolean>,
  proven: Extract<ProvenToken, { kind: 'proven' }>,
): Promise<ProvenToken> {
  const answered = await renewal
  const keySet = keys.current()
  if (keySet === null) return refused('unavailable')
  if (jws.keyId !== null && !keySet.has(jws.keyId)) return refused(answered ? 'key_unknown' : 'unavailable')
  return await check(text, jws, keySet, { ...proven, keySet })
}

function check(text: string, jws: Jws, keySet: KeySet, proven: ProvenToken): ProvenToken | Promise<ProvenToken> {
  const candidates = keySet.candidates(jws.algorithm, jws.keyId)
  if (candidates.length === 0) return refused('key_unknown')
  let tried = 0
  for (const key of candidates) {
    tried += 1
    const isSigned = isSignedBy(text, jws, key)
    if (isSigned instanceof Promise) return checkLater(text, jws, candidates.slice(tried), isSigned, proven)
    if (isSigned) return proven
  }
  return refused('signature')
}

async function checkLater(
  text: string,
  jws: Jws,
  others: readonly VerificationKey[],
  first: Promise<boolean>,
  proven: ProvenToken,
): Promise<ProvenToken> {
  if (await first) return proven
  for (const key of others) if (await isSignedBy(text, jws, key)) return proven
  return refused('signature')
}

const refused = (problem: TokenProblem): ProvenToken => ({ kind: 'refused', problem })
