/**
 * Where a key has its place in a table of counters.
 *
 * A key has one place, by its hash, and any of the sixteen counters there. Within its place it is told from others by 32
 * more bits. With 200,000 keys the chance that any two share a counter is below one in ten thousand, and the hash is
 * seeded anew by every process, so that nobody can choose it.
 *
 * @module
 */
import type { CompiledLimit } from '@headgate/core'

/** Counters of one place. */
export const WAYS = 16

/** A hash that is gone on with. */
export interface HashBeginning {
  readonly a: number
  readonly b: number
}

/** @param spare counters for each key that is to be kept: places fill unevenly. */
export function placesFor(keysMax: number, spare: number): number {
  return Math.max(1, Math.ceil((keysMax * spare) / WAYS))
}

/** Whether a counter is among the first `count` of a list. */
export function isAmong(list: readonly number[], count: number, at: number): boolean {
  for (let index = 0; index < count; index++) if (list[index] === at) return true
  return false
}

/**
 * In how many units at a time bytes are counted, where a counter has no room for more than so many steps of a limit:
 * what passes is rounded up to whole steps. Powers of two, so that a limit that changes a little is counted on.
 */
export function stepOf({ unit, amount }: Pick<CompiledLimit, 'unit' | 'amount'>, stepsMax: number): number {
  return unit === 'bytes' && amount > stepsMax ? 2 ** Math.ceil(Math.log2(amount / stepsMax)) : 1
}

/** Finds places. One for each thread and table: it keeps what was looked for last. */
export class KeyPlaces {
  /** The first counter of the place. */
  first = 0
  /** Tells the key from others of its place; never 0, which is nobody's. */
  tag = 0
  /** What the place was made of: another table of the same seed finds its own with it. */
  home = 0
  readonly #seed: number
  readonly #places: number
  #a = 0
  #b = 0

  constructor(seed: number, places: number) {
    this.#seed = seed
    this.#places = places
  }

  /** The hash of what is the same in front of many keys, so that it is not hashed for each. */
  beginning(text: string): HashBeginning {
    this.#hash(this.#seed, ~this.#seed, text)
    return { a: this.#a, b: this.#b }
  }

  /** @param beginning of the key, in front of `rest`. */
  look({ a, b }: HashBeginning, rest: string): void {
    this.#hash(a, b, rest)
    this.tag = this.#b === 0 ? 1 : this.#b
    const mixed = Math.imul(this.#a ^ (this.#a >>> 15), 0x2c1b3c6d)
    this.home = (mixed ^ (mixed >>> 12)) >>> 0
    this.first = this.firstOf(this.home)
  }

  /** The first counter of the place of a `home`. */
  firstOf(home: number): number {
    return Math.floor((home / 2 ** 32) * this.#places) * WAYS
  }

  /** Goes on with a hash, and leaves it in `#a` and `#b`. */
  #hash(from: number, and: number, text: string): void {
    let [a, b] = [from, and]
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
