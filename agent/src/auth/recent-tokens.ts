/**
 * What was proven a moment ago, by name, in a bounded memory.
 *
 * Two tables take turns: when the younger one is full, the older one is forgotten as a whole. What is used again moves
 * to the younger one, so what is in use stays; a flood of new tokens costs others no more than being proven again.
 *
 * @module
 */

interface Entry<T> {
  readonly value: T
  readonly untilMs: number
  readonly generation: number
}

export class RecentTokens<T> {
  readonly #half: number
  #younger = new Map<string, Entry<T>>()
  #older = new Map<string, Entry<T>>()

  /** @param max tokens that are remembered at most. */
  constructor(max: number) {
    this.#half = Math.max(1, Math.floor(max / 2))
  }

  get size(): number {
    return this.#younger.size + this.#older.size
  }

  /** @returns null when it is not known, too old, or was proven in another generation. */
  get(name: string, nowMs: number, generation: number): T | null {
    const found = this.#younger.get(name) ?? this.#older.get(name)
    if (found === undefined || found.generation !== generation || nowMs >= found.untilMs) return null
    if (!this.#younger.has(name)) this.#put(name, found)
    return found.value
  }

  put(name: string, value: T, untilMs: number, generation: number): void {
    this.#put(name, { value, untilMs, generation })
  }

  #put(name: string, entry: Entry<T>): void {
    if (this.#younger.size >= this.#half) {
      this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(name, entry)
  }
}
