/**
 * The counters of quotas in memory that all threads share: how much of a calendar period was used.
 *
 * A key has a place of sixteen counters (`key-places.ts`); when none is its own, it takes over one whose period is over,
 * else the one whose period ends first, and of these the one that has used least. A counter is one number of 64 bits,
 * the end of its period and what was used, and is moved on only from the value that the decision was made with: exact
 * without a lock. What its place is made of is kept too, so that a counter finds its place in a table of another size:
 * quotas outlive the process (`quota-file.ts`).
 *
 * @module
 */
import {
  type CompiledLimit,
  type LimitOutcome,
  periodAt,
  quota,
  quotaCharge,
  type QuotaCount,
  quotaPeek,
} from '@headgate/core'
import { randomInt } from 'node:crypto'
import { type HashBeginning, isAmong, KeyPlaces, placesFor, stepOf, WAYS } from './key-places.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface QuotaMemory {
  readonly buffer: SharedArrayBuffer
  readonly seed: number
  readonly places: number
}

/** A counter whose period is not over. */
export interface QuotaEntry {
  readonly home: number
  readonly tag: number
  /** End of its period, in minutes since 1970-01-01 UTC. */
  readonly endMinute: number
  /** In steps of its limit. */
  readonly used: number
}

/** Counters for each key that is to be kept. */
const SPARE = 2
const WORD_BYTES = 8
const TAG_BYTES = 4
const HOME_BYTES = 4
/** Behind everything: how many counters were given up. */
const TAIL_BYTES = 8
/** Bytes are counted in steps, so that a limit is at most so many of them, and twice as much can be charged. */
const STEPS_MAX = 2 ** 31
const USED_MAX = 2 ** 32 - 1
const MINUTE_MS = 60_000
/** Whoever is faster has moved on, so one more try is mostly enough. Without a bound, a bug here would block a thread. */
const TRIES_MAX = 1_000

type Limit = Pick<CompiledLimit, 'amount' | 'unit' | 'calendar'>

/** @param keysMax counters that are to be kept. @param seed of the file that they come from; default: a new one. */
export function createQuotaMemory(keysMax: number, seed = randomInt(2 ** 32)): QuotaMemory {
  const places = placesFor(keysMax, SPARE)
  const buffer = new SharedArrayBuffer(places * WAYS * (WORD_BYTES + TAG_BYTES + HOME_BYTES) + TAIL_BYTES)
  return { buffer, seed, places }
}

/** A thread's view. Times are milliseconds since 1970-01-01 UTC. */
export class QuotaTable {
  readonly #words: BigInt64Array
  /** The halves of the words: what was used, and the end of the period in minutes. */
  readonly #halves: Uint32Array
  readonly #tags: Int32Array
  readonly #homes: Uint32Array
  readonly #tail: Int32Array
  readonly #keys: KeyPlaces
  readonly #bits = new BigInt64Array(2)
  readonly #bitHalves = new Uint32Array(this.#bits.buffer)

  constructor({ buffer, seed, places }: QuotaMemory) {
    const counters = places * WAYS
    this.#words = new BigInt64Array(buffer, 0, counters)
    this.#halves = new Uint32Array(buffer, 0, counters * 2)
    this.#tags = new Int32Array(buffer, counters * WORD_BYTES, counters)
    this.#homes = new Uint32Array(buffer, counters * (WORD_BYTES + TAG_BYTES), counters)
    this.#tail = new Int32Array(buffer, counters * (WORD_BYTES + TAG_BYTES + HOME_BYTES), 1)
    this.#keys = new KeyPlaces(seed, places)
  }

  /** Counters that were taken from callers although their period was not over. */
  get evicted(): number {
    return Atomics.load(this.#tail, 0)
  }

  /** Counters that there are. */
  get counters(): number {
    return this.#tags.length
  }

  /** Counters from one to another whose period is not over. */
  inUse(nowMs: number, from: number, to: number): number {
    const minute = nowMs / MINUTE_MS
    let count = 0
    for (let at = from; at < to; at++) if ((this.#halves[at * 2 + 1] ?? 0) > minute) count++
    return count
  }

  /** Counters from one to another whose period is not over, and of which something was used. */
  *entries(nowMs: number, from: number, to: number): Generator<QuotaEntry> {
    const minute = nowMs / MINUTE_MS
    for (let at = from; at < to; at++) {
      // Looked at before it is read as one: most are empty.
      if ((this.#halves[at * 2 + 1] ?? 0) <= minute) continue
      this.#load(at)
      const [used = 0, endMinute = 0] = this.#bitHalves
      if (used > 0) yield { home: this.#homes[at] ?? 0, tag: this.#tags[at] ?? 0, endMinute, used }
    }
  }

  /** Takes a counter in that was kept, unless its period is over or its place is full. */
  restore({ home, tag, endMinute, used }: QuotaEntry, nowMs: number): void {
    if (endMinute <= nowMs / MINUTE_MS) return
    const first = this.#keys.firstOf(home)
    for (let at = first; at < first + WAYS; at++) {
      if (this.#tags[at] !== 0 && this.#tags[at] !== tag) continue
      this.#tags[at] = tag
      this.#homes[at] = home
      this.#halves[at * 2] = used
      this.#halves[at * 2 + 1] = endMinute
      return
    }
  }

  beginning(text: string): HashBeginning {
    return this.#keys.beginning(text)
  }

  /** The tag of the key that was looked for last. */
  get tag(): number {
    return this.#keys.tag
  }

  /** The counter of a key; one that is taken over when it has none. `kept`: as in `LimitTable.find`. */
  find(beginning: HashBeginning, rest: string, nowMs: number, kept: readonly number[], keptCount: number): number {
    const at = this.peek(beginning, rest)
    return at === -1 ? this.#takeOver(nowMs, kept, keptCount) : at
  }

  /** The counter of a key; -1: it has none, and is given none. */
  peek(beginning: HashBeginning, rest: string): number {
    this.#keys.look(beginning, rest)
    const { first, tag } = this.#keys
    for (let at = first; at < first + WAYS; at++) if (this.#tags[at] === tag) return at
    return -1
  }

  /** Takes units, when there is room. @returns null: others were always faster, or have taken the counter over. */
  take(at: number, tag: number, nowMs: number, limit: Limit, cost: number): LimitOutcome | null {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const seen = this.#load(at)
      const before = this.#count(nowMs, limit)
      const result = quota(before, nowMs, limit, cost)
      if (!result.allowed || cost === 0) return result
      if (!this.#store(at, seen, result.count, nowMs, limit)) continue
      return this.#belongs(at, tag) ? result : null
    }
    return null
  }

  /** What is left, without taking. @param at -1: there is no counter. */
  state(at: number, nowMs: number, limit: Limit, cost: number): LimitOutcome {
    if (at === -1) this.#bitHalves.fill(0)
    else this.#load(at)
    return quotaPeek(this.#count(nowMs, limit), nowMs, limit, cost)
  }

  /** Adds units that have passed already; takes some back when they are fewer than 0. */
  charge(at: number, nowMs: number, limit: Limit, units: number): void {
    const step = quotaStep(limit)
    const whole = Math.ceil(units / step) * step
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const seen = this.#load(at)
      const { period, used } = quotaCharge(this.#count(nowMs, limit), nowMs, limit, whole)
      if (this.#store(at, seen, { period, used: Math.max(0, used) }, nowMs, limit)) return
    }
  }

  /** What was read last, as the arithmetic has it. */
  #count(nowMs: number, limit: Limit): QuotaCount {
    const [used = 0, endMinute = 0] = this.#bitHalves
    const { number, endMs } = periodAt(limit.calendar ?? UTC_DAY, nowMs)
    const present = minuteOf(endMs)
    if (endMinute < present) return { period: number, used: 0 }
    // A clock that was set back goes on in the period that it had reached.
    const period =
      endMinute === present ? number : periodAt(limit.calendar ?? UTC_DAY, endMinute * MINUTE_MS - 1).number
    return { period, used: used * quotaStep(limit) }
  }

  #store(at: number, seen: bigint, { period, used }: QuotaCount, nowMs: number, limit: Limit): boolean {
    const { number, endMs } = periodAt(limit.calendar ?? UTC_DAY, nowMs)
    const ahead = this.#bitHalves[1] ?? 0
    this.#bitHalves[2] = Math.min(USED_MAX, used / quotaStep(limit))
    this.#bitHalves[3] = period === number ? minuteOf(endMs) : ahead
    return Atomics.compareExchange(this.#words, at, seen, this.#bits[1] ?? 0n) === seen
  }

  #load(at: number): bigint {
    const word = Atomics.load(this.#words, at)
    this.#bits[0] = word
    return word
  }

  #belongs(at: number, tag: number): boolean {
    return Atomics.load(this.#tags, at) === tag
  }

  /** As in `LimitTable`: threads that look for the same key at once choose the same counter. */
  #takeOver(nowMs: number, kept: readonly number[], keptCount: number): number {
    const { first, tag, home } = this.#keys
    for (;;) {
      const chosen = this.#endsFirst(first, tag, kept, keptCount)
      const word = this.#load(chosen)
      const isInUse = (this.#bitHalves[1] ?? 0) * MINUTE_MS > nowMs && (this.#bitHalves[0] ?? 0) > 0
      const before = Atomics.load(this.#tags, chosen)
      if (before === tag) return chosen
      const seen = Atomics.compareExchange(this.#tags, chosen, before, tag)
      if (seen === tag) return chosen
      if (seen !== before) continue
      if (before !== 0 && isInUse) Atomics.add(this.#tail, 0, 1)
      this.#homes[chosen] = home
      // If its caller was just counted, the new one inherits that: rather a refusal too many than one too few.
      Atomics.compareExchange(this.#words, chosen, word, 0n)
      return chosen
    }
  }

  #endsFirst(first: number, tag: number, kept: readonly number[], keptCount: number): number {
    let chosen = first
    let least = Infinity
    for (let at = first; at < first + WAYS; at++) {
      const owner = Atomics.load(this.#tags, at)
      if (owner === 0 || owner === tag) return at
      const rank = (this.#halves[at * 2 + 1] ?? 0) * 2 ** 32 + (this.#halves[at * 2] ?? 0)
      if (rank < least && !isAmong(kept, keptCount, at)) [chosen, least] = [at, rank]
    }
    return chosen
  }
}

/** The calendar of a quota that has none. */
export const UTC_DAY = { period: 'day', zone: 'UTC' } as const

const minuteOf = (ms: number): number => Math.ceil(ms / MINUTE_MS)

/** Units of one step: 1 for requests. */
export const quotaStep = (limit: Pick<CompiledLimit, 'unit' | 'amount'>): number => stepOf(limit, STEPS_MAX)
