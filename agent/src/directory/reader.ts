/**
 * Finds API keys in the memory of a directory, from any thread.
 *
 * A change that the writer has made counts for the very next look-up here: nothing is remembered without asking
 * whether it still holds, and a memory that was given up says so itself. The whole hash is compared.
 *
 * Whatever cannot be read as an admission is none: an unknown state counts as revoked, an address range that does not
 * parse contains no address, a key whose consumer is unknown does not exist.
 *
 * @module
 */
import {
  type AddressRange,
  apiKeyRecord,
  type ApiKeyRecord,
  type CompiledLimit,
  parseAddressRanges,
} from '@headgate/core'
import {
  consumerAt,
  type DirectoryMemory,
  HASH_WORDS,
  hashWord,
  KEY,
  keyExpiresAtMs,
  keyId,
  keyLast4,
  KNOWN,
  listAt,
  type StoredConsumer,
  STATE_ACTIVE,
  STATE_DISABLED,
  SUPERSEDED,
  wordAt,
} from './memory.ts'

/** What the request path needs of a directory. */
export interface DirectoryReader {
  /** False until a whole directory has arrived: nobody can be told from a stranger before. */
  readonly known: boolean
  /**
   * The same object for the same key, as long as neither the key nor its consumer has changed; mostly nothing is made.
   *
   * @param sha256 of the key's text, one character for each of its 32 bytes (`latin1`).
   */
  findApiKey(sha256: string): ApiKeyRecord | null
}

/** Records that one thread remembers in ready form; a power of two. About 250 bytes each. */
const REMEMBERED = 32_768
/** Consumers and lists that one thread remembers. */
const PARTS_MAX = 16_384

const NOTHING: readonly string[] = Object.freeze([])
const NO_LIMITS: readonly CompiledLimit[] = Object.freeze([])
const NO_RANGES: readonly AddressRange[] = Object.freeze([])

/** @param newest the memory that took the place of one that was given up. */
export function createDirectoryReader(newest: () => DirectoryMemory): DirectoryReader {
  return new Reader(newest)
}

class Reader implements DirectoryReader {
  readonly #newest: () => DirectoryMemory
  #memory: DirectoryMemory
  // What was found last, by slot: where the key was, its cell, where the consumer was, and what that makes together.
  #places = new Int32Array(0)
  #cells = new Int32Array(0)
  #consumerPlaces = new Int32Array(0)
  #records: (ApiKeyRecord | null)[] = []
  #consumers = new Map<number, StoredConsumer>()
  #scopes = new Map<number, readonly string[]>()
  #addresses = new Map<number, readonly AddressRange[]>()

  constructor(newest: () => DirectoryMemory) {
    this.#newest = newest
    this.#memory = newest()
    this.#forget()
  }

  get known(): boolean {
    return Atomics.load(this.#current().control, KNOWN) !== 0
  }

  findApiKey(sha256: string): ApiKeyRecord | null {
    const memory = this.#current()
    if (sha256.length !== HASH_WORDS * 4) return null
    const { slots, heap } = memory
    const mask = memory.handle.slotCount - 1
    const tag = hashWord(sha256, 1)
    // Ends, because at most half of the slots were ever used.
    for (let slot = hashWord(sha256, 0) & mask; ; slot = (slot + 1) & mask) {
      const place = Atomics.load(slots, slot * 2 + 1)
      if (place === 0) return null
      if (place > 0 && slots[slot * 2] === tag && isSameHash(heap, place, sha256)) return this.#record(slot, place)
    }
  }

  #current(): DirectoryMemory {
    if (Atomics.load(this.#memory.control, SUPERSEDED) !== 0) {
      this.#memory = this.#newest()
      this.#forget()
    }
    return this.#memory
  }

  #forget(): void {
    const count = Math.min(REMEMBERED, this.#memory.handle.slotCount)
    this.#places = new Int32Array(count)
    this.#cells = new Int32Array(count)
    this.#consumerPlaces = new Int32Array(count)
    this.#records = Array.from({ length: count }, () => null)
    this.#consumers.clear()
    this.#scopes.clear()
    this.#addresses.clear()
  }

  #record(slot: number, place: number): ApiKeyRecord | null {
    const { cells, heap } = this.#memory
    const at = slot & (this.#places.length - 1)
    if (this.#places[at] === place) {
      const consumerPlace = Atomics.load(cells, wordAt(this.#cells, at))
      if (this.#consumerPlaces[at] === consumerPlace) return this.#records[at] ?? null
    }
    const cell = wordAt(heap, place + KEY.cell)
    const consumerPlace = Atomics.load(cells, cell)
    const record = this.#read(place, this.#consumer(consumerPlace))
    this.#places[at] = place
    this.#cells[at] = cell
    this.#consumerPlaces[at] = consumerPlace
    this.#records[at] = record
    return record
  }

  #read(place: number, consumer: StoredConsumer): ApiKeyRecord | null {
    if (!consumer.exists) return null
    const memory = this.#memory
    const { heap } = memory
    return apiKeyRecord({
      id: keyId(memory, place),
      consumerId: consumer.id,
      consumer: consumer.name,
      consumerDisabled: consumer.disabled,
      state: stateOf(wordAt(heap, place + KEY.state)),
      // Beyond 2^53 ms a number is not exact, but that is 285,000 years away.
      expiresAtMs: Number(keyExpiresAtMs(memory, place)),
      scopes: this.#scopesAt(wordAt(heap, place + KEY.scopes)),
      roles: NOTHING,
      limits: NO_LIMITS,
      addresses: this.#addressesAt(wordAt(heap, place + KEY.addresses)),
      last4: keyLast4(memory, place),
    })
  }

  #consumer(place: number): StoredConsumer {
    return remembered(this.#consumers, place, () => consumerAt(this.#memory, place))
  }

  #scopesAt(place: number): readonly string[] {
    if (place === 0) return NOTHING
    return remembered(this.#scopes, place, () => Object.freeze(listAt(this.#memory, place)))
  }

  #addressesAt(place: number): readonly AddressRange[] {
    if (place === 0) return NO_RANGES
    return remembered(this.#addresses, place, () => parseAddressRanges(listAt(this.#memory, place)))
  }
}

function remembered<T>(known: Map<number, T>, place: number, read: () => T): T {
  const found = known.get(place)
  if (found !== undefined) return found
  if (known.size >= PARTS_MAX) known.clear()
  const value = read()
  known.set(place, value)
  return value
}

function isSameHash(heap: Int32Array, place: number, sha256: string): boolean {
  for (let index = 0; index < HASH_WORDS; index++) {
    if (heap[place + index] !== hashWord(sha256, index)) return false
  }
  return true
}

function stateOf(state: number): ApiKeyRecord['state'] {
  if (state === STATE_ACTIVE) return 'active'
  // Everything that is neither, unknown numbers of a newer control plane included, ends a key.
  return state === STATE_DISABLED ? 'disabled' : 'revoked'
}
