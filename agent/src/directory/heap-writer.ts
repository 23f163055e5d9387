/**
 * Writes texts, lists and grants behind what is in the heap of a directory. What is the same for many is written once.
 *
 * @module
 */
import type { StoredLimit } from './entries.ts'
import { type DirectoryMemory, GRANT, LIMIT_WORDS, LIST, WORD, wordsOf } from './memory.ts'

/** What a credential may do, as it travels. */
export interface GrantFields {
  readonly scopes: readonly string[]
  readonly addresses: readonly string[]
  readonly limits: readonly StoredLimit[]
}

/** Lists and grants that are remembered, so that others share them. */
const SHARED_MAX = 4_096

export class HeapWriter {
  memory: DirectoryMemory
  /** Where the next thing goes. The first word belongs to nobody. */
  top = 1
  readonly #shared = new Map<string, number>()

  constructor(memory: DirectoryMemory) {
    this.memory = memory
  }

  /** Takes words that are written by the caller. */
  take(words: number): number {
    const place = this.top
    this.top += words
    return place
  }

  copy(from: DirectoryMemory, place: number, words: number): number {
    const to = this.take(words)
    this.memory.heap.set(from.heap.subarray(place, place + words), to)
    return to
  }

  /** @returns its length in bytes. */
  text(text: string, start: number): number {
    return this.memory.bytes.write(text, start, 'utf8')
  }

  /** @param low the first of two words. */
  long(value: bigint, low: number): void {
    const { heap } = this.memory
    heap[low] = Number(BigInt.asIntN(32, value))
    heap[low + 1] = Number(BigInt.asIntN(32, value >> 32n))
  }

  /** @returns where it is; 0 for an empty one. */
  list(texts: readonly string[]): number {
    if (texts.length === 0) return 0
    return this.#once(JSON.stringify(texts), () => {
      const place = this.take(LIST.text)
      this.memory.heap[place + LIST.count] = texts.length
      for (const text of texts) {
        const at = this.take(1)
        const length = this.text(text, (at + 1) * WORD)
        this.memory.heap[at] = length
        this.take(wordsOf(length))
      }
      return place
    })
  }

  /** @returns where it is; 0: nothing stands in it. */
  grant({ scopes, addresses, limits }: GrantFields): number {
    if (scopes.length === 0 && addresses.length === 0 && limits.length === 0) return 0
    return this.grantOf(this.list(scopes), this.list(addresses), this.#limits(limits))
  }

  /** @returns one with these lists. */
  grantOf(scopes: number, addresses: number, limits: number): number {
    return this.#once(`${scopes} ${addresses} ${limits}`, () => {
      const place = this.take(GRANT.end)
      const { heap } = this.memory
      heap[place + GRANT.scopes] = scopes
      heap[place + GRANT.addresses] = addresses
      heap[place + GRANT.limits] = limits
      return place
    })
  }

  #limits(limits: readonly StoredLimit[]): number {
    if (limits.length === 0) return 0
    const name = limits.map(({ requests, windowMs, burst }) => `${requests}/${windowMs}/${burst}`).join()
    return this.#once(name, () => {
      const place = this.take(1 + limits.length * LIMIT_WORDS)
      this.memory.heap[place] = limits.length
      for (const [index, { requests, windowMs, burst }] of limits.entries()) {
        const at = place + 1 + index * LIMIT_WORDS
        this.long(requests, at)
        this.long(windowMs, at + 2)
        this.long(burst, at + 4)
      }
      return place
    })
  }

  /** @param name no list of texts, grant or list of limits is named like another. */
  #once(name: string, write: () => number): number {
    const known = this.#shared.get(name)
    if (known !== undefined) return known
    const place = write()
    if (this.#shared.size >= SHARED_MAX) this.#shared.clear()
    this.#shared.set(name, place)
    return place
  }
}

/** Most words that a grant takes, with lists that are new. */
export function grantRoom({ scopes, addresses, limits }: GrantFields): number {
  const own = listRoom(scopes) + listRoom(addresses) + (limits.length === 0 ? 0 : 1 + limits.length * LIMIT_WORDS)
  return own === 0 ? 0 : own + GRANT.end
}

/** Most words that a list takes. */
export function listRoom(texts: readonly string[]): number {
  let words = texts.length === 0 ? 0 : LIST.text
  for (const text of texts) words += 1 + wordsOf(Buffer.byteLength(text))
  return words
}
