/**
 * What was found out a moment ago, by name, in a bounded memory.
 *
 * Two tables take turns: when the younger one is full or old, the older one is forgotten as a whole. What is used again
 * moves to the younger one, so what is in use stays; a flood of new tokens costs others no more than being proven again,
 * and what nobody uses any more takes no memory for long. Whether it still counts is for whoever remembered it to say.
 *
 * @module
 */

/** Age at which a table is followed by the next, in milliseconds. */
const TURN_MS = 300_000

export class RecentTokens<T extends object> {
  readonly #half: number
  #younger = new Map<string, T>()
  #older = new Map<string, T>()
  #turnAtMs = 0

  /** @param max tokens that are remembered at most. */
  constructor(max: number) {
    this.#half = Math.max(1, Math.floor(max / 2))
  }

  get size(): number {
    return this.#younger.size + this.#older.size
  }

  /** @param nowMs on any one clock, as in `put`. */
  get(name: string, nowMs: number): T | null {
    const young = this.#younger.get(name)
    if (young !== undefined && nowMs < this.#turnAtMs) return young
    const old = young ?? this.#older.get(name)
    if (old === undefined) return null
    this.put(name, old, nowMs)
    return old
  }

  put(name: string, value: T, nowMs: number): void {
    const isFull = this.#younger.size >= this.#half && !this.#younger.has(name)
    if (isFull || nowMs >= this.#turnAtMs) {
      this.#older = this.#younger
      this.#younger = new Map()
      this.#turnAtMs = nowMs + TURN_MS
    }
    this.#younger.set(name, value)
  }
}
