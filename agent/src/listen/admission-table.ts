/**
 * What each source has open, and when it may begin the next TLS handshake, in memory that all threads share.
 *
 * A source is one of sixteen entries of a place, by its hash. Of each entry every thread has a number of its own, so
 * what a source has open is a sum, and a thread that ends takes nothing along: whoever outlives it clears its column.
 * Nobody waits for anybody: a thread counts first and then looks whether that was one too many, so a source never gets
 * more than it may, and two that ask for its last place in the same moment may both be turned away.
 *
 * An entry is given to another source when nothing of its own is open, the longest idle one first. There are twice as
 * many entries as there can be connections, so places are hardly ever full; what finds no entry is not counted, and is
 * bounded by the connections of the listener only. Should an entry change hands in the very moment in which its source
 * comes back, the source is looked for anew.
 *
 * @module
 */
import { randomInt } from 'node:crypto'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface AdmissionMemory {
  readonly buffer: SharedArrayBuffer
  /** Nobody outside can choose addresses that meet in one place. */
  readonly seed: number
  readonly places: number
  /** Columns: threads that may count at a time. */
  readonly threads: number
}

/** Entries of one place. */
const WAYS = 16
/** Entries for each source that is to be kept: places fill unevenly. */
const SPARE = 2
/** What is returned instead of an entry by whoever is not counted. */
export const UNCOUNTED = -1
/** What is returned instead of an entry when the source has as many as it may. */
export const REFUSED = -2
/** Others may be faster; without a bound, a bug here would block a thread. */
const TRIES_MAX = 100

const TIME_BYTES = 8
const WORD_BYTES = 4

/** @param sourcesMax that are to be kept. About 24 bytes each, and 8 for each thread, used as they are needed. */
export function createAdmissionMemory(sourcesMax: number, threads: number): AdmissionMemory {
  const places = 2 ** Math.ceil(Math.log2(Math.max(1, (sourcesMax * SPARE) / WAYS)))
  const bytes = TIME_BYTES + WORD_BYTES + threads * WORD_BYTES
  return { buffer: new SharedArrayBuffer(places * WAYS * bytes), seed: randomInt(2 ** 32), places, threads }
}

/** Gives back what a thread held. Only when it is gone. */
export function forgetThread({ buffer, places, threads }: AdmissionMemory, thread: number): void {
  const entries = places * WAYS
  const counts = new Int32Array(buffer, entries * (TIME_BYTES + WORD_BYTES), entries * threads)
  for (let at = thread * entries; at < (thread + 1) * entries; at++) {
    // Looked at first: memory that was never used is not touched.
    if (Atomics.load(counts, at) !== 0) Atomics.store(counts, at, 0)
  }
}

/** A thread's view. */
export class AdmissionTable {
  readonly #times: BigInt64Array
  readonly #tags: Int32Array
  readonly #counts: Int32Array
  readonly #entries: number
  readonly #threads: number
  readonly #own: number
  readonly #mask: number
  readonly #seed: number
  // The bits of one number, as a number and as they are compared.
  readonly #number = new Float64Array(1)
  readonly #bits = new BigInt64Array(this.#number.buffer)
  #tag = 0

  /** @param thread the column in which this thread counts, which nobody else uses. */
  constructor({ buffer, seed, places, threads }: AdmissionMemory, thread: number) {
    const entries = places * WAYS
    this.#times = new BigInt64Array(buffer, 0, entries)
    this.#tags = new Int32Array(buffer, entries * TIME_BYTES, entries)
    this.#counts = new Int32Array(buffer, entries * (TIME_BYTES + WORD_BYTES), entries * threads)
    this.#entries = entries
    this.#threads = threads
    this.#own = thread * entries
    this.#mask = places - 1
    this.#seed = seed
  }

  /**
   * Counts one more for a source.
   *
   * @returns its entry, for `leave`; `REFUSED` when it has `most` already; `UNCOUNTED` when there is no entry for it.
   */
  enter(source: string, most: number): number {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = this.#find(source)
      if (at === UNCOUNTED) return UNCOUNTED
      const entered = this.enterAgain(at, most)
      if (Atomics.load(this.#tags, at) === this.#tag) return entered
      // It was given to another source meanwhile.
      if (entered !== REFUSED) this.leave(at)
    }
    return UNCOUNTED
  }

  /** Counts one more for a source that has something open. @param at its entry, or `UNCOUNTED`. */
  enterAgain(at: number, most: number): number {
    if (at === UNCOUNTED) return UNCOUNTED
    Atomics.add(this.#counts, this.#own + at, 1)
    if (this.#sum(at) <= most) return at
    this.leave(at)
    return REFUSED
  }

  /** Gives one back. @param at as `enter` returned it. */
  leave(at: number): void {
    if (at !== UNCOUNTED) Atomics.sub(this.#counts, this.#own + at, 1)
  }

  /** What a source has open on all threads. */
  countOf(source: string): number {
    const first = this.#place(source)
    for (let at = first; at < first + WAYS; at++) if (this.#tags[at] === this.#tag) return this.#sum(at)
    return 0
  }

  /**
   * Takes one of what a source may do at a rate (GCRA). Whoever is refused takes nothing.
   *
   * @param everyMs time after which it may once more, in milliseconds.
   * @param burst how often at once.
   */
  take(source: string, everyMs: number, burst: number, nowMs: number): boolean {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = this.#find(source)
      if (at === UNCOUNTED) return true
      const bits = Atomics.load(this.#times, at)
      const next = Math.max(this.#numberOf(bits), nowMs) + everyMs
      if (next - nowMs > burst * everyMs) return false
      this.#number[0] = next
      if (Atomics.compareExchange(this.#times, at, bits, this.#bits[0] ?? 0n) === bits) return true
    }
    return false
  }

  /** Whether a source could take one. Gives it no entry. */
  could(source: string, everyMs: number, burst: number, nowMs: number): boolean {
    const first = this.#place(source)
    for (let at = first; at < first + WAYS; at++) {
      if (Atomics.load(this.#tags, at) !== this.#tag) continue
      return Math.max(this.#numberOf(Atomics.load(this.#times, at)), nowMs) + everyMs - nowMs <= burst * everyMs
    }
    return true
  }

  #sum(at: number): number {
    let sum = 0
    const end = this.#threads * this.#entries
    for (let place = at; place < end; place += this.#entries) sum += Atomics.load(this.#counts, place)
    return sum
  }

  /** The entry of a source; one that is free when it has none. Leaves the tag of the source in `#tag`. */
  #find(source: string): number {
    const first = this.#place(source)
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = this.#choose(first)
      if (at === UNCOUNTED) return UNCOUNTED
      const before = Atomics.load(this.#tags, at)
      if (before === this.#tag) return at
      const seen = Atomics.compareExchange(this.#tags, at, before, this.#tag)
      if (seen === this.#tag) return at
      if (seen !== before) continue
      // What the one before has used up of its rate is not held against the new one.
      Atomics.store(this.#times, at, 0n)
      return at
    }
    return UNCOUNTED
  }

  /** Its own entry, else one that was never used, else the one of which nothing is open for the longest time. */
  #choose(first: number): number {
    let chosen = UNCOUNTED
    let least = Infinity
    for (let at = first; at < first + WAYS; at++) {
      const owner = Atomics.load(this.#tags, at)
      if (owner === this.#tag) return at
      const time = owner === 0 ? -1 : this.#numberOf(Atomics.load(this.#times, at))
      if (time < least && (owner === 0 || this.#sum(at) === 0)) [chosen, least] = [at, time]
    }
    return chosen
  }

  #numberOf(bits: bigint): number {
    this.#bits[0] = bits
    return this.#number[0] ?? 0
  }

  /** @returns the first entry of the place. Sets `#tag`; never 0, which is nobody's. */
  #place(source: string): number {
    let [a, b] = [this.#seed, ~this.#seed]
    for (let index = 0; index < source.length; index++) {
      const code = source.charCodeAt(index)
      a = Math.imul(a ^ code, 0x01000193)
      b = Math.imul(b ^ code, 0x5bd1e995)
      b ^= b >>> 15
    }
    this.#tag = b === 0 ? 1 : b | 0
    return ((a ^ (a >>> 15)) & this.#mask) * WAYS
  }
}
