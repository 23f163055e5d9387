/**
 * The keys of issuers as one serving thread knows them.
 *
 * The main thread fetches keys and says what they are; a thread never talks to an issuer. A token whose key is not known
 * has the main thread asked for new ones, once for all requests that wait, and not before the moment from which on
 * asking can help: whoever invents names of keys costs one look at a clock.
 *
 * @module
 */
import { hash } from 'node:crypto'
import type { CompiledIssuer } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import { type KeySet, readKeySet } from './key-set.ts'

/** What a token of an issuer is checked with. */
export interface IssuerKeys {
  /** The same object while the keys are the same. Null: they are not known, or are too old to be used. */
  current(): KeySet | null
  /**
   * Has them fetched, because one is not known.
   *
   * @returns null: they were fetched a moment ago, so asking is of no use. Else whether there was an answer in time.
   */
  renew(): Promise<boolean> | null
}

/** What the main thread says about the keys of one issuer. Times are on the clock that all threads share. */
export interface PublishedKeys {
  /** Of `keysId`. */
  readonly id: string
  /** JSON text of the JWK set; null: the issuer is gone, or has other keys from now on. */
  readonly jwks: string | null
  /** How long they count unless they are published again, in milliseconds. */
  readonly usableUntilMs: number
}

/** Longest wait of a request for keys, in milliseconds. */
export const RENEWAL_MS_MAX = 3_000
/** Requests that wait for the keys of one issuer in one thread. */
const WAITING_MAX = 1_000

/**
 * Names the keys of an issuer: the same as long as they come from the same place, so that a release that changes
 * something else keeps them, and one that changes the place is never served with the old ones.
 */
export function keysId(environmentId: string, issuer: CompiledIssuer): string {
  const { name, issuer: iss, keys, keysStaleMsMax, privateAddresses, ca } = issuer
  const from = JSON.stringify([iss, keys, keysStaleMsMax, privateAddresses, ca])
  return `${environmentId} ${name} ${hash('sha256', from, 'base64url')}`
}

/** Keys that stand in the release itself. */
export function keysOfRelease(jwks: string): IssuerKeys {
  const read = readKeySet(jwks)
  const keySet = read.kind === 'keys' ? read.keySet : null
  return { current: () => keySet, renew: () => null }
}

export class KnownKeys {
  readonly #all = new Map<string, KnownIssuer>()
  readonly #clock: Clock
  readonly #ask: (id: string) => Promise<number | null>

  /**
   * @param ask has the keys of an issuer fetched. Resolves behind what is published because of it, with the time from
   *   which on asking again can help; null: nobody answered.
   */
  constructor(clock: Clock, ask: (id: string) => Promise<number | null>) {
    this.#clock = clock
    this.#ask = ask
  }

  /** The keys of this name, from now on and whenever they come. */
  of(id: string): IssuerKeys {
    return this.#entry(id)
  }

  put({ id, jwks, usableUntilMs }: PublishedKeys): void {
    this.#entry(id).put(jwks, usableUntilMs)
    if (jwks === null) this.#all.delete(id)
  }

  #entry(id: string): KnownIssuer {
    let entry = this.#all.get(id)
    if (entry === undefined) {
      entry = new KnownIssuer(this.#clock, async () => await this.#ask(id))
      this.#all.set(id, entry)
    }
    return entry
  }
}

class KnownIssuer implements IssuerKeys {
  readonly #clock: Clock
  readonly #ask: () => Promise<number | null>
  #text: string | null = null
  #keySet: KeySet | null = null
  #usableUntilMs = 0
  #renewableAtMs = 0
  #renewal: Promise<boolean> | null = null
  #waiting = 0

  constructor(clock: Clock, ask: () => Promise<number | null>) {
    this.#clock = clock
    this.#ask = ask
  }

  put(text: string | null, usableUntilMs: number): void {
    this.#usableUntilMs = usableUntilMs
    if (text === this.#text) return
    const read = text === null ? null : readKeySet(text)
    this.#text = text
    this.#keySet = read?.kind === 'keys' ? read.keySet : null
  }

  current(): KeySet | null {
    return this.#keySet !== null && this.#clock.monotonic() < this.#usableUntilMs ? this.#keySet : null
  }

  renew(): Promise<boolean> | null {
    if (this.#renewal === null) {
      if (this.#clock.monotonic() < this.#renewableAtMs) return null
      this.#waiting = 0
      this.#renewal = this.#askInTime().finally(() => (this.#renewal = null))
    }
    this.#waiting += 1
    return this.#waiting > WAITING_MAX ? NO_ANSWER : this.#renewal
  }

  async #askInTime(): Promise<boolean> {
    const bound = new AbortController()
    const late = this.#clock.sleep(RENEWAL_MS_MAX, bound.signal).then(
      () => null,
      () => null,
    )
    const renewableAtMs = await Promise.race([this.#ask(), late])
    bound.abort()
    if (renewableAtMs === null) return false
    this.#renewableAtMs = renewableAtMs
    return true
  }
}

const NO_ANSWER = Promise.resolve(false)
