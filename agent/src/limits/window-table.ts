/**
 * The counters of sliding windows in memory that all threads share: for each key the counts of the parts of its window.
 *
 * A key has a place of sixteen counters (`key-places.ts`); when none is its own, it takes over the one whose window is
 * empty first. A counter holds eight counts in a ring, and until when it is not empty, which also says which part is the
 * newest. Each count carries two bits of the number of its turn round the ring, so that what is added to a part never
 * ends up in the next one.
 *
 * Exact without a lock: a request is added to the part of now, if that was not changed since it was looked at, and then
 * all parts are summed up again: if others were as fast and there is too much, it is taken back, and decided anew. So
 * whatever stands was added before somebody found that the sum is within the limit. Who opens a new part first empties
 * its count in the ring, then says that it is the newest; another thread that is still in the part before sees either.
 *
 * None passes too much, but a key whose counter is taken over in the very moment of its request.
 *
 * @module
 */
import {
  type CompiledLimit,
  type LimitOutcome,
  partAt,
  partMs,
  WINDOW_COUNTS,
  WINDOW_PARTS,
  windowOutcome,
} from '@headgate/core'
import { randomInt } from 'node:crypto'
import { type HashBeginning, isAmong, KeyPlaces, placesFor, stepOf, WAYS } from './key-places.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface WindowMemory {
  readonly buffer: SharedArrayBuffer
  readonly seed: number
  readonly places: number
}

/** Counters for each key that is to be kept. At 40 bytes for each, a key has 60. */
const SPARE = 1.5
/** Words of a counter: its tag, until when it is not empty, and the counts. */
const WORDS = 2 + WINDOW_COUNTS
/** In such steps it is told until when a window is not empty, in milliseconds: shorter than any part. */
const TICK_MS = 8
const COUNT_BITS = 30
const COUNT_MAX = 2 ** COUNT_BITS - 1
const TURNS = 4
/** Bytes are counted in steps, so that a limit is at most so many of them, and twice as much can be charged. */
const STEPS_MAX = 2 ** (COUNT_BITS - 1)
/** Whoever is faster has moved on, so one more try is mostly enough. Without a bound, a bug here would block a thread. */
const TRIES_MAX = 1_000

type Limit = Pick<CompiledLimit, 'amount' | 'windowMs' | 'unit'>

/** @param keysMax counters that are to be kept. */
export function createWindowMemory(keysMax: number): WindowMemory {
  const places = placesFor(keysMax, SPARE)
  // Behind everything: how many counters were given up.
  const buffer = new SharedArrayBuffer((places * WAYS * WORDS + 1) * 4)
  return { buffer, seed: randomInt(2 ** 32), places }
}

/** A thread's view. */
export class WindowTable {
  readonly #tags: Int32Array
  readonly #untils: Int32Array
  readonly #words: Int32Array
  readonly #tail: Int32Array
  readonly #keys: KeyPlaces
  readonly #counts: number[] = Array.from({ length: WINDOW_COUNTS }, () => 0)

  constructor({ buffer, seed, places }: WindowMemory) {
    const counters = places * WAYS
    this.#tags = new Int32Array(buffer, 0, counters)
    this.#untils = new Int32Array(buffer, counters * 4, counters)
    this.#words = new Int32Array(buffer, counters * 8, counters * WINDOW_COUNTS)
    this.#tail = new Int32Array(buffer, counters * WORDS * 4, 1)
    this.#keys = new KeyPlaces(seed, places)
  }

  /** Counters that were taken from callers although their window was not empty. */
  get evicted(): number {
    return Atomics.load(this.#tail, 0)
  }

  /** Counters that there are. */
  get counters(): number {
    return this.#tags.length
  }

  /** Counters from one to another that are not empty. */
  inUse(nowMs: number, from: number, to: number): number {
    const now = tickAt(nowMs)
    let count = 0
    for (let at = from; at < to; at++) if (this.#tags[at] !== 0 && (((this.#untils[at] ?? 0) - now) | 0) > 0) count++
    return count
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
      const part = this.#look(at, nowMs, limit)
      const before = windowOutcome(this.#units(limit), part, nowMs, limit, cost)
      if (!before.allowed || cost === 0) return before
      if (!this.#addOnce(at, part, cost)) continue
      if (!this.#belongs(at, tag)) {
        this.#subtract(at, part, cost)
        return null
      }
      const now = this.#look(at, nowMs, limit)
      if (this.#sum() <= limit.amount)
        return { ...windowOutcome(this.#units(limit), now, nowMs, limit, 1), allowed: true }
      this.#subtract(at, part, cost)
    }
    return null
  }

  /** What is left, without taking. @param at -1: there is no counter. */
  state(at: number, nowMs: number, limit: Limit, cost: number): LimitOutcome {
    if (at === -1) return windowOutcome(NOTHING, partAt(nowMs, limit), nowMs, limit, cost)
    const part = this.#look(at, nowMs, limit)
    return windowOutcome(this.#units(limit), part, nowMs, limit, cost)
  }

  /** Adds units that have passed already. */
  charge(at: number, nowMs: number, limit: Limit, units: number): void {
    const steps = Math.ceil(units / windowStep(limit))
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      if (this.#addOnce(at, this.#look(at, nowMs, limit), steps)) return
    }
  }

  /** Takes units back: from the youngest parts that have them. */
  giveBack(at: number, nowMs: number, limit: Limit, cost: number): void {
    const part = this.#look(at, nowMs, limit)
    let left = cost
    for (let age = 0; age < WINDOW_COUNTS && left > 0; age++) left -= this.#subtract(at, part - age, left)
  }

  /** Opens the part of now where it is not open, and reads the counts by age. @returns the number of the part. */
  #look(at: number, nowMs: number, limit: Limit): number {
    let part = this.#open(at, partAt(nowMs, limit), nowMs, limit)
    // The oldest count may just be emptied by another thread, whose clock is a moment ahead.
    if (!this.#read(at, part)) {
      part = this.#open(at, part + 1, nowMs, limit)
      this.#read(at, part)
    }
    return part
  }

  /** @returns whether each count is of its part. */
  #read(at: number, part: number): boolean {
    let isWhole = true
    for (let age = 0; age < WINDOW_COUNTS; age++) {
      const word = Atomics.load(this.#words, wordAt(at, part - age))
      const isOfPart = turnOf(word) === turnOfPart(part - age)
      this.#counts[age] = isOfPart ? word & COUNT_MAX : 0
      isWhole &&= isOfPart
    }
    return isWhole
  }

  #sum(): number {
    let sum = 0
    for (const count of this.#counts) sum += count
    return sum
  }

  #units(limit: Limit): readonly number[] {
    const step = windowStep(limit)
    return step === 1 ? this.#counts : this.#counts.map((count) => count * step)
  }

  /** Makes a part the newest, unless a newer one is. @returns the newest. */
  #open(at: number, part: number, nowMs: number, limit: Limit): number {
    for (;;) {
      const until = Atomics.load(this.#untils, at)
      const newest = newestPart(until, nowMs, limit)
      if (newest === part || newest === part + 1) return newest
      // What is further ahead, or long over, is of a counter that was taken over or has been idle.
      const known = newest < part && newest > part - WINDOW_COUNTS ? newest : part - WINDOW_COUNTS
      for (let each = known + 1; each <= part; each++) this.#empty(at, each, until)
      const next = untilOf(part, limit)
      if (next === until || Atomics.compareExchange(this.#untils, at, until, next) === until) return part
    }
  }

  /** Empties the count of a part that is about to be opened, as long as nobody has opened it. */
  #empty(at: number, part: number, until: number): void {
    const index = wordAt(at, part)
    const word = Atomics.load(this.#words, index)
    const empty = turnOfPart(part) << COUNT_BITS
    if (word === empty || Atomics.load(this.#untils, at) !== until) return
    Atomics.compareExchange(this.#words, index, word, empty)
  }

  /** @returns whether nobody has changed the count since it was read. */
  #addOnce(at: number, part: number, steps: number): boolean {
    const index = wordAt(at, part)
    const before = this.#counts[0] ?? 0
    const turn = turnOfPart(part) << COUNT_BITS
    const after = turn | Math.min(COUNT_MAX, before + steps)
    return Atomics.compareExchange(this.#words, index, turn | before, after) === (turn | before)
  }

  /** @returns how much was taken back of a part. */
  #subtract(at: number, part: number, most: number): number {
    const index = wordAt(at, part)
    for (;;) {
      const word = Atomics.load(this.#words, index)
      if (turnOf(word) !== turnOfPart(part)) return 0
      const back = Math.min(word & COUNT_MAX, most)
      if (Atomics.compareExchange(this.#words, index, word, word - back) === word) return back
    }
  }

  #belongs(at: number, tag: number): boolean {
    return Atomics.load(this.#tags, at) === tag
  }

  #leftTicks(at: number, now: number): number {
    return (Atomics.load(this.#untils, at) - now) | 0
  }

  /** As in `LimitTable`: threads that look for the same key at once choose the same counter. */
  #takeOver(nowMs: number, kept: readonly number[], keptCount: number): number {
    const { first, tag } = this.#keys
    const now = tickAt(nowMs)
    for (;;) {
      const chosen = this.#emptyFirst(first, tag, now, kept, keptCount)
      const until = Atomics.load(this.#untils, chosen)
      const before = Atomics.load(this.#tags, chosen)
      if (before === tag) return chosen
      const seen = Atomics.compareExchange(this.#tags, chosen, before, tag)
      if (seen === tag) return chosen
      if (seen !== before) continue
      if (before !== 0 && ((until - now) | 0) > 0) Atomics.add(this.#tail, 0, 1)
      // Long over, so that whoever looks at it empties it.
      Atomics.compareExchange(this.#untils, chosen, until, (now - LONG_TICKS) | 0)
      return chosen
    }
  }

  #emptyFirst(first: number, tag: number, now: number, kept: readonly number[], keptCount: number): number {
    let chosen = first
    let least = Infinity
    for (let at = first; at < first + WAYS; at++) {
      const owner = Atomics.load(this.#tags, at)
      if (owner === 0 || owner === tag) return at
      const left = this.#leftTicks(at, now)
      if (left < least && !isAmong(kept, keptCount, at)) [chosen, least] = [at, left]
    }
    return chosen
  }
}

const NOTHING: readonly number[] = []
/** Longer than any window and the part behind it, in ticks. */
const LONG_TICKS = (2 * 86_400_000) / TICK_MS

/** Of 32 bits, which go round after a year: only differences count. */
const tickAt = (ms: number): number => Math.floor(ms / TICK_MS) | 0

const wordAt = (at: number, part: number): number => at * WINDOW_COUNTS + (part & WINDOW_PARTS)
const turnOfPart = (part: number): number => Math.floor(part / WINDOW_COUNTS) & (TURNS - 1)
const turnOf = (word: number): number => word >>> COUNT_BITS

/** When the window of a part is over, in ticks rounded up: the part can be told from it again. */
const untilOf = (part: number, limit: Limit): number =>
  Math.ceil(((part + WINDOW_COUNTS) * partMs(limit)) / TICK_MS) | 0

/** The part for which `untilOf` gives this. */
function newestPart(until: number, nowMs: number, limit: Limit): number {
  const ticks = Math.floor(nowMs / TICK_MS)
  const whole = ticks + ((until - ticks) | 0)
  return Math.floor((whole * TICK_MS) / partMs(limit)) - WINDOW_COUNTS
}

/** Units of one step. What requests cost is never more than a count can hold. */

/** Units of one step: 1 for requests. */
export const windowStep = (limit: Pick<CompiledLimit, 'unit' | 'amount'>): number => stepOf(limit, STEPS_MAX)
