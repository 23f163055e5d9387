/**
 * Finds API keys, consumers and credentials in the memory of a directory, from any thread.
 *
 * A change that the writer has made counts for the very next look-up here: nothing is remembered without asking
 * whether it still holds, and a memory that was given up says so itself. The whole hash is compared, and of what is
 * found by name the whole name.
 *
 * Whatever cannot be read as an admission is none: an unknown state counts as revoked, an address range that does not
 * parse contains no address, a limit of nothing revokes its key, what has an unknown consumer does not exist.
 *
 * @module
 */
import type { ApiKeyRecord, Bans, ConsumerRecord, CredentialRecord } from '@headgate/core'
import { BanReader } from './bans.ts'
import { consumerAt, type StoredConsumer } from './entries.ts'
import { type Grant, readGrant } from './grant.ts'
import { KeyRecord } from './key-record.ts'
import {
  type DirectoryMemory,
  HASH_WORDS,
  KEY,
  KIND,
  KNOWN,
  META_KIND,
  nameHash,
  type NamedKind,
  SUPERSEDED,
  wordAt,
} from './memory.ts'
import { readCredential } from './records.ts'
import { remembered } from './remembered.ts'

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
  /** The same object as long as the consumer has not changed. */
  findConsumer(name: string): ConsumerRecord | null
  /**
   * The same object as long as neither the credential nor its consumer has changed.
   *
   * @param name of a certificate: kind and name, such as `uri:spiffe://acme/ci`; of a signing key: its `keyid`.
   */
  findCredential(kind: 'certificate' | 'signing_key', name: string): CredentialRecord | null
  /** Null: nobody is shut out. The same object as long as that has not changed. */
  bans(): Bans | null
}

/** Keys that one thread remembers in ready form; a power of two. About 500 bytes each, once they were let in. */
const REMEMBERED = 4_096
/** Consumers, grants and names that one thread remembers. */
const PARTS_MAX = 4_096

/**
 * @param newest the memory that took the place of one that was given up.
 * @param bans where bans are; default: where the handle of the memory says.
 */
export function createDirectoryReader(newest: () => DirectoryMemory, bans?: SharedArrayBuffer): DirectoryReader {
  return new Reader(newest, bans)
}

/** What was found by a name, and what has to be as it was. */
interface Named {
  readonly slot: number
  readonly place: number
  readonly cell: number
  readonly consumerPlace: number
  readonly consumer: StoredConsumer
  /** Null: the name is a consumer's. */
  readonly credential: CredentialRecord | null
}

class Reader implements DirectoryReader {
  readonly #newest: () => DirectoryMemory
  #memory: DirectoryMemory
  readonly #banBlock: SharedArrayBuffer | undefined
  #bans: BanReader | null = null
  // Keys that were found last, by slot: where the key was and where its consumer was, and what that makes.
  #places = new Int32Array(0)
  #records: (ApiKeyRecord | null)[] = []
  readonly #consumers = new Map<number, StoredConsumer>()
  readonly #grants = new Map<number, Grant>()
  readonly #named: Readonly<Record<NamedKind, Map<string, Named>>> = {
    consumer: new Map(),
    certificate: new Map(),
    signing_key: new Map(),
  }

  constructor(newest: () => DirectoryMemory, bans?: SharedArrayBuffer) {
    this.#newest = newest
    this.#banBlock = bans
    this.#memory = newest()
    this.#forget()
    this.#readBans()
  }

  get known(): boolean {
    return Atomics.load(this.#current().control, KNOWN) !== 0
  }

  findApiKey(sha256: string): ApiKeyRecord | null {
    const memory = this.#current()
    if (sha256.length !== HASH_WORDS * 4) return null
    const slot = findSlot(memory, sha256)
    return slot === -1 ? null : this.#key(slot, sha256)
  }

  findConsumer(name: string): ConsumerRecord | null {
    return this.#find('consumer', name)?.consumer ?? null
  }

  findCredential(kind: 'certificate' | 'signing_key', name: string): CredentialRecord | null {
    return this.#find(kind, name)?.credential ?? null
  }

  bans(): Bans | null {
    this.#current()
    return this.#bans === null ? null : this.#bans.current()
  }

  /** They stay where they are while memories come and go. */
  #readBans(): void {
    const block = this.#banBlock ?? this.#memory.handle.bans
    if (this.#bans === null && block !== undefined) this.#bans = new BanReader(block)
  }

  #current(): DirectoryMemory {
    if (Atomics.load(this.#memory.control, SUPERSEDED) !== 0) {
      this.#memory = this.#newest()
      this.#forget()
      this.#readBans()
    }
    return this.#memory
  }

  #forget(): void {
    const count = Math.min(REMEMBERED, this.#memory.handle.slotCount)
    this.#places = new Int32Array(count * 2)
    this.#records = Array.from({ length: count }, () => null)
    this.#consumers.clear()
    this.#grants.clear()
    for (const names of Object.values(this.#named)) names.clear()
  }

  #key(slot: number, sha256: string): ApiKeyRecord | null {
    const { slots, cells, heap } = this.#memory
    const place = Atomics.load(slots, slot * 2 + 1)
    // Given up since it was found.
    if (place <= 0) return null
    const consumerPlace = Atomics.load(cells, wordAt(heap, place + KEY.cell))
    const at = slot & (this.#records.length - 1)
    const places = this.#places
    if (places[at * 2] === place && places[at * 2 + 1] === consumerPlace) return this.#records[at] ?? null
    const consumer = this.#consumer(consumerPlace)
    const isKey = (wordAt(heap, place + KEY.meta) & META_KIND) === KIND.key && consumer.exists
    const record = isKey ? new KeyRecord(this.#memory, place, consumer, this.#grant(place), sha256) : null
    places[at * 2] = place
    places[at * 2 + 1] = consumerPlace
    this.#records[at] = record
    return record
  }

  #find(kind: NamedKind, name: string): Named | null {
    const { slots, cells } = this.#current()
    const names = this.#named[kind]
    const known = names.get(name)
    if (known !== undefined) {
      const { slot, place, cell, consumerPlace } = known
      const isSame = Atomics.load(slots, slot * 2 + 1) === place && Atomics.load(cells, cell) === consumerPlace
      if (isSame) return known
      names.delete(name)
    }
    const found = this.#readNamed(kind, name)
    if (found !== null) {
      if (names.size >= PARTS_MAX) names.clear()
      names.set(name, found)
    }
    return found
  }

  #readNamed(kind: NamedKind, name: string): Named | null {
    const memory = this.#memory
    const slot = findSlot(memory, nameHash(kind, name))
    const place = slot === -1 ? 0 : Atomics.load(memory.slots, slot * 2 + 1)
    if (place <= 0) return null
    const cell = wordAt(memory.heap, place + KEY.cell)
    const consumerPlace = Atomics.load(memory.cells, cell)
    const consumer = this.#consumer(consumerPlace)
    if (!consumer.exists) return null
    const base = { slot, place, cell, consumerPlace, consumer }
    // A name leads to its consumer as that is now, which may be called otherwise.
    if (kind === 'consumer') return consumer.name === name ? { ...base, credential: null } : null
    const credential = readCredential(memory, place, consumer, this.#grant(place))
    return credential === null || credential.hint !== name ? null : { ...base, credential }
  }

  #consumer(place: number): StoredConsumer {
    if (place === 0) return NOBODY
    return this.#consumers.get(place) ?? this.#readConsumer(place)
  }

  #readConsumer(place: number): StoredConsumer {
    return remembered(this.#consumers, PARTS_MAX, place, () => consumerAt(this.#memory, place))
  }

  /** Of a key or credential. */
  #grant(place: number): Grant {
    const grantPlace = wordAt(this.#memory.heap, place + KEY.grant)
    return this.#grants.get(grantPlace) ?? this.#readGrant(grantPlace)
  }

  #readGrant(place: number): Grant {
    return remembered(this.#grants, PARTS_MAX, place, () => readGrant(this.#memory, place))
  }
}

/** One that is being written for the first time. */
const NOBODY: StoredConsumer = { id: '', name: '', disabled: false, roles: [], exists: false }

// The hash that is looked for, in words as they lie in the heap: quicker written once than read out of a text each time.
const sought = new Int32Array(HASH_WORDS)
const soughtBytes = Buffer.from(sought.buffer)

/** @returns the slot that leads to the entry of a hash; -1 when none does. */
function findSlot({ slots, heap, handle }: DirectoryMemory, sha256: string): number {
  soughtBytes.write(sha256, 'latin1')
  const mask = handle.slotCount - 1
  const tag = wordAt(sought, 1)
  // Ends, because some slots were never used.
  for (let slot = wordAt(sought, 0) & mask; ; slot = (slot + 1) & mask) {
    const place = Atomics.load(slots, slot * 2 + 1)
    if (place === 0) return -1
    if (place > 0 && slots[slot * 2] === tag && isSought(heap, place)) return slot
  }
}

function isSought(heap: Int32Array, place: number): boolean {
  for (let index = 0; index < HASH_WORDS; index++) if (heap[place + index] !== sought[index]) return false
  return true
}
