/**
 * What an agent has taken ahead of shared limits, in memory that all its threads take from: 64 bytes for each key.
 *
 * A key has one place, by its hash, and one of the eight entries there. It is told from others by all 64 bits of the hash,
 * which is seeded anew by every process. Taking is one compare-and-exchange; one thread at a time asks the store for more.
 * An entry whose lease has ended is taken over by the next key. Where a place has none, its key has no lease, and the
 * store is asked for each of its requests: that costs time, and never exactness.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface LeaseMemory {
  readonly buffer: SharedArrayBuffer
  readonly seed: number
  readonly places: number
}

/** Entries of one place. */
const WAYS = 8
const ENTRY_BYTES = 64
/** 32,768 keys: what is hot at a time. 2 MiB, used as they are needed. */
const PLACES = 4_096
/** A refill or a claim that takes longer was left by a thread that was ended, in milliseconds. */
const ABANDONED_MS = 2_000
/** 32-bit words of an entry. */
const INTS = { a: 0, b: 1, left: 2, flight: 3 } as const
const INTS_WIDTH = ENTRY_BYTES / 4
/** Numbers of an entry, behind its words. */
const NUMBERS = { endsAt: 2, askAt: 3, known: 4, resetAt: 5 } as const
const NUMBERS_WIDTH = ENTRY_BYTES / 8

export function createLeaseMemory(places: number = PLACES): LeaseMemory {
  // Behind the entries a lock for each place, and how often a key found none.
  const buffer = new SharedArrayBuffer(places * WAYS * ENTRY_BYTES + (places + 2) * 4)
  return { buffer, seed: randomInt(2 ** 32), places }
}

/** The hash of what is the same in front of many keys. */
export interface LeaseBeginning {
  readonly a: number
  readonly b: number
}

/** What a refill brought. Times are of the process's monotonic clock, in milliseconds. */
export interface Refill {
  readonly granted: number
  /** What was owed, and is paid. */
  readonly paid: number
  /** Left in the store. */
  readonly known: number
  readonly resetAtMs: number
  /** Until then the store has no more. */
  readonly askAtMs: number
  readonly endsAtMs: number
}

/** A thread's view. */
export class LeaseTable {
  readonly #ints: Int32Array
  readonly #numbers: Float64Array
  readonly #mask: number
  readonly #seed: number
  readonly #locks: number
  readonly #tail: number
  #a = 0
  #b = 0

  constructor({ buffer, seed, places }: LeaseMemory) {
    this.#ints = new Int32Array(buffer)
    this.#numbers = new Float64Array(buffer, 0, (places * WAYS * ENTRY_BYTES) / 8)
    this.#mask = places - 1
    this.#seed = seed
    this.#locks = places * WAYS * INTS_WIDTH
    this.#tail = this.#locks + places
  }

  /** Keys that found no entry: their requests asked the store. */
  get crowded(): number {
    return Atomics.load(this.#ints, this.#tail)
  }

  beginning(text: string): LeaseBeginning {
    this.#hash(this.#seed, ~this.#seed, text)
    return { a: this.#a, b: this.#b }
  }

  /** The entry of a key; -1: it has none. */
  find(beginning: LeaseBeginning, rest: string): number {
    const first = this.#place(beginning, rest)
    const [ints, a, b] = [this.#ints, this.#a, this.#b]
    for (let entry = first; entry < first + WAYS; entry++) {
      const at = entry * INTS_WIDTH
      if (ints[at] === a && ints[at + INTS.b] === b) return entry
    }
    return -1
  }

  /** Gives a key an entry. -1: there is none, or another thread is about to. */
  claim(beginning: LeaseBeginning, rest: string, nowMs: number): number {
    const first = this.#place(beginning, rest)
    const [a, b] = [this.#a, this.#b]
    const lock = this.#locks + first / WAYS
    if (!this.#hold(lock, nowMs)) return -1
    const found = this.find(beginning, rest)
    const entry = found === -1 ? this.#free(first, nowMs) : found
    if (found === -1 && entry !== -1) {
      const at = entry * INTS_WIDTH
      // Whoever still looks at the entry finds that it is nobody's.
      Atomics.store(this.#ints, at, 0)
      Atomics.store(this.#ints, at + INTS.left, 0)
      Atomics.store(this.#ints, at + INTS.flight, 0)
      Atomics.store(this.#ints, at + INTS.b, b)
      this.#numbers.fill(0, entry * NUMBERS_WIDTH + NUMBERS.endsAt, (entry + 1) * NUMBERS_WIDTH)
      // It does not end before it has been filled.
      this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.endsAt] = nowMs + ABANDONED_MS
      Atomics.store(this.#ints, at, a)
    }
    Atomics.store(this.#ints, lock, 0)
    if (entry === -1) Atomics.add(this.#ints, this.#tail, 1)
    return entry
  }

  /** Whether an entry is still that of the key that was looked for last. */
  #isOwn(at: number, a: number, b: number): boolean {
    return Atomics.load(this.#ints, at) === a && Atomics.load(this.#ints, at + INTS.b) === b
  }

  /**
   * Takes units of the key that was looked for last. What is above `most` is given up: the group has grown.
   *
   * @returns what is left; -1: not enough, and nothing is taken.
   */
  take(entry: number, units: number, most: number, nowMs: number): number {
    const at = entry * INTS_WIDTH
    const [a, b] = [this.#a, this.#b]
    if (nowMs >= (this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.endsAt] ?? 0)) return -1
    for (;;) {
      const left = Atomics.load(this.#ints, at + INTS.left)
      const usable = left > most ? most : left
      if (usable < (units > 0 ? units : 1)) return -1
      if (Atomics.compareExchange(this.#ints, at + INTS.left, left, usable - units) !== left) continue
      // Taken over between the look and the exchange: rather a unit lost than one taken from somebody else's.
      return this.#isOwn(at, a, b) ? usable - units : -1
    }
  }

  /** Puts units back that were taken, or takes more than there are, with less than nothing. */
  add(entry: number, units: number): void {
    Atomics.add(this.#ints, entry * INTS_WIDTH + INTS.left, units)
  }

  left(entry: number): number {
    return Atomics.load(this.#ints, entry * INTS_WIDTH + INTS.left)
  }

  /** Left in the store, as known last. */
  known(entry: number): number {
    return this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.known] ?? 0
  }

  resetAtMs(entry: number): number {
    return this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.resetAt] ?? 0
  }

  askAtMs(entry: number): number {
    return this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.askAt] ?? 0
  }

  /** @returns whether this thread is the one that asks for more. */
  beginRefill(entry: number, nowMs: number): boolean {
    return this.#hold(entry * INTS_WIDTH + INTS.flight, nowMs)
  }

  /** What is left before more is asked for; of a lease that has ended nothing but what is owed. */
  settleEnded(entry: number, nowMs: number): number {
    const left = this.left(entry)
    if (left <= 0 || nowMs < (this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.endsAt] ?? 0)) return left
    Atomics.sub(this.#ints, entry * INTS_WIDTH + INTS.left, left)
    return 0
  }

  /** @param refill null: the store did not answer. */
  endRefill(entry: number, refill: Refill | null): void {
    const at = entry * NUMBERS_WIDTH
    if (refill !== null) {
      this.#numbers[at + NUMBERS.known] = refill.known
      this.#numbers[at + NUMBERS.resetAt] = refill.resetAtMs
      this.#numbers[at + NUMBERS.askAt] = refill.askAtMs
      this.#numbers[at + NUMBERS.endsAt] = refill.endsAtMs
      Atomics.add(this.#ints, entry * INTS_WIDTH + INTS.left, refill.granted + refill.paid)
    }
    Atomics.store(this.#ints, entry * INTS_WIDTH + INTS.flight, 0)
    Atomics.notify(this.#ints, entry * INTS_WIDTH + INTS.flight)
  }

  /** Resolves when the thread that asks for more has an answer, or after so long. */
  async refilled(entry: number, waitMs: number): Promise<void> {
    const at = entry * INTS_WIDTH + INTS.flight
    const held = Atomics.load(this.#ints, at)
    if (held === 0) return
    await Atomics.waitAsync(this.#ints, at, held, waitMs).value
  }

  /** An entry that is nobody's, or whose lease has ended and is not being refilled. */
  #free(first: number, nowMs: number): number {
    let chosen = -1
    let least = nowMs
    for (let entry = first; entry < first + WAYS; entry++) {
      if (Atomics.load(this.#ints, entry * INTS_WIDTH) === 0) return entry
      const endsAtMs = this.#numbers[entry * NUMBERS_WIDTH + NUMBERS.endsAt] ?? 0
      const isRefilled = Atomics.load(this.#ints, entry * INTS_WIDTH + INTS.flight) !== 0
      if (endsAtMs < least && !isRefilled) [chosen, least] = [entry, endsAtMs]
    }
    return chosen
  }

  /** A word that is held says since when, so that one that was left behind is found. */
  #hold(word: number, nowMs: number): boolean {
    const now = Math.floor(nowMs) | 0 || 1
    const held = Atomics.compareExchange(this.#ints, word, 0, now)
    if (held === 0) return true
    if (((now - held) | 0) <= ABANDONED_MS) return false
    return Atomics.compareExchange(this.#ints, word, held, now) === held
  }

  /** The first entry of a key's place. Leaves the two halves of its hash; the first is never 0, which is nobody's. */
  #place({ a, b }: LeaseBeginning, rest: string): number {
    this.#hash(a, b, rest)
    const place = (this.#a ^ (this.#a >>> 15) ^ (this.#b >>> 7)) & this.#mask
    if (this.#a === 0) this.#a = 1
    return place * WAYS
  }

  #hash(from: number, and: number, text: string): void {
    let [a, b] = [from | 0, and | 0]
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index)
      a = Math.imul(a ^ code, 0x01000193)
      b = Math.imul(b ^ code, 0x5bd1e995)
      b ^= b >>> 15
    }
    this.#a = a
    this.#b = b
  }
}
