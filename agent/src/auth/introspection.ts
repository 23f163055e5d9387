/**
 * Proves tokens of one issuer by asking it, as seldom as that can be done.
 *
 * An answer counts for a short time and never beyond the end of the token; remembering a good one is for `tokens.ts`.
 * That a token is not active is remembered here, so that whoever repeats one does not make us ask again. Requests that come with the same token while
 * it is asked about wait for the same answer, and no more than so many tokens are asked about at once.
 *
 * Sources: RFC 7662 section 4 (caching), RFC 9068, RFC 8707 (audiences).
 *
 * @module
 */
import { hash } from 'node:crypto'
import { type ClaimRules, judgeClaims, TOKEN_LENGTH_MAX } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Introspected } from '#agent/issuers/introspect.ts'
import type { ProvenToken } from './jwt.ts'
import { RecentTokens } from './recent-tokens.ts'

export interface IntrospectionOptions {
  readonly rules: ClaimRules
  /** How long an answer counts, in milliseconds. */
  readonly cacheMs: number
  /** Refused tokens that are remembered. */
  readonly tokensMax: number
  readonly clock: Clock
  readonly ask: (token: string) => Promise<Introspected>
  /** Called with every answer that is none. */
  readonly onUnavailable: (why: string) => void
}

export interface IntrospectionVerifier {
  /**
   * @param nowMs wall clock.
   * @returns at once for what is wrong in its form, or was refused a moment ago; never throws.
   */
  verify(text: string, nowMs: number): ProvenToken | Promise<ProvenToken>
}

/** Tokens that an issuer is asked about at once; more are not looked at. */
const ASKED_MAX = 256

/** RFC 6750 section 2.1: what may stand behind `Bearer`. One pass, whatever the text. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/

const INACTIVE: ProvenToken = { kind: 'refused', problem: 'inactive' }
const UNAVAILABLE: ProvenToken = { kind: 'refused', problem: 'unavailable' }

export function createIntrospectionVerifier(options: IntrospectionOptions): IntrospectionVerifier {
  const { rules, cacheMs, tokensMax, clock, ask, onUnavailable } = options
  const refusals = new RecentTokens<{ readonly token: ProvenToken; readonly untilMs: number }>(tokensMax)
  const asked = new Map<string, Promise<ProvenToken>>()

  async function find(token: string, name: string): Promise<ProvenToken> {
    const answer = await ask(token)
    if (answer.kind === 'unavailable') {
      onUnavailable(answer.why)
      return UNAVAILABLE
    }
    const nowMs = clock.now()
    const found = answer.kind === 'inactive' ? INACTIVE : judge(answer, nowMs)
    if (found.kind === 'refused' && cacheMs > 0) refusals.put(name, { token: found, untilMs: nowMs + cacheMs }, nowMs)
    return found
  }

  function judge({ claims }: Extract<Introspected, { kind: 'active' }>, nowMs: number): ProvenToken {
    // The issuer may leave out who it is, and when the token ends: it was asked just now, about this token.
    const iss = claims['iss'] ?? rules.issuer
    const exp = claims['exp'] ?? Math.ceil((nowMs + cacheMs) / 1_000) + 1
    const judged = judgeClaims({ ...claims, iss, exp }, '', { ...rules, types: [] }, nowMs)
    if (judged.kind === 'bad') return { kind: 'refused', problem: judged.problem }
    const { expiresAtMs } = judged
    return { kind: 'proven', claims, expiresAtMs, untilMs: Math.min(expiresAtMs, nowMs + cacheMs), keySet: null }
  }

  return {
    verify: (text, nowMs) => {
      if (text.length > TOKEN_LENGTH_MAX || !TOKEN.test(text)) return { kind: 'refused', problem: 'malformed' }
      const name = hash('sha256', text, 'latin1')
      const refusal = refusals.get(name, nowMs)
      if (refusal !== null && nowMs < refusal.untilMs) return refusal.token
      let answer = asked.get(name)
      if (answer === undefined) {
        if (asked.size >= ASKED_MAX) return UNAVAILABLE
        answer = find(text, name).finally(() => asked.delete(name))
        asked.set(name, answer)
      }
      return answer
    },
  }
}
