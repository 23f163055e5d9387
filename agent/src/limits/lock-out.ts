/**
 * Keeps sources away that come with bad credentials again and again, before work is done for them.
 *
 * A source is an address; of IPv6 the first 64 bits, which is what one caller is given. Every bad credential is a strike,
 * and a strike is forgotten after some time. From a number of strikes on, a source is locked out for a second, and for
 * twice as long with every further one, up to a longest time; while it is locked out nothing is checked, so nothing adds
 * to it. All threads count together; a source is one number in the table of `table.ts`, which is bounded: a flood of
 * sources makes it forget strikes, and never takes memory.
 *
 * Many callers can share an address, and one of them must not cost the others more than it has to. So a lock-out is not
 * asked about where a check costs as little as a refusal (API keys and client certificates: a good one passes, a bad one
 * is told that it is locked out), nor for a token that was proven here before. What waits is a token that was never
 * seen, and a signed request; for a minute at most by default.
 *
 * @module
 */
import type { HashBeginning } from './key-places.ts'
import { type LimitMemory, LimitTable } from './table.ts'

export interface LockOutRules {
  /** Strikes that are free; 0: nobody is locked out. */
  readonly failuresMax: number
  /** Longest time of one lock-out, in milliseconds. */
  readonly lockedMsMax: number
}

/** First time of a lock-out, in milliseconds. */
const LOCKED_MS_FIRST = 1_000
/** After so long without another one, a strike is forgotten, in milliseconds. */
const FORGOTTEN_MS = 6_000
/** Strikes beyond the free ones that are told apart: by then a lock-out has its longest time. */
const STRIKES_BEYOND = 20
/** A number holds a time and, in its last bits, strikes: the free ones of the setting, and those beyond. */
const STRIKES_MAX = 127
const STRIKE_STEP = STRIKES_MAX + 1
/** Whoever is faster has moved on, so one more try is mostly enough. */
const TRIES_MAX = 100

export class LockOuts {
  readonly #table: LimitTable
  readonly #rules: LockOutRules
  readonly #monotonic: () => number
  readonly #onLockedOut: (environmentId: string) => void
  // Of one environment each: what a caller does in one is not held against it in another.
  readonly #beginnings = new Map<string, HashBeginning>()

  /**
   * @param monotonic milliseconds since the same moment on all threads.
   * @param onLockedOut is told when a lock-out begins.
   */
  constructor(
    memory: LimitMemory,
    rules: LockOutRules,
    monotonic: () => number,
    onLockedOut: (environmentId: string) => void = () => {},
  ) {
    this.#table = new LimitTable(memory)
    this.#rules = rules
    this.#monotonic = monotonic
    this.#onLockedOut = onLockedOut
  }

  /** How much longer a source is locked out, in milliseconds; 0: it is not. */
  lockedMs(environmentId: string, address: string): number {
    if (this.#rules.failuresMax === 0) return 0
    // A look takes no counter: sources without strikes must not make it forget those of others.
    const at = this.#table.peek(this.#beginning(environmentId), sourceOf(address))
    return at === -1 ? 0 : this.#left(this.#table.numberOf(this.#table.bits(at)), this.#monotonic())
  }

  /**
   * Notes a bad credential, unless its source is locked out.
   *
   * @returns how much longer its source was locked out before, in milliseconds; 0: it was not.
   */
  strike(environmentId: string, address: string): number {
    if (this.#rules.failuresMax === 0) return 0
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const nowMs = this.#monotonic()
      const at = this.#find(environmentId, address, nowMs)
      const bits = this.#table.bits(at)
      const number = this.#table.numberOf(bits)
      const leftMs = this.#left(number, nowMs)
      if (leftMs > 0) return leftMs
      const struck = this.#struck(number, nowMs)
      if (!this.#table.exchange(at, bits, struck)) continue
      if (this.#left(struck, nowMs) > 0) this.#onLockedOut(environmentId)
      return 0
    }
    return 0
  }

  /** A number is a time and strikes: the end of the lock-out, or when the last strike came. */
  #left(number: number, nowMs: number): number {
    const strikes = number % STRIKE_STEP
    return strikes <= this.#rules.failuresMax ? 0 : Math.max(0, Math.ceil((number - strikes) / STRIKE_STEP - nowMs))
  }

  #struck(number: number, nowMs: number): number {
    const { failuresMax, lockedMsMax } = this.#rules
    const before = number % STRIKE_STEP
    const sinceMs = nowMs - (number - before) / STRIKE_STEP
    const left = Math.max(0, before - Math.floor(sinceMs / FORGOTTEN_MS))
    const strikes = Math.min(failuresMax + STRIKES_BEYOND, left + 1)
    const beyond = strikes - failuresMax
    const lockedMs = beyond <= 0 ? 0 : Math.min(lockedMsMax, LOCKED_MS_FIRST * 2 ** (beyond - 1))
    return Math.floor(nowMs + lockedMs) * STRIKE_STEP + strikes
  }

  #find(environmentId: string, address: string, nowMs: number): number {
    // Whole, so that a counter that is taken over begins without a strike.
    const time = Math.floor(nowMs) * STRIKE_STEP
    return this.#table.find(this.#beginning(environmentId), sourceOf(address), time, NOTHING, 0)
  }

  #beginning(environmentId: string): HashBeginning {
    let beginning = this.#beginnings.get(environmentId)
    if (beginning === undefined) {
      beginning = this.#table.beginning(`${environmentId} `)
      this.#beginnings.set(environmentId, beginning)
    }
    return beginning
  }
}

const NOTHING: readonly number[] = []

/** IPv4 as it is; of IPv6 its first four groups, which are one network. */
export function sourceOf(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.toLowerCase().split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  const behind = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length)
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...behind]
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')
}
