/**
 * The counters of rates in memory that all threads share: one number for each key, in places of sixteen.
 *
 * When none of the counters of its place is its own, a key takes over the one whose limit is nearest to being whole:
 * mostly one that is whole, which is as good as a new one. Only when all sixteen are in use does a caller lose its
 * counter, which is counted. So the table is bounded, needs no sweeping, and one request costs at most one place; a
 * flood of new keys can blunt limits, and never memory.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import { type HashBeginning, isAmong, KeyPlaces, placesFor, WAYS } from './key-places.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface LimitMemory {
  readonly buffer: SharedArrayBuffer
  readonly seed: number
  readonly places: number
}

/** Counters for each key that is to be kept: places fill unevenly. */
const SPARE = 2
const TIME_BYTES = 8
const TAG_BYTES = 4
/** Behind everything: how many counters were given up. */
const TAIL_BYTES = 8

/** @param keysMax counters that are to be kept. */
export function createLimitMemory(keysMax: number): LimitMemory {
  const places = placesFor(keysMax, SPARE)
  const buffer = new SharedArrayBuffer(places * WAYS * (TIME_BYTES + TAG_BYTES) + TAIL_BYTES)
  return { buffer, seed: randomInt(2 ** 32), places }
}

/** A thread's view of the counters. */
export class LimitTable {
  readonly #times: BigInt64Array
  /** The same as numbers: for looks at which nothing depends. */
  readonly #plain: Float64Array
  readonly #tags: Int32Array
  readonly #tail: Int32Array
  readonly #keys: KeyPlaces
  // The bits of one number, as a number and as they are compared.
  readonly #number = new Float64Array(1)
  readonly #bits = new BigInt64Array(this.#number.buffer)

  constructor({ buffer, seed, places }: LimitMemory) {
    const counters = places * WAYS
    this.#times = new BigInt64Array(buffer, 0, counters)
    this.#plain = new Float64Array(buffer, 0, counters)
    this.#tags = new Int32Array(buffer, counters * TIME_BYTES, counters)
    this.#tail = new Int32Array(buffer, counters * (TIME_BYTES + TAG_BYTES), 1)
    this.#keys = new KeyPlaces(seed, places)
  }

  /** Counters that were taken from callers although their limit was not whole. */
  get evicted(): number {
    return Atomics.load(this.#tail, 0)
  }

  /** Counters that there are. */
  get counters(): number {
    return this.#tags.length
  }

  /** Counters from one to another that are not whole. */
  inUse(nowMs: number, from: number, to: number): number {
    let count = 0
    for (let at = from; at < to; at++) if ((this.#plain[at] ?? 0) > nowMs) count++
    return count
  }

  /** The tag of the key that was looked for last. */
  get tag(): number {
    return this.#keys.tag
  }

  /** The hash of what is the same in front of many keys, so that it is not hashed for each. */
  beginning(text: string): HashBeginning {
    return this.#keys.beginning(text)
  }

  /**
   * The counter of a key; one that is taken over when it has none.
   *
   * @param beginning of the key, in front of `rest`.
   * @param kept counters that are not to be taken over: the first `keptCount` of them.
   */
  find(beginning: HashBeginning, rest: string, nowMs: number, kept: readonly number[], keptCount: number): number {
    this.#keys.look(beginning, rest)
    const { first, tag } = this.#keys
    const tags = this.#tags
    for (let at = first; at < first + WAYS; at++) if (tags[at] === tag) return at
    return this.#takeOver(first, tag, nowMs, kept, keptCount)
  }

  /** The counter of a key; -1: it has none, and is given none. */
  peek(beginning: HashBeginning, rest: string): number {
    this.#keys.look(beginning, rest)
    const { first, tag } = this.#keys
    for (let at = first; at < first + WAYS; at++) if (this.#tags[at] === tag) return at
    return -1
  }

  /** Whether a counter still belongs to the key of this tag. */
  belongs(at: number, tag: number): boolean {
    return Atomics.load(this.#tags, at) === tag
  }

  bits(at: number): bigint {
    return Atomics.load(this.#times, at)
  }

  numberOf(bits: bigint): number {
    this.#bits[0] = bits
    return this.#number[0] ?? 0
  }

  /** @returns whether it was as expected, and is the number now. */
  exchange(at: number, expected: bigint, value: number): boolean {
    this.#number[0] = value
    return Atomics.compareExchange(this.#times, at, expected, this.#bits[0] ?? 0n) === expected
  }

  /** Moves a time back, whoever else moves it meanwhile. */
  giveBack(at: number, ms: number): void {
    for (;;) {
      const bits = this.bits(at)
      if (this.exchange(at, bits, this.numberOf(bits) - ms)) return
    }
  }

  /**
   * Threads that look for the same key at once choose the same counter, as long as nobody else takes from it; one of
   * them gets it, and the others find it there.
   */
  #takeOver(first: number, tag: number, nowMs: number, kept: readonly number[], keptCount: number): number {
    for (;;) {
      const chosen = this.#leastUsed(first, tag, kept, keptCount)
      const bits = this.bits(chosen)
      const before = Atomics.load(this.#tags, chosen)
      const seen = before === tag ? tag : Atomics.compareExchange(this.#tags, chosen, before, tag)
      if (seen === tag) return chosen
      if (seen !== before) continue
      if (before !== 0) {
        if (this.numberOf(bits) > nowMs) Atomics.add(this.#tail, 0, 1)
        // As whole as the one before, and behind it in the order in which counters are taken over. If its caller was
        // just counted, the new one inherits that: rather a refusal too many than one too few.
        this.exchange(chosen, bits, nowMs)
      }
      return chosen
    }
  }

  /**
   * One that was never used, else the one that is nearest to being whole, or has been for longest. Those that were never
   * used are taken in their order, so a thread that was faster with the same key is met on the way: a key with two
   * counters would have one request for nothing.
   */
  #leastUsed(first: number, tag: number, kept: readonly number[], keptCount: number): number {
    let chosen = first
    let least = Infinity
    for (let at = first; at < first + WAYS; at++) {
      const owner = Atomics.load(this.#tags, at)
      if (owner === 0 || owner === tag) return at
      const time = this.numberOf(this.bits(at))
      if (time < least && !isAmong(kept, keptCount, at)) [chosen, least] = [at, time]
    }
    return chosen
  }
}
