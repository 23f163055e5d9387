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
import { apiKeyRecord, type ApiKeyRecord, type Bans, type ConsumerRecord, type CredentialRecord } from '@headgate/core'
import { BanReader } from './bans.ts'
import { consumerAt, keyId, keyLast4, numberAt, stateAt, type StoredConsumer } from './entries.ts'
import { type Grant, readGrant } from './grant.ts'
import {
  DECOY,
  type DirectoryMemory,
  HASH_WORDS,
  hashWord,
  KEY,
  KIND,
  KNOWN,
  META_KIND,
  nameHash,
  type NamedKind,
  SUPERSEDED,
  wordAt,
} from './memory.ts'
import { readCredential, stateOf } from './records.ts'
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

/** Keys that one thread remembers in ready form; a power of two. About 400 bytes each. */
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
  // Keys that were found last, by slot: where the key was, its cell, where the consumer was, and what that makes.
  #places = new Int32Array(0)
  #cells = new Int32Array(0)
  #consumerPlaces = new Int32Array(0)
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
    this.#places = new Int32Array(count)
    this.#cells = new Int32Array(count)
    this.#consumerPlaces = new Int32Array(count)
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
    const at = slot & (this.#places.length - 1)
    if (this.#places[at] === place) {
      const consumerPlace = Atomics.load(cells, wordAt(this.#cells, at))
      if (this.#consumerPlaces[at] === consumerPlace) return this.#records[at] ?? null
    }
    const cell = wordAt(heap, place + KEY.cell)
    const consumerPlace = Atomics.load(cells, cell)
    const record = this.#readKey(place, consumerPlace, sha256)
    this.#places[at] = place
    this.#cells[at] = cell
    this.#consumerPlaces[at] = consumerPlace
    this.#records[at] = record
    return record
  }

  #readKey(place: number, consumerPlace: number, sha256: string): ApiKeyRecord | null {
    const memory = this.#memory
    const { heap } = memory
    const meta = wordAt(heap, place + KEY.meta)
    const consumer = this.#consumer(consumerPlace)
    if ((meta & META_KIND) !== KIND.key || !consumer.exists) return null
    const grant = this.#grant(place)
    return apiKeyRecord({
      id: keyId(memory, place),
      consumerId: consumer.id,
      consumer: consumer.name,
      consumerDisabled: consumer.disabled,
      state: grant.limits === null ? 'revoked' : stateOf(stateAt(memory, place)),
      expiresAtMs: numberAt(heap, place + KEY.expiresLow),
      scopes: grant.scopes,
      roles: consumer.roles,
      addresses: grant.addresses,
      limits: grant.limits ?? [],
      last4: keyLast4(memory, place),
      decoy: (meta & DECOY) !== 0,
      sha256,
    })
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
    return remembered(this.#consumers, PARTS_MAX, place, () => consumerAt(this.#memory, place))
  }

  /** Of a key or credential. */
  #grant(place: number): Grant {
    const grantPlace = wordAt(this.#memory.heap, place + KEY.grant)
    return remembered(this.#grants, PARTS_MAX, grantPlace, () => readGrant(this.#memory, grantPlace))
  }
}

/** One that is being written for the first time. */
const NOBODY: StoredConsumer = { id: '', name: '', disabled: false, roles: [], exists: false }

/** @returns the slot that leads to the entry of a hash; -1 when none does. */
function findSlot({ slots, heap, handle }: DirectoryMemory, sha256: string): number {
  const mask = handle.slotCount - 1
  const tag = hashWord(sha256, 1)
  // Ends, because some slots were never used.
  for (let slot = hashWord(sha256, 0) & mask; ; slot = (slot + 1) & mask) {
    const place = Atomics.load(slots, slot * 2 + 1)
    if (place === 0) return -1
    if (place > 0 && slots[slot * 2] === tag && isSameHash(heap, place, sha256)) return slot
  }
}

function isSameHash(heap: Int32Array, place: number, sha256: string): boolean {
  for (let index = 0; index < HASH_WORDS; index++) {
    if (heap[place + index] !== hashWord(sha256, index)) return false
  }
  return true
}
