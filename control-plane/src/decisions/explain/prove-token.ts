/**
 * Proves the token of a request that is thought, as far as it can be proven here.
 *
 * Form, algorithm, claims, audience, times and consumer are checked as on an agent, and the signature where the keys of
 * the issuer stand in the release. What only the agent can find out (keys that it fetches, what an issuer says when it is
 * asked) is taken for good, and said.
 *
 * @module
 */
import {
  type CompiledIssuer,
  type Credential,
  type CredentialReason,
  type Facts,
  type JsonObject,
  type Jws,
  type Principal,
  OBJECT_NAME,
  type Verified,
  claimText,
  judgeClaims,
  judgeToken,
  neededProof,
  readJws,
  tokenBinding,
  tokenOrigin,
  tokenReasons,
} from '@headgate/core'
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { findConsumer } from '#control-plane/resources/consumers/store.ts'
import { proofProblem } from './proof.ts'
import { isSignedByOneOf } from './signatures.ts'

/** What a token is thought to say. */
export interface AssumedClaims {
  /** Name of the issuer object. */
  readonly issuer: string
  readonly claims: JsonObject
}

export interface TokenProver {
  readonly db: Tx
  readonly environment: EnvironmentScope
  readonly issuers: ReadonlyMap<string, CompiledIssuer>
  readonly nowMs: number
  /** Null: the text of the credential counts. */
  readonly assumed: AssumedClaims | null
  /** It was given by itself: what has to be shown beside it is taken as shown. */
  readonly isGiven: boolean
  /** Takes a sentence about what only the agent finds out. */
  readonly note: (sentence: string) => void
}

type TokenCredential = Extract<Credential, { kind: 'token' }>

/** Claims that were judged, and of whom they are; or why not. */
type Judged =
  | { readonly issuer: CompiledIssuer; readonly kind: 'jwt' | 'introspection'; readonly claims: JsonObject }
  | CredentialReason

export async function proveToken(prover: TokenProver, credential: TokenCredential, facts: Facts): Promise<Verified> {
  const { assumed, issuers, nowMs } = prover
  const judged = assumed === null ? judgeText(prover, credential) : judgeAssumed(assumed, issuers, credential, nowMs)
  if (typeof judged === 'string') return denied(judged)
  const { issuer, kind, claims } = judged
  if (assumed !== null || kind === 'introspection') {
    prover.note(
      kind === 'jwt'
        ? 'The signature is taken for good: a token that is thought has none'
        : `What is said is taken for good: the agent asks ${issuer.name} about each token`,
    )
  }
  const source = credential.sources.find((each) => each.issuer === issuer.name)
  const unproven = provenBinding(prover, claims, source?.mustBeBound ?? true, credential, facts)
  if (unproven !== null) return denied(unproven)
  const name = claimText(claims, issuer.consumerClaim)
  // What a token says can be anything: only what can be the name of a consumer is looked for, and ids are none.
  const row = name === null || !OBJECT_NAME.test(name) ? null : await findConsumer(prover.db, prover.environment, name)
  const consumer = row === null || row.name !== name ? null : row
  return judgeToken(issuer, { kind, claims, expiresAtMs: Number(claims['exp']) * 1_000 }, () => consumer)
}

function judgeText(prover: TokenProver, { text, sources }: TokenCredential): Judged {
  const origin = tokenOrigin(text, sources, prover.issuers)
  if (origin.kind === 'refused') return origin.reason
  const { issuer } = origin
  if (origin.kind === 'signed') {
    const reason = judgeSigned(prover, text, origin.jws, issuer)
    return reason ?? { issuer, kind: 'jwt', claims: origin.jws.claims }
  }
  const read = readJws(text)
  if (read.kind !== 'jws') {
    prover.note(`Only ${issuer.name} knows what this token says, and the agent asks it: give its claims instead`)
    return 'credential_unavailable'
  }
  const { claims } = read.jws
  return judgeAnswer(issuer, claims, prover.nowMs) ?? { issuer, kind: 'introspection', claims }
}

function judgeSigned(
  { nowMs, note }: TokenProver,
  text: string,
  jws: Jws,
  { name, rules, keys }: CompiledIssuer,
): CredentialReason | null {
  if (!rules.algorithms.includes(jws.algorithm)) return tokenReasons.algorithm
  const judged = judgeClaims(jws.claims, jws.type, rules, nowMs)
  if (judged.kind === 'bad') return tokenReasons[judged.problem]
  if (keys?.from !== 'release') {
    note(`The signature is taken for good: the agent checks it with the keys that it fetches from ${name}`)
    return null
  }
  const answer = isSignedByOneOf(text, jws, keys.jwks)
  return answer === 'signed' ? null : tokenReasons[answer]
}

/** @returns what is said of the token in place of its type: an answer has none. */
function judgeAnswer({ rules }: CompiledIssuer, claims: JsonObject, nowMs: number): CredentialReason | null {
  const judged = judgeClaims(claims, '', { ...rules, types: [] }, nowMs)
  return judged.kind === 'bad' ? tokenReasons[judged.problem] : null
}

function judgeAssumed(
  { issuer: name, claims }: AssumedClaims,
  issuers: ReadonlyMap<string, CompiledIssuer>,
  { sources }: TokenCredential,
  nowMs: number,
): Judged {
  const source = sources.find(({ issuer }) => issuer === name)
  const issuer = issuers.get(name)
  if (source === undefined || issuer === undefined) return tokenReasons.issuer
  const { rules } = issuer
  const exp = Math.floor(nowMs / 1_000) + ASSUMED_LIFE_S
  const whole = { iss: rules.issuer, aud: rules.audiences[0], exp, iat: Math.floor(nowMs / 1_000), ...claims }
  return judgeAnswer(issuer, whole, nowMs) ?? { issuer, kind: source.kind, claims: whole }
}

/** How long a token lives of which nobody says it. */
const ASSUMED_LIFE_S = 60

/** @returns why the caller has not shown to what the token is bound; null: it has. */
function provenBinding(
  { isGiven, note, nowMs }: TokenProver,
  claims: JsonObject,
  mustBeBound: boolean,
  { text, scheme }: TokenCredential,
  facts: Facts,
): CredentialReason | null {
  const { peer } = facts
  // A certificate that is chosen is known by its name only: whether it is the very one is for the agent to compare.
  const isUnseen = peer?.kind === 'verified' && peer.sha256 === ''
  if (isUnseen && scheme === 'bearer' && tokenBinding(claims).kind === 'certificate') {
    note('The certificate is taken for the one that the token is bound to: the agent compares them')
    return null
  }
  const needed = neededProof(claims, mustBeBound, scheme, peer)
  if (needed.kind === 'nothing') return null
  if (needed.kind === 'unbound') return 'credential_unbound'
  if (!isGiven) return proofProblem(facts, text, needed.thumbprint, nowMs)
  note('The proof of its key is taken as shown: it is made for one request')
  return null
}

const denied = (reason: CredentialReason, principal: Principal | null = null): Verified => ({
  kind: 'denied',
  reason,
  principal,
})
