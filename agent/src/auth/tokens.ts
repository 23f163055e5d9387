/**
 * Proves tokens in one environment: whose they are, whether they count, and who calls with them.
 *
 * A token that was proven is remembered under its SHA-256, which is looked for before anything is read: for a minute at
 * most, not beyond its end, and not when the keys or the object of its issuer change. Who calls is asked of the directory
 * for every request, so a consumer that is switched off is so at once; while nothing about it changes, the same principal
 * is used again, and the usual request makes nothing but a hash.
 *
 * A token that is bound counts with what it is bound to, each time: the certificate of the connection, or a proof of the
 * key. Whoever presents another token by `DPoP` says that it is bound, and is refused.
 *
 * Sources: RFC 6750, RFC 9068, RFC 7662, RFC 8705 section 3, RFC 9449 section 7.1 and 7.2.
 *
 * @module
 */
import { hash } from 'node:crypto'
import {
  claimText,
  type CompiledIssuer,
  type CompiledTokenSource,
  type ConsumerRecord,
  type Credential,
  type CredentialReason,
  type Facts,
  judgeToken,
  proofOfBinding,
  type ProvenClaims,
  type ReadJws,
  readJws,
  signatureAlgorithms,
  TOKEN_LENGTH_MAX,
  type TokenBinding,
  tokenBinding,
  tokenReasons,
  type Verified,
} from '@headgate/core'
import type { DirectoryReader } from '#agent/directory/reader.ts'
import type { KeySet } from '#agent/issuers/key-set.ts'
import type { LockOuts } from '#agent/limits/lock-out.ts'
import type { SeenTable } from '#agent/limits/seen.ts'
import { denied, lockedOut, prefixLockedOut } from './denied.ts'
import { checkProof, type ProofProblem } from './dpop.ts'
import { proveToken, type ProvenToken } from './jwt.ts'
import { tokenPrefix } from './prefix.ts'
import { RecentTokens } from './recent-tokens.ts'
import { followIssuers, type IssuerSources, type TokenIssuer } from './token-issuer.ts'

type TokenCredential = Extract<Credential, { kind: 'token' }>

/** A token, and the request that it came with. */
interface Presented {
  readonly directory: DirectoryReader
  readonly credential: TokenCredential
  readonly facts: Facts
  /** Wall clock, in milliseconds. */
  readonly nowMs: number
}

/** A token that was proven. */
interface Remembered {
  readonly from: TokenIssuer
  readonly keySet: KeySet | null
  /** Wall clock, in milliseconds. */
  readonly untilMs: number
  readonly token: ProvenClaims
  readonly binding: TokenBinding
  /** What it calls its consumer; null: it names none. */
  readonly name: string | null
  /** As it was at the last request. */
  consumer: ConsumerRecord | null
  verdict: Verified
}

export interface TokensOptions {
  readonly environmentId: string
  readonly issuers: IssuerSources
  readonly lockOuts: LockOuts
  readonly seen: SeenTable
}

/** Tokens of one environment that one thread remembers; about 2 KiB each, for some minutes. */
const TOKENS_MAX = 10_000
/** Keys of callers that one thread remembers for an environment; about 1 KiB each, for some minutes. */
const KEYS_MAX = 10_000

const proofReason = (problem: ProofProblem): CredentialReason =>
  problem === 'missing' ? 'credential_unbound' : problem === 'replayed' ? 'proof_replayed' : 'proof_invalid'

export class EnvironmentTokens {
  readonly #options: TokensOptions
  readonly #recent = new RecentTokens<Remembered>(TOKENS_MAX)
  readonly #proofs: Parameters<typeof checkProof>[4]
  #issuers: ReadonlyMap<string, TokenIssuer> = new Map()
  #followed: ReadonlyMap<string, CompiledIssuer> | null = null

  constructor(options: TokensOptions) {
    this.#options = options
    const { environmentId, seen } = options
    this.#proofs = {
      algorithms: signatureAlgorithms,
      once: (name, forMs) => seen.once(`${environmentId} proof ${name}`, forMs),
      keys: new RecentTokens(KEYS_MAX),
    }
  }

  /** The issuers of the release that is live from now on. */
  follow(issuers: ReadonlyMap<string, CompiledIssuer>): void {
    if (issuers === this.#followed) return
    this.#followed = issuers
    this.#issuers = followIssuers(this.#options.environmentId, issuers, this.#issuers, this.#options.issuers)
  }

  /** @returns at once for what is remembered, wrong in its form, or quick to prove. Never throws, never rejects. */
  verify(presented: Presented): Verified | Promise<Verified> {
    const { credential, facts, nowMs } = presented
    if (credential.text.length > TOKEN_LENGTH_MAX) return denied('credential_malformed')
    const hashed = hash('sha256', credential.text, 'latin1')
    const known = this.#recent.get(hashed, nowMs)
    if (known !== null && nowMs < known.untilMs && counts(known)) {
      const source = sourceOf(credential.sources, known.from.issuer.name)
      if (source !== null) return this.#admit(presented, known, source)
    }
    // What was proven here before was no guess: it is looked at again, whoever else is behind the same address.
    if (known === null) {
      const { lockOuts, environmentId } = this.#options
      const leftMs = lockOuts.lockedMs(environmentId, facts.address)
      if (leftMs > 0) return lockedOut(leftMs)
    }
    return this.#prove(presented, hashed, known !== null)
  }

  /** What a token begins with; null: it is of no issuer here, so nobody's is guessed at. */
  prefixOf({ sources, text }: TokenCredential): string | null {
    if (text.length > TOKEN_LENGTH_MAX) return null
    const read = readJws(text)
    const source = this.#choose(sources, read)
    return typeof source === 'string' ? null : tokenPrefix(source.issuer, text, read)
  }

  #prove(presented: Presented, hashed: string, wasProven: boolean): Verified | Promise<Verified> {
    const { credential, facts, nowMs } = presented
    const read = readJws(credential.text)
    const source = this.#choose(credential.sources, read)
    if (typeof source === 'string') return denied(source)
    const from = this.#issuers.get(source.issuer)
    if (from === undefined) return denied('token_issuer_unknown')
    if (!wasProven) {
      const { lockOuts, environmentId } = this.#options
      const prefix = tokenPrefix(source.issuer, credential.text, read)
      const leftMs = lockOuts.prefixLockedMs(environmentId, prefix, facts.address)
      if (leftMs > 0) return prefixLockedOut(leftMs)
    }
    const proven = prove(from, credential.text, read, nowMs)
    return proven instanceof Promise
      ? proven.then((token) => this.#remember(presented, hashed, source, from, token))
      : this.#remember(presented, hashed, source, from, proven)
  }

  /** By `iss` where it can be read; what nobody signed for us may still be a token of the one who is asked. */
  #choose(sources: readonly CompiledTokenSource[], read: ReadJws): CompiledTokenSource | CredentialReason {
    if (read.kind === 'jws') {
      const { iss } = read.jws.claims
      for (const source of sources) {
        if (source.kind === 'jwt' && this.#issuers.get(source.issuer)?.issuer.issuer === iss) return source
      }
    }
    const [asked, ...others] = sources.filter(({ kind }) => kind === 'introspection')
    if (asked !== undefined && others.length === 0) return asked
    if (read.kind === 'jws') return 'token_issuer_unknown'
    return read.kind === 'malformed' ? 'credential_malformed' : 'token_algorithm_not_allowed'
  }

  #remember(
    presented: Presented,
    hashed: string,
    source: CompiledTokenSource,
    from: TokenIssuer,
    proven: ProvenToken,
  ): Verified | Promise<Verified> {
    if (proven.kind === 'refused') return denied(tokenReasons[proven.problem])
    const { claims, expiresAtMs, untilMs, keySet } = proven
    const name = claimText(claims, from.issuer.consumerClaim)
    const token: ProvenClaims = { kind: from.keys === null ? 'introspection' : 'jwt', claims, expiresAtMs }
    const consumer = name === null ? null : presented.directory.findConsumer(name)
    const verdict = judgeToken(from.issuer, token, () => consumer)
    const binding = tokenBinding(claims)
    const known: Remembered = { from, keySet, untilMs, token, binding, name, consumer, verdict }
    if (untilMs > presented.nowMs) this.#recent.put(hashed, known, presented.nowMs)
    return this.#admit(presented, known, source)
  }

  #admit(presented: Presented, known: Remembered, source: CompiledTokenSource): Verified | Promise<Verified> {
    const { directory, credential, facts } = presented
    // Without a directory nobody can say whether the consumer is switched off.
    if (!directory.known) return denied('credential_unavailable')
    const needed = proofOfBinding(known.binding, source.mustBeBound, credential.scheme, facts.peer)
    switch (needed.kind) {
      case 'nothing':
        return verdictOf(directory, known)
      case 'key':
        return this.#whenHeld(presented, known, needed.thumbprint)
      case 'unbound':
        return denied('credential_unbound')
    }
  }

  #whenHeld(presented: Presented, known: Remembered, thumbprint: string): Verified | Promise<Verified> {
    const { directory, credential, facts, nowMs } = presented
    const checked = checkProof(facts, credential.text, thumbprint, nowMs, this.#proofs)
    const verdict = (problem: ProofProblem | null): Verified =>
      problem === null ? verdictOf(directory, known) : denied(proofReason(problem))
    return checked instanceof Promise ? checked.then(verdict) : verdict(checked)
  }
}

function prove(from: TokenIssuer, text: string, read: ReadJws, nowMs: number): ProvenToken | Promise<ProvenToken> {
  const { issuer, keys, introspection } = from
  if (introspection !== null) return introspection.verify(text, nowMs)
  if (keys === null || read.kind !== 'jws') return { kind: 'refused', problem: 'malformed' }
  return proveToken(text, read.jws, issuer.rules, keys, nowMs)
}

/** Whether its issuer and the keys that proved it are still the same. */
function counts({ from, keySet }: Remembered): boolean {
  return from.isLive && (from.keys === null || from.keys.current() === keySet)
}

function sourceOf(sources: readonly CompiledTokenSource[], issuer: string): CompiledTokenSource | null {
  for (const source of sources) if (source.issuer === issuer) return source
  return null
}

function verdictOf(directory: DirectoryReader, known: Remembered): Verified {
  const consumer = known.name === null ? null : directory.findConsumer(known.name)
  if (consumer !== known.consumer) {
    known.verdict = judgeToken(known.from.issuer, known.token, () => consumer)
    known.consumer = consumer
  }
  return known.verdict
}
