/**
 * The counters of concurrency limits in memory that all threads share: how many requests of a key are being worked on.
 *
 * A key has a place of sixteen counters (`key-places.ts`). A counter is one number of 64 bits that holds both its key's
 * tag and the count, so that one exchange changes a count and nothing comes in between: a counter above 0 is never taken
 * over. Any at 0 is as good as a new one. When all sixteen of a place are held, another key cannot be counted there: its
 * request is refused as `limit_unavailable` where the limit must hold, and that is counted.
 *
 * What a thread holds it also notes in memory of its own (`HeldByThread`), from which it is given back by whoever
 * outlives the thread. A thread that is ended between two instructions of its own can have noted one more than it has
 * counted, never one less: then one request too many may be admitted until nobody of that key is being worked on.
 *
 * @module
 */
import { type CompiledLimit, concurrencyPeek, type LimitOutcome } from '@headgate/core'
import { randomInt } from 'node:crypto'
import { type HashBeginning, KeyPlaces, placesFor, WAYS } from './key-places.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface HeldMemory {
  readonly buffer: SharedArrayBuffer
  readonly seed: number
  readonly places: number
}

/** Counters for each key that is to be kept. */
const SPARE = 2
const WORD_BYTES = 8
/** Behind everything: how many requests found all counters of their place held. */
const TAIL_BYTES = 8
/** Different keys of which one thread may have requests at a time. */
const NOTES_MAX = 65_536
/** Whoever is faster has moved on, so one more try is mostly enough. Without a bound, a bug here would block a thread. */
const TRIES_MAX = 1_000

/** @param keysMax counters that are to be kept. */
export function createHeldMemory(keysMax: number): HeldMemory {
  const places = placesFor(keysMax, SPARE)
  const buffer = new SharedArrayBuffer(places * WAYS * WORD_BYTES + TAIL_BYTES)
  return { buffer, seed: randomInt(2 ** 32), places }
}

/** Memory in which one thread notes what it holds. */
export function createThreadHoldings(): SharedArrayBuffer {
  return new SharedArrayBuffer(NOTES_MAX * 2 * 4)
}

/** What one thread holds: counters, and how often each. Only the thread itself writes. */
class Holdings {
  readonly #notes: Int32Array
  readonly #noteOf = new Map<number, number>()
  readonly #free: number[] = []
  #used = 0

  constructor(buffer: SharedArrayBuffer) {
    this.#notes = new Int32Array(buffer)
  }

  has(at: number): boolean {
    return this.#noteOf.has(at)
  }

  /** @returns false: there is no room for another counter. */
  add(at: number): boolean {
    let note = this.#noteOf.get(at)
    if (note === undefined) {
      if (this.#free.length === 0 && this.#used * 2 === this.#notes.length) return false
      note = this.#free.pop() ?? this.#used++
      this.#noteOf.set(at, note)
      Atomics.store(this.#notes, note * 2, at)
    }
    Atomics.add(this.#notes, note * 2 + 1, 1)
    return true
  }

  remove(at: number): void {
    const note = this.#noteOf.get(at)
    if (note === undefined || Atomics.sub(this.#notes, note * 2 + 1, 1) > 1) return
    this.#noteOf.delete(at)
    this.#free.push(note)
  }
}

/** A thread's view. */
export class HeldTable {
  readonly #words: BigInt64Array
  /** The halves of the words: tag and count. */
  readonly #halves: Int32Array
  readonly #tail: Int32Array
  readonly #keys: KeyPlaces
  readonly #holdings: Holdings
  readonly #bits = new BigInt64Array(2)
  readonly #bitHalves = new Int32Array(this.#bits.buffer)

  /** @param holdings null: the thread takes nothing. */
  constructor({ buffer, seed, places }: HeldMemory, holdings: SharedArrayBuffer | null) {
    const counters = places * WAYS
    this.#words = new BigInt64Array(buffer, 0, counters)
    this.#halves = new Int32Array(buffer, 0, counters * 2)
    this.#tail = new Int32Array(buffer, counters * WORD_BYTES, 1)
    this.#keys = new KeyPlaces(seed, places)
    this.#holdings = new Holdings(holdings ?? new SharedArrayBuffer(0))
  }

  /** Requests that could not be counted because all counters of their place were held. */
  get overflowed(): number {
    return Atomics.load(this.#tail, 0)
  }

  /** Counters that there are. */
  get counters(): number {
    return this.#words.length
  }

  /** Counters from one to another that are held. */
  inUse(from: number, to: number): number {
    let count = 0
    for (let at = from; at < to; at++) if ((this.#halves[at * 2 + 1] ?? 0) > 0) count++
    return count
  }

  beginning(text: string): HashBeginning {
    return this.#keys.beginning(text)
  }

  /** Holds a place of a key, when one is free. @returns null: it cannot be counted. */
  take(beginning: HashBeginning, rest: string, limit: Pick<CompiledLimit, 'amount'>): LimitOutcome | null {
    this.#keys.look(beginning, rest)
    const { tag } = this.#keys
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const at = this.#findOrFree()
      if (at === -1) break
      const seen = this.#load(at)
      // Read as one number: as it was when the counter was chosen, or somebody was faster.
      const [owner, before] = [this.#tagOf(0), this.#countOf(0)]
      if (owner !== tag && before !== 0) continue
      if (before >= limit.amount) return concurrencyPeek(before, limit)
      if (!this.#holdings.add(at)) break
      if (!this.#exchange(at, seen, tag, before + 1)) this.#holdings.remove(at)
      // Another thread may have found another counter for the same new key: the first one is theirs.
      else if (owner !== tag && this.#find() < at) this.#release(at)
      else return { ...concurrencyPeek(before + 1, limit), allowed: true }
    }
    Atomics.add(this.#tail, 0, 1)
    return null
  }

  /** What is left, without taking. */
  state(beginning: HashBeginning, rest: string, limit: Pick<CompiledLimit, 'amount'>): LimitOutcome {
    this.#keys.look(beginning, rest)
    const at = this.#find()
    return concurrencyPeek(at === -1 ? 0 : (this.#halves[at * 2 + 1] ?? 0), limit)
  }

  /** Gives back one place that this thread holds. Nothing happens when it holds none. */
  giveBack(beginning: HashBeginning, rest: string): void {
    this.#keys.look(beginning, rest)
    const { first, tag } = this.#keys
    for (let at = first; at < first + WAYS; at++) {
      if (this.#halves[at * 2] !== tag || !this.#holdings.has(at)) continue
      this.#release(at)
      return
    }
  }

  /** Gives back what a thread held that has ended. */
  giveBackAll(holdings: SharedArrayBuffer): void {
    const notes = new Int32Array(holdings)
    for (let note = 0; note < notes.length; note += 2) {
      const [at = 0, times = 0] = [notes[note], notes[note + 1]]
      if (times > 0) this.#lower(at, times)
      notes[note + 1] = 0
    }
  }

  /** In this order, so that a thread that ends in between leaves nothing held for ever. */
  #release(at: number): void {
    this.#lower(at, 1)
    this.#holdings.remove(at)
  }

  #lower(at: number, by: number): void {
    for (;;) {
      const seen = this.#load(at)
      if (this.#exchange(at, seen, this.#tagOf(0), Math.max(0, this.#countOf(0) - by))) return
    }
  }

  /** The counter of the key; -1: it has none. */
  #find(): number {
    const { first, tag } = this.#keys
    for (let at = first; at < first + WAYS; at++) if (this.#halves[at * 2] === tag) return at
    return -1
  }

  /** The counter of the key, else the first one that nobody holds; -1: there is none. */
  #findOrFree(): number {
    const { first, tag } = this.#keys
    let free = -1
    for (let at = first; at < first + WAYS; at++) {
      if (this.#halves[at * 2] === tag) return at
      if (free === -1 && this.#halves[at * 2 + 1] === 0) free = at
    }
    return free
  }

  #load(at: number): bigint {
    const word = Atomics.load(this.#words, at)
    this.#bits[0] = word
    return word
  }

  // The lower half comes first on every machine that we run on.
  #tagOf(place: 0 | 1): number {
    return this.#bitHalves[place * 2] ?? 0
  }
  #countOf(place: 0 | 1): number {
    return this.#bitHalves[place * 2 + 1] ?? 0
  }

  #exchange(at: number, expected: bigint, tag: number, count: number): boolean {
    this.#bitHalves[2] = tag
    this.#bitHalves[3] = count
    return Atomics.compareExchange(this.#words, at, expected, this.#bits[1] ?? 0n) === expected
  }
}
