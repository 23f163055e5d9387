/**
 * What may count once only (proofs of keys, signatures), in memory that all threads share.
 *
 * Exact: of any number of threads that note the same name at once, one is the first. Places of thirty-two names each are
 * found by a hash of the name; one thread at a time changes a place. A name is told from another by 64 bits of a hash
 * that is keyed anew by every process, so nobody can choose names that fall into one place.
 *
 * Bounded, and closed: when a place has no room, a name cannot be remembered, so what it stands for must not count.
 * With as many names as it is made for, one in some ten thousand places is full.
 *
 * @module
 */
import { hash, randomBytes } from 'node:crypto'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface SeenMemory {
  readonly buffer: SharedArrayBuffer
  /** Keys the hash; one character for each byte. */
  readonly key: string
  readonly places: number
}

/** Names of one place. */
const WAYS = 32
/** Room for each name that is to be kept: places fill unevenly. */
const SPARE = 2
/** Words of a name: two of its hash, and until when it is remembered. */
const WORDS = 3
/** Until when a name is remembered is counted in so many milliseconds, from the beginning of the clock. */
const TICK_MS = 100
/** Looks at a place that another thread changes, before this one sleeps in between. */
const SPINS = 2_000
/** Sleeps of a millisecond each: whoever changes a place may not be running. */
const SLEEPS_MAX = 50
/** A place that was under change for so long was left by a thread that was ended, in milliseconds. */
const ABANDONED_MS = 1_000

/** @param namesMax that are to be remembered. */
export function createSeenMemory(namesMax: number): SeenMemory {
  const places = 2 ** Math.ceil(Math.log2(Math.max(1, (namesMax * SPARE) / WAYS)))
  // Behind the places a lock for each, and how many names could not be remembered.
  const words = places * WAYS * WORDS + places + 1
  return { buffer: new SharedArrayBuffer(words * 4), key: randomBytes(16).toString('latin1'), places }
}

/** A thread's view. */
export class SeenTable {
  readonly #words: Int32Array
  readonly #key: string
  readonly #mask: number
  readonly #locks: number
  readonly #tail: number
  readonly #monotonic: () => number

  /** @param monotonic milliseconds since the same moment on all threads. */
  constructor({ buffer, key, places }: SeenMemory, monotonic: () => number) {
    this.#words = new Int32Array(buffer)
    this.#key = key
    this.#mask = places - 1
    this.#locks = places * WAYS * WORDS
    this.#tail = this.#locks + places
    this.#monotonic = monotonic
  }

  /** Names that could not be remembered. */
  get overflowed(): number {
    return Atomics.load(this.#words, this.#tail)
  }

  /**
   * Notes a name.
   *
   * @param forMs how long it is remembered.
   * @returns false: it was seen before, or cannot be remembered.
   */
  once(name: string, forMs: number): boolean {
    const hashed = hash('sha256', this.#key + name, 'buffer')
    const place = hashed.readUInt32LE(0) & this.#mask
    if (!this.#lock(place)) return this.#overflow()
    const noted = this.#note(place * WAYS * WORDS, hashed.readInt32LE(4), hashed.readInt32LE(8), forMs)
    Atomics.store(this.#words, this.#locks + place, 0)
    return noted ?? this.#overflow()
  }

  /** @returns null: there is no room. */
  #note(first: number, a: number, b: number, forMs: number): boolean | null {
    const words = this.#words
    const nowMs = this.#monotonic()
    const now = Math.floor(nowMs / TICK_MS)
    let free = -1
    for (let at = first; at < first + WAYS * WORDS; at += WORDS) {
      if ((words[at + 2] ?? 0) <= now) free = at
      else if (words[at] === a && words[at + 1] === b) return false
    }
    if (free === -1) return null
    words[free] = a
    words[free + 1] = b
    // Rather a moment too long than one too short; and a name is remembered from its first tick on.
    words[free + 2] = Math.max(now, Math.floor((nowMs + forMs) / TICK_MS)) + 1
    return true
  }

  /** A lock holds the time at which it was taken, so that one that was left behind is found. */
  #lock(place: number): boolean {
    const at = this.#locks + place
    for (let tries = 0; tries < SPINS + SLEEPS_MAX; tries++) {
      // Of 32 bits, which go round: only differences count.
      const time = Math.floor(this.#monotonic()) | 0 || 1
      const held = Atomics.compareExchange(this.#words, at, 0, time)
      if (held === 0) return true
      const isAbandoned = ((time - held) | 0) > ABANDONED_MS
      if (isAbandoned && Atomics.compareExchange(this.#words, at, held, time) === held) return true
      if (tries >= SPINS) Atomics.wait(this.#words, at, held, 1)
    }
    return false
  }

  #overflow(): false {
    Atomics.add(this.#words, this.#tail, 1)
    return false
  }
}
