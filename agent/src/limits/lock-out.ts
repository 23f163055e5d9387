/**
 * Keeps away who comes with bad credentials again and again, before work is done for them: sources, and those who guess
 * at one credential from many sources.
 *
 * A source is an address; of IPv6 the first 64 bits, which is what one caller is given. Every bad credential is a strike,
 * and a strike is forgotten after some time. From a number of strikes on, a source is locked out for a second, and for
 * twice as long with every further one, up to a longest time; while it is locked out nothing is checked, so nothing adds
 * to it. All threads count together; a source is one number in the table of `table.ts`, which is bounded: a flood of
 * sources makes it forget strikes, and never takes memory.
 *
 * What a bad credential begins with (its prefix, see `auth/prefix.ts`) is struck too, in the same way, from twice as many
 * free strikes on: more than one source alone can make. Nobody is to be able to shut a caller out by guessing at its
 * credential. So the lock-out of a prefix keeps away only sources that came with something bad themselves; a source
 * without a strike has its check, and a good credential passes.
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
/** Free strikes of a prefix at most, so that they fit with those beyond. */
const PREFIX_FAILURES_MAX = 100
const STRIKE_STEP = STRIKES_MAX + 1
/** Whoever is faster has moved on, so one more try is mostly enough. */
const TRIES_MAX = 100

/** What is locked out. */
export type LockedOut = 'source' | 'prefix'

/** What is struck in one environment: what a caller does in one is not held against it in another. */
interface Beginnings {
  readonly source: HashBeginning
  readonly prefix: HashBeginning
}

export class LockOuts {
  readonly #table: LimitTable
  readonly #rules: LockOutRules
  readonly #prefixFailuresMax: number
  readonly #monotonic: () => number
  readonly #onLockedOut: (environmentId: string, what: LockedOut) => void
  readonly #beginnings = new Map<string, Beginnings>()

  /**
   * @param monotonic milliseconds since the same moment on all threads.
   * @param onLockedOut is told when a lock-out begins.
   */
  constructor(
    memory: LimitMemory,
    rules: LockOutRules,
    monotonic: () => number,
    onLockedOut: (environmentId: string, what: LockedOut) => void = () => {},
  ) {
    this.#table = new LimitTable(memory)
    this.#rules = rules
    this.#prefixFailuresMax = Math.min(PREFIX_FAILURES_MAX, 2 * rules.failuresMax)
    this.#monotonic = monotonic
    this.#onLockedOut = onLockedOut
  }

  /** How much longer a source is locked out, in milliseconds; 0: it is not. */
  lockedMs(environmentId: string, address: string): number {
    const { failuresMax } = this.#rules
    if (failuresMax === 0) return 0
    const number = this.#peek(this.#beginningsOf(environmentId).source, sourceOf(address))
    return number === null ? 0 : leftOf(number, failuresMax, this.#monotonic())
  }

  /** The same of a prefix, for a source that came with something bad itself; 0 for every other. */
  prefixLockedMs(environmentId: string, prefix: string, address: string): number {
    if (this.#rules.failuresMax === 0) return 0
    const { source, prefix: beginning } = this.#beginningsOf(environmentId)
    const number = this.#peek(beginning, prefix)
    if (number === null) return 0
    const nowMs = this.#monotonic()
    const leftMs = leftOf(number, this.#prefixFailuresMax, nowMs)
    if (leftMs === 0) return 0
    const own = this.#peek(source, sourceOf(address))
    return own !== null && strikesOf(own, nowMs) > 0 ? leftMs : 0
  }

  /**
   * Notes a bad credential, unless its source is locked out.
   *
   * @returns how much longer its source was locked out before, in milliseconds; 0: it was not.
   */
  strike(environmentId: string, address: string): number {
    const { failuresMax } = this.#rules
    if (failuresMax === 0) return 0
    return this.#strike(environmentId, 'source', sourceOf(address), failuresMax)
  }

  /** The same for a prefix. To be called for what was a strike against its source only: those are bounded. */
  strikePrefix(environmentId: string, prefix: string): number {
    if (this.#rules.failuresMax === 0) return 0
    return this.#strike(environmentId, 'prefix', prefix, this.#prefixFailuresMax)
  }

  #strike(environmentId: string, what: LockedOut, name: string, failuresMax: number): number {
    const beginning = this.#beginningsOf(environmentId)[what]
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const nowMs = this.#monotonic()
      // Whole, so that a counter that is taken over begins without a strike.
      const at = this.#table.find(beginning, name, Math.floor(nowMs) * STRIKE_STEP, NOTHING, 0)
      const bits = this.#table.bits(at)
      const number = this.#table.numberOf(bits)
      const leftMs = leftOf(number, failuresMax, nowMs)
      if (leftMs > 0) return leftMs
      const struck = this.#struck(number, failuresMax, nowMs)
      if (!this.#table.exchange(at, bits, struck)) continue
      if (leftOf(struck, failuresMax, nowMs) > 0) this.#onLockedOut(environmentId, what)
      return 0
    }
    return 0
  }

  #struck(number: number, failuresMax: number, nowMs: number): number {
    const strikes = Math.min(failuresMax + STRIKES_BEYOND, strikesOf(number, nowMs) + 1)
    const beyond = strikes - failuresMax
    const lockedMs = beyond <= 0 ? 0 : Math.min(this.#rules.lockedMsMax, LOCKED_MS_FIRST * 2 ** (beyond - 1))
    return Math.floor(nowMs + lockedMs) * STRIKE_STEP + strikes
  }

  /** A look takes no counter: sources without strikes must not make it forget those of others. */
  #peek(beginning: HashBeginning, name: string): number | null {
    const at = this.#table.peek(beginning, name)
    return at === -1 ? null : this.#table.numberOf(this.#table.bits(at))
  }

  #beginningsOf(environmentId: string): Beginnings {
    let beginnings = this.#beginnings.get(environmentId)
    if (beginnings === undefined) {
      const [source, prefix] = [`${environmentId} `, `${environmentId} prefix `]
      beginnings = { source: this.#table.beginning(source), prefix: this.#table.beginning(prefix) }
      this.#beginnings.set(environmentId, beginnings)
    }
    return beginnings
  }
}

/** A number is a time and strikes: the end of the lock-out, or when the last strike came. */
function leftOf(number: number, failuresMax: number, nowMs: number): number {
  const strikes = number % STRIKE_STEP
  return strikes <= failuresMax ? 0 : Math.max(0, Math.ceil((number - strikes) / STRIKE_STEP - nowMs))
}

/** Those that are not forgotten. */
function strikesOf(number: number, nowMs: number): number {
  const strikes = number % STRIKE_STEP
  const sinceMs = nowMs - (number - strikes) / STRIKE_STEP
  return Math.max(0, Math.min(strikes, strikes - Math.floor(sinceMs / FORGOTTEN_MS)))
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
