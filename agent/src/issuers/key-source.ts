/**
 * Keeps the keys of one issuer at hand, so that a request never waits for the issuer unless its key is new.
 *
 * Keys are fetched in the background before they are old. A token whose key is not known has them fetched at once, but
 * at most once in a while: whoever invents names of keys makes us ask no more often than that. When the issuer does not
 * answer, the keys that are known stay good for a stated time; what is known is not forgotten because somebody is down.
 *
 * Sources: RFC 7517, OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3, RFC 8725 section 3.10.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import { type KeySet, NO_KEYS, readKeySet } from './key-set.ts'
import type { IssuerKeys } from './known-keys.ts'

/** How long keys are used before they are fetched again, in milliseconds. */
export const FRESH_MS = 300_000
/** Shortest time between two fetches because of keys that are not known, in milliseconds. */
export const COOLDOWN_MS = 30_000
/** First and longest pause after a fetch that failed, in milliseconds. */
const RETRY_MS = { first: 1_000, longest: 60_000 } as const

/** What fetches the text of a JWK set. Throws when it cannot be had; the message is for operators. */
export type FetchKeys = (signal: AbortSignal) => Promise<string>

export interface KeySourceOptions {
  readonly issuer: string
  readonly fetchKeys: FetchKeys
  /** How long keys stay good while the issuer does not answer, in milliseconds. */
  readonly staleMsMax: number
  readonly clock: Clock
  readonly log: Log
  /** Called whenever keys were fetched, also the same; with the time until which they count, on `clock.monotonic`. */
  readonly onKeys?: (jwks: string, usableUntilMs: number) => void
}

/** How it stands with the keys of an issuer, for people. */
export interface KeySourceStatus {
  readonly keys: number
  /** Age of the keys, in milliseconds; null: none were ever had. */
  readonly ageMs: number | null
  /** Why the last fetch failed; null: it did not. */
  readonly problem: string | null
  readonly fetches: number
}

export interface KeySource extends IssuerKeys, AsyncDisposable {
  /** From when on `renew` fetches again, on `clock.monotonic`. */
  readonly renewableAtMs: number
  status(): KeySourceStatus
}

/** Starts to fetch at once. */
export function createKeySource(options: KeySourceOptions): KeySource {
  const { issuer, fetchKeys, staleMsMax, clock, log, onKeys } = options
  const stop = new AbortController()
  let keySet: KeySet = NO_KEYS
  let text = ''
  let fetches = 0
  let fetchedMs: number | null = null
  /** When keys were last fetched because of one that was not known. */
  let askedMs: number | null = null
  let problem: string | null = null
  let inFlight: Promise<boolean> | null = null

  async function load(): Promise<boolean> {
    fetches += 1
    try {
      const fetched = await fetchKeys(stop.signal)
      if (fetched !== text) take(fetched)
      fetchedMs = clock.monotonic()
      problem = null
      onKeys?.(fetched, fetchedMs + FRESH_MS + staleMsMax)
    } catch (error) {
      if (stop.signal.aborted) return false
      problem = errorText(error)
      log.warn({ issuer, why: problem, age_ms: ageMs() }, 'the keys of an issuer could not be fetched')
    }
    // The issuer was asked; a failure is an answer too, and what is known stays.
    return true
  }

  function take(fetched: string): void {
    const read = readKeySet(fetched)
    if (read.kind === 'invalid') throw new Error(`the key set cannot be used: ${read.why}`)
    keySet = read.keySet
    text = fetched
    log.info({ issuer, keys: keySet.keys.length, passed_over: read.passedOver }, 'the keys of an issuer have changed')
  }

  /** One fetch at a time; whoever wants one while it runs waits for the same. */
  async function fetchOnce(): Promise<boolean> {
    inFlight ??= load().finally(() => (inFlight = null))
    return await inFlight
  }

  const ageMs = (): number | null => (fetchedMs === null ? null : clock.monotonic() - fetchedMs)

  function current(): KeySet | null {
    const age = ageMs()
    return age === null || age >= FRESH_MS + staleMsMax ? null : keySet
  }

  async function keepFresh(): Promise<void> {
    let pauseMs: number = RETRY_MS.first
    while (!stop.signal.aborted) {
      await fetchOnce()
      const failed = problem !== null
      const waitMs = failed ? pauseMs : FRESH_MS
      pauseMs = failed ? Math.min(RETRY_MS.longest, pauseMs * 2) : RETRY_MS.first
      await clock.sleep(waitMs, stop.signal).catch(() => undefined)
    }
  }
  const running = keepFresh()

  return {
    current,
    renew: () => {
      const nowMs = clock.monotonic()
      const mayAsk = askedMs === null || nowMs - askedMs >= COOLDOWN_MS
      if (inFlight === null && !mayAsk) return null
      if (inFlight === null) askedMs = nowMs
      return fetchOnce()
    },
    get renewableAtMs() {
      return askedMs === null ? 0 : askedMs + COOLDOWN_MS
    },
    status: () => ({ keys: keySet.keys.length, ageMs: ageMs(), problem, fetches }),
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}
