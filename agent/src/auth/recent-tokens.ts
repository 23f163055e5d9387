/**
 * What was found out a moment ago, by name, in a bounded memory.
 *
 * Two tables take turns: when the younger one is full, the older one is forgotten as a whole. What is used again moves
 * to the younger one, so what is in use stays; a flood of new tokens costs others no more than being proven again.
 * Whether it still counts is for whoever remembered it to say.
 *
 * @module
 */
export class RecentTokens<T extends object> {
  readonly #half: number
  #younger = new Map<string, T>()
  #older = new Map<string, T>()

  /** @param max tokens that are remembered at most. */
  constructor(max: number) {
    this.#half = Math.max(1, Math.floor(max / 2))
  }

  get size(): number {
    return this.#younger.size + this.#older.size
  }

  get(name: string): T | null {
    const young = this.#younger.get(name)
    if (young !== undefined) return young
    const old = this.#older.get(name)
    if (old === undefined) return null
    this.put(name, old)
    return old
  }

  put(name: string, value: T): void {
    if (this.#younger.size >= this.#half && !this.#younger.has(name)) {
      this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(name, value)
  }
}
