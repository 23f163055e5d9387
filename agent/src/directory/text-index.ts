/**
 * Finds whole numbers by text in a few typed arrays, for the one thread that writes a directory.
 *
 * Holds no text: whoever owns the numbers says what text belongs to one. A `Map` of 100,000 ids takes ten times as much.
 *
 * @module
 */

const GONE = -1

/** Two words an entry: hash of the text, and the number. */
const ENTRY_WORDS = 2
const ENTRIES_MIN = 16

export class TextIndex {
  readonly #textOf: (value: number) => string
  #words = new Int32Array(ENTRIES_MIN * ENTRY_WORDS)
  /** Entries that were ever used. */
  #used = 0
  #size = 0

  /** @param textOf the text under which a number was put. */
  constructor(textOf: (value: number) => string) {
    this.#textOf = textOf
  }

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  /** @returns 0 when there is none. */
  get(text: string): number {
    const at = this.#find(hashOf(text), text)
    return at === -1 ? 0 : this.#valueAt(at)
  }

  /** @param value above 0. */
  set(text: string, value: number): void {
    const hash = hashOf(text)
    const at = this.#find(hash, text)
    if (at === -1) this.#add(hash, value)
    else this.#words[at + 1] = value
  }

  delete(text: string): void {
    const at = this.#find(hashOf(text), text)
    if (at === -1) return
    this.#words[at + 1] = GONE
    this.#size -= 1
  }

  *values(): Generator<number> {
    for (let at = 0; at < this.#words.length; at += ENTRY_WORDS) {
      const value = this.#valueAt(at)
      if (value > 0) yield value
    }
  }

  /** Another index of the same texts, with other numbers. `textOf` belongs to those. */
  map(textOf: (value: number) => string, change: (value: number) => number): TextIndex {
    const other = new TextIndex(textOf)
    for (let at = 0; at < this.#words.length; at += ENTRY_WORDS) {
      const value = this.#valueAt(at)
      if (value <= 0) continue
      const changed = change(value)
      if (changed > 0) other.#add(this.#words[at] ?? 0, changed)
    }
    return other
  }

  #valueAt(at: number): number {
    return this.#words[at + 1] ?? 0
  }

  #find(hash: number, text: string): number {
    const words = this.#words
    for (let at = this.#home(hash); ; at = (at + ENTRY_WORDS) % words.length) {
      const value = this.#valueAt(at)
      if (value === 0) return -1
      if (value > 0 && words[at] === hash && this.#textOf(value) === text) return at
    }
  }

  #add(hash: number, value: number): void {
    if ((this.#used + 1) * ENTRY_WORDS * 2 > this.#words.length) this.#grow()
    let at = this.#home(hash)
    while (this.#valueAt(at) !== 0) at = (at + ENTRY_WORDS) % this.#words.length
    this.#words[at] = hash
    this.#words[at + 1] = value
    this.#used += 1
    this.#size += 1
  }

  #home(hash: number): number {
    return (hash & (this.#words.length / ENTRY_WORDS - 1)) * ENTRY_WORDS
  }

  /** Between a third and two thirds full if all were there: twice as many fit mostly. What is gone stays behind. */
  #grow(): void {
    const before = this.#words
    const entries = 2 ** Math.ceil(Math.log2(Math.max(ENTRIES_MIN, (this.#size + 1) * 3)))
    this.#words = new Int32Array(entries * ENTRY_WORDS)
    this.#used = 0
    this.#size = 0
    for (let at = 0; at < before.length; at += ENTRY_WORDS) {
      const value = before[at + 1] ?? 0
      if (value > 0) this.#add(before[at] ?? 0, value)
    }
  }
}

/** FNV-1a over UTF-16 code units, with a last stir so that the low bits depend on all of them. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash ^ (hash >>> 15)
}
