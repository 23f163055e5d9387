/**
 * How a serving thread has issuers asked: through the main thread, which alone talks to them.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import type { Introspected } from './introspect.ts'

/** A question about a token. */
export interface TokenQuestion {
  readonly environmentId: string
  /** Name of the `issuer` object. */
  readonly issuer: string
  readonly token: string
}

/** Whoever talks to issuers, for those who serve. Nothing here rejects. */
export interface IssuerPort {
  /**
   * Has the keys of this name (`keysId`) fetched, unless they were a moment ago.
   *
   * @returns from when on asking again can help, on the clock that all threads share; null: nobody answered.
   */
  renew(id: string): Promise<number | null>
  introspect(question: TokenQuestion): Promise<Introspected>
}

export type IssuerQuestion =
  | { readonly kind: 'renew'; readonly id: string }
  | { readonly kind: 'introspect'; readonly question: TokenQuestion }

export type IssuerAnswer =
  | { readonly kind: 'renewed'; readonly renewableAtMs: number | null }
  | { readonly kind: 'introspected'; readonly introspected: Introspected }

export interface IssuerLink extends IssuerPort {
  /** The answer to a question of this number. One that nobody waits for any more is dropped. */
  hear(number: number, answer: IssuerAnswer): void
}

/** Longest wait for the main thread, in milliseconds. An issuer that is asked has a shorter one. */
const ANSWER_MS_MAX = 12_000
/** Questions of one thread that are open; more get no answer. */
const OPEN_MAX = 1_024

const UNAVAILABLE: Introspected = { kind: 'unavailable', why: 'the main thread of the agent did not answer' }

/** @param say sends a question to the main thread. */
export function createIssuerLink(say: (number: number, question: IssuerQuestion) => void, clock: Clock): IssuerLink {
  const open = new Map<number, (answer: IssuerAnswer) => void>()
  let last = 0

  async function ask(question: IssuerQuestion): Promise<IssuerAnswer | null> {
    if (open.size >= OPEN_MAX) return null
    const number = ++last
    const answered = Promise.withResolvers<IssuerAnswer>()
    open.set(number, answered.resolve)
    say(number, question)
    const bound = new AbortController()
    const late = clock.sleep(ANSWER_MS_MAX, bound.signal).then(
      () => null,
      () => null,
    )
    const answer = await Promise.race([answered.promise, late])
    bound.abort()
    open.delete(number)
    return answer
  }

  return {
    renew: async (id) => {
      const answer = await ask({ kind: 'renew', id })
      return answer?.kind === 'renewed' ? answer.renewableAtMs : null
    },
    introspect: async (question) => {
      const answer = await ask({ kind: 'introspect', question })
      return answer?.kind === 'introspected' ? answer.introspected : UNAVAILABLE
    },
    hear: (number, answer) => open.get(number)?.(answer),
  }
}

/** Answers a question of a thread. */
export async function answerQuestion(port: IssuerPort, question: IssuerQuestion): Promise<IssuerAnswer> {
  return question.kind === 'renew'
    ? { kind: 'renewed', renewableAtMs: await port.renew(question.id) }
    : { kind: 'introspected', introspected: await port.introspect(question.question) }
}
