/**
 * Field names that mean something to the agent, found by their bytes.
 *
 * A name is looked up by its length and its first letter, so a usual field costs one look into a table. What is done
 * with each kind is said in `fields.ts`.
 *
 * @module
 */
import { bytesOf, isName, LOWER } from './bytes.ts'

/** Kind of a field. Small numbers, because they live in a byte array. */
export const kinds = {
  /** Passed on as it is. */
  other: 0,
  /** Never passed on. */
  dropped: 1,
  host: 2,
  connection: 3,
  transferEncoding: 4,
  expect: 5,
  keepAlive: 6,
  te: 7,
  trailer: 8,
  upgrade: 9,
  // From here on: passed on, but looked at.
  contentLength: 10,
  mayBeAdded: 11,
} as const

/** Longest name that can be known. */
const LENGTH_MAX = 31

/** Names and prefixes with their kinds. */
export class NameTable {
  readonly #first = new Uint8Array((LENGTH_MAX + 1) * 32)
  readonly #next: number[] = [0]
  readonly #names: Uint8Array[] = [new Uint8Array()]
  readonly #kinds: number[] = [0]
  readonly #prefixes: readonly Uint8Array[]

  /**
   * @param names lower case, with their kind.
   * @param prefixes lower case, each starting with `x-`: names that start with one are `dropped`.
   */
  constructor(names: Iterable<readonly [name: string, kind: number]>, prefixes: readonly string[]) {
    for (const [name, kind] of names) {
      const bytes = bytesOf(name)
      if (bytes.length > LENGTH_MAX || this.#names.length > 255) throw new RangeError(`${name} does not fit the table`)
      const bucket = bucketOf(bytes, 0, bytes.length)
      this.#names.push(bytes)
      this.#kinds.push(kind)
      this.#next.push(this.#first[bucket] ?? 0)
      this.#first[bucket] = this.#names.length - 1
    }
    this.#prefixes = prefixes.map(bytesOf)
  }

  /** @returns the kind of the name at that place. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (end - start <= LENGTH_MAX) {
      let entry = this.#first[bucketOf(bytes, start, end)] ?? 0
      while (entry !== 0) {
        if (isName(bytes, start, end, this.#names[entry] ?? NOTHING)) return this.#kinds[entry] ?? kinds.other
        entry = this.#next[entry] ?? 0
      }
    }
    const isX = ((bytes[start] ?? 0) | 0x20) === 0x78 && bytes[start + 1] === 0x2d
    return isX && this.#hasPrefix(bytes, start, end) ? kinds.dropped : kinds.other
  }

  #hasPrefix(bytes: Uint8Array, start: number, end: number): boolean {
    const third = LOWER[bytes[start + 2] ?? 0]
    for (const prefix of this.#prefixes) {
      if (prefix[2] !== third || end - start < prefix.length) continue
      if (isName(bytes, start, start + prefix.length, prefix)) return true
    }
    return false
  }
}

const NOTHING = new Uint8Array()

function bucketOf(bytes: Uint8Array, start: number, end: number): number {
  return ((end - start) << 5) | ((bytes[start] ?? 0) & 31)
}
