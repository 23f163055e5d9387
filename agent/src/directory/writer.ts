/**
 * Puts consumers, keys and credentials into the memory of a directory: the writer's half of memory.ts.
 *
 * Every change ends with one word that is stored with `Atomics`: from then on every thread finds the new one. A writer
 * never waits for readers. It only takes what there is room for; who calls it asks `hasRoom` before.
 *
 * @module
 */
import { isCompactId, writeCompactId } from './compact-id.ts'
import {
  consumerId,
  consumerWords,
  credentialId,
  credentialWords,
  keyId,
  keyWords,
  limitsWords,
  listWords,
} from './entries.ts'
import { type GrantFields, grantRoom, HeapWriter, listRoom } from './heap-writer.ts'
import {
  CONSUMER,
  createMemory,
  CREDENTIAL,
  DECOY,
  DISABLED,
  type DirectoryMemory,
  ED25519,
  EXISTS,
  GONE,
  GRANT,
  HASH_WORDS,
  hashWord,
  hasSlots,
  HMAC,
  KEY,
  KIND,
  META_STATE,
  nameHash,
  type Room,
  TEXTS,
  WORD,
  wordAt,
  wordsOf,
} from './memory.ts'
import { TextIndex } from './text-index.ts'

/** What is stored of a consumer. */
export interface ConsumerFields {
  readonly id: string
  readonly name: string
  readonly disabled: boolean
  readonly roles: readonly string[]
}

/** What is stored of keys and credentials alike. */
interface ProvingFields {
  readonly id: string
  readonly consumerId: string
  readonly state: number
  readonly expiresAtMs: bigint
}

/** What is stored of an API key. */
export interface KeyFields extends ProvingFields, GrantFields {
  readonly sha256: Uint8Array
  readonly last4: string
  readonly decoy: boolean
}

/** What is stored of a credential that has a name. */
export interface CredentialFields extends ProvingFields, GrantFields {
  /** Null: of a kind that is not known here, so that nobody finds it. */
  readonly kind: 'certificate' | 'signing_key' | null
  readonly name: string
  /** How the key signs; null: it has none. */
  readonly algorithm: 'ed25519' | 'hmac-sha256' | null
  readonly key: string
}

/** Bytes of SHA-256. A key with another length can never be presented. */
const HASH_BYTES = HASH_WORDS * WORD
/** Characters of the last four that have the usual form. */
const LAST4 = /^[\0-\x7f]{4}$/

export class DirectoryWriter {
  readonly #heap: HeapWriter
  /** Slots that were ever used. */
  #slotsUsed = 0
  /** The first cell belongs to nobody: it leads nowhere. */
  #cellTop = 1
  #consumerCount = 0
  #keys: TextIndex
  #credentials: TextIndex
  #consumers: TextIndex

  constructor(room: Room) {
    this.#heap = new HeapWriter(createMemory({ ...room, consumers: room.consumers + 1 }))
    this.#keys = new TextIndex((place) => keyId(this.memory, place))
    this.#credentials = new TextIndex((place) => credentialId(this.memory, place))
    this.#consumers = new TextIndex((cell) => consumerId(this.memory, wordAt(this.memory.cells, cell)))
  }

  get memory(): DirectoryMemory {
    return this.#heap.memory
  }

  get consumerCount(): number {
    return this.#consumerCount
  }

  get keyCount(): number {
    return this.#keys.size
  }

  /** Bytes of the heap that were never written. */
  get bytesFree(): number {
    return (this.memory.heap.length - this.#heap.top) * WORD
  }

  /** What this thread has beside the memory. */
  get indexBytes(): number {
    return this.#keys.bytes + this.#credentials.bytes + this.#consumers.bytes
  }

  /** Places of all consumers, those included that are only named or were deleted. */
  consumerPlaces(): number[] {
    return Array.from(this.#consumers.values(), (cell) => wordAt(this.memory.cells, cell))
  }

  keyPlaces(): Iterable<number> {
    return this.#keys.values()
  }

  credentialPlaces(): Iterable<number> {
    return this.#credentials.values()
  }

  /** The consumer of a key or credential. */
  consumerOf(place: number): number {
    const { cells, heap } = this.memory
    return wordAt(cells, wordAt(heap, place + KEY.cell))
  }

  hasRoom({ entries, consumers, heapWords }: Room): boolean {
    const { heap, handle } = this.memory
    return (
      this.#heap.top + heapWords <= heap.length &&
      this.#cellTop + consumers <= handle.cellCount &&
      hasSlots(handle, this.#slotsUsed + entries)
    )
  }

  /** What a copy needs. */
  live(): Room {
    const { memory } = this
    const { heap } = memory
    const shared = new Map<number, number>([[0, 0]])
    const share = (place: number, words: () => number): void => {
      if (!shared.has(place)) shared.set(place, words())
    }
    const grant = (place: number): void => {
      if (shared.has(place)) return
      shared.set(place, GRANT.end)
      for (const field of [GRANT.scopes, GRANT.addresses]) {
        const list = wordAt(heap, place + field)
        share(list, () => listWords(memory, list))
      }
      const limits = wordAt(heap, place + GRANT.limits)
      share(limits, () => limitsWords(memory, limits))
    }
    let heapWords = 1
    for (const place of this.#keys.values()) {
      heapWords += keyWords(memory, place)
      grant(wordAt(heap, place + KEY.grant))
    }
    for (const place of this.#credentials.values()) {
      heapWords += credentialWords(memory, place)
      grant(wordAt(heap, place + CREDENTIAL.grant))
    }
    for (const place of this.consumerPlaces()) {
      heapWords += consumerWords(memory, place)
      const roles = wordAt(heap, place + CONSUMER.roles)
      share(roles, () => listWords(memory, roles))
    }
    for (const words of shared.values()) heapWords += words
    const consumers = this.#consumers.size
    return { entries: this.keyCount + this.#credentials.size + consumers, consumers, heapWords }
  }

  putConsumer({ id, name, disabled, roles }: ConsumerFields): void {
    const { cells } = this.memory
    const known = this.#consumers.get(id)
    const cell = known === 0 ? this.#cellTop++ : known
    const before = wordAt(cells, cell)
    if (known === 0 || !this.#exists(cell)) this.#consumerCount += 1
    const place = this.#writeConsumer(cell, { id, name, disabled, roles }, true)
    // A name leads to the cell, which still leads to what was there before.
    if (name !== '') {
      const slot = this.#slotFor(place)
      if (!this.#leadsTo(slot, cell)) this.#point(slot, place)
    }
    Atomics.store(cells, cell, place)
    if (known === 0) this.#consumers.set(id, cell)
    else if (!isSameHash(this.memory.heap, before, place)) this.#unlinkName(before, cell)
  }

  dropConsumer(id: string): void {
    const cell = this.#consumers.get(id)
    if (cell === 0 || !this.#exists(cell)) return
    const before = wordAt(this.memory.cells, cell)
    const gone = { id, name: '', disabled: false, roles: [] }
    Atomics.store(this.memory.cells, cell, this.#writeConsumer(cell, gone, false))
    this.#unlinkName(before, cell)
    this.#consumerCount -= 1
  }

  putKey(key: KeyFields): void {
    const place = this.#writeKey(key)
    this.#replace(this.#keys, key.id, place, key.sha256.length === HASH_BYTES)
  }

  dropKey(id: string): void {
    this.#drop(this.#keys, id)
  }

  putCredential(credential: CredentialFields): void {
    const place = this.#writeCredential(credential)
    this.#replace(this.#credentials, credential.id, place, isFound(credential))
  }

  dropCredential(id: string): void {
    this.#drop(this.#credentials, id)
  }

  /** Makes room for so many more by moving to a larger memory. Only before readers have the present one. */
  grow({ consumers, heapWords }: Omit<Room, 'entries'>): void {
    const { handle, slots, cells, heap } = this.memory
    const { slotCount, cellCount } = handle
    // As many slots as there are: half as many entries need them.
    const entries = slotCount / 2
    const larger = createMemory({ entries, consumers: cellCount + consumers, heapWords: heap.length + heapWords })
    larger.slots.set(slots)
    larger.cells.set(cells)
    larger.heap.set(heap.subarray(0, this.#heap.top))
    this.#heap.memory = larger
  }

  /** A writer with the same content and this room; what is not used any more stays behind. */
  copy(room: Room): DirectoryWriter {
    const other = new DirectoryWriter(room)
    const { memory: from } = this
    const { memory: to } = other
    const cells = this.#copyConsumers(other)
    const shared = new Map<number, number>([[0, 0]])
    const share = (place: number, words: (memory: DirectoryMemory, place: number) => number): number => {
      let copied = shared.get(place)
      if (copied === undefined) shared.set(place, (copied = other.#heap.copy(from, place, words(from, place))))
      return copied
    }
    const grants = new Map<number, number>([[0, 0]])
    const grantOf = (place: number): number => {
      let copied = grants.get(place)
      if (copied === undefined) {
        const list = (field: number): number => share(wordAt(from.heap, place + field), listWords)
        const limits = share(wordAt(from.heap, place + GRANT.limits), limitsWords)
        grants.set(place, (copied = other.#heap.grantOf(list(GRANT.scopes), list(GRANT.addresses), limits)))
      }
      return copied
    }
    const copyTo = (place: number, words: number): number => {
      const copied = other.#heap.copy(from, place, words)
      to.heap[copied + KEY.grant] = grantOf(wordAt(from.heap, place + KEY.grant))
      to.heap[copied + KEY.cell] = wordAt(cells, wordAt(from.heap, place + KEY.cell))
      // One that lost its slot to another with the same hash does not get it back.
      if (this.#slotOf(place) !== -1) to.slots[other.#slotFor(copied) * 2 + 1] = copied
      return copied
    }
    other.#keys = this.#keys.map(
      (place) => keyId(other.memory, place),
      (place) => copyTo(place, keyWords(from, place)),
    )
    other.#credentials = this.#credentials.map(
      (place) => credentialId(other.memory, place),
      (place) => copyTo(place, credentialWords(from, place)),
    )
    return other
  }

  /** @returns the cell of each consumer there, by its cell here. */
  #copyConsumers(other: DirectoryWriter): Int32Array {
    const { memory: from } = this
    const { memory: to } = other
    const named = new Uint8Array(from.handle.cellCount)
    for (const index of [this.#keys, this.#credentials]) {
      for (const place of index.values()) named[wordAt(from.heap, place + KEY.cell)] = 1
    }
    const cells = new Int32Array(from.handle.cellCount)
    other.#consumers = this.#consumers.map(
      (cell) => consumerId(other.memory, wordAt(other.memory.cells, cell)),
      (cell) => {
        if (named[cell] === 0 && !this.#exists(cell)) return 0
        const place = wordAt(from.cells, cell)
        const next = other.#cellTop++
        cells[cell] = next
        const copied = other.#heap.copy(from, place, consumerWords(from, place))
        to.heap[copied + CONSUMER.cell] = next
        const roles = wordAt(from.heap, place + CONSUMER.roles)
        if (roles !== 0) to.heap[copied + CONSUMER.roles] = other.#heap.copy(from, roles, listWords(from, roles))
        to.cells[next] = copied
        if (this.#leadsTo(this.#find(place), cell)) to.slots[other.#slotFor(copied) * 2 + 1] = copied
        return next
      },
    )
    other.#consumerCount = this.#consumerCount
    return cells
  }

  /** Puts an entry in the place of the one with the same id. */
  #replace(index: TextIndex, id: string, place: number, found: boolean): void {
    const before = index.get(id)
    const oldSlot = before === 0 ? -1 : this.#slotOf(before)
    const slot = found ? this.#slotFor(place) : -1
    if (slot !== -1) this.#point(slot, place)
    if (oldSlot !== -1 && oldSlot !== slot) this.#point(oldSlot, GONE)
    index.set(id, place)
  }

  #drop(index: TextIndex, id: string): void {
    const place = index.get(id)
    if (place === 0) return
    const slot = this.#slotOf(place)
    if (slot !== -1) this.#point(slot, GONE)
    index.delete(id)
  }

  #exists(cell: number): boolean {
    const { cells, heap } = this.memory
    return (wordAt(heap, wordAt(cells, cell) + CONSUMER.meta) & EXISTS) !== 0
  }

  /** From now on the slot leads there, for everybody. */
  #point(slot: number, place: number): void {
    Atomics.store(this.memory.slots, slot * 2 + 1, place)
  }

  /** Forgets the name that a consumer had, unless it is another's by now. */
  #unlinkName(before: number, cell: number): void {
    const slot = this.#find(before)
    if (this.#leadsTo(slot, cell)) this.#point(slot, GONE)
  }

  /** Whether a slot leads to a consumer. */
  #leadsTo(slot: number, cell: number): boolean {
    const { slots, heap } = this.memory
    const place = slot === -1 ? 0 : wordAt(slots, slot * 2 + 1)
    return place > 0 && wordAt(heap, place + CONSUMER.cell) === cell
  }

  /** The slot that leads to an entry; -1 when none does, or when it leads to another one with the same hash. */
  #slotOf(place: number): number {
    const slot = this.#find(place)
    return slot !== -1 && wordAt(this.memory.slots, slot * 2 + 1) === place ? slot : -1
  }

  /** The slot of an entry's hash that leads anywhere; -1 when there is none. */
  #find(place: number): number {
    const { slots, heap, handle } = this.memory
    const mask = handle.slotCount - 1
    for (let slot = wordAt(heap, place) & mask; ; slot = (slot + 1) & mask) {
      const found = wordAt(slots, slot * 2 + 1)
      if (found === 0) return -1
      if (found > 0 && slots[slot * 2] === heap[place + 1] && isSameHash(heap, found, place)) return slot
    }
  }

  /** The slot of an entry's hash; a new one when it has none. */
  #slotFor(place: number): number {
    const { slots, heap, handle } = this.memory
    const mask = handle.slotCount - 1
    for (let slot = wordAt(heap, place) & mask; ; slot = (slot + 1) & mask) {
      const found = wordAt(slots, slot * 2 + 1)
      if (found === 0) {
        slots[slot * 2] = wordAt(heap, place + 1)
        this.#slotsUsed += 1
        return slot
      }
      if (found > 0 && slots[slot * 2] === heap[place + 1] && isSameHash(heap, found, place)) return slot
    }
  }

  /** The cell of a consumer; a new one when nobody has named it before. */
  #cellOf(id: string): number {
    const known = this.#consumers.get(id)
    if (known !== 0) return known
    const cell = this.#cellTop++
    const place = this.#writeConsumer(cell, { id, name: '', disabled: false, roles: [] }, false)
    Atomics.store(this.memory.cells, cell, place)
    this.#consumers.set(id, cell)
    return cell
  }

  #writeConsumer(cell: number, { id, name, disabled, roles }: ConsumerFields, exists: boolean): number {
    const list = this.#heap.list(roles)
    const place = this.#heap.take(0)
    const { heap } = this.memory
    this.#writeHash(place, name === '' ? null : nameHash('consumer', name))
    heap[place + CONSUMER.meta] = KIND.consumer | (exists ? EXISTS : 0) | (disabled ? DISABLED : 0)
    heap[place + CONSUMER.cell] = cell
    heap[place + CONSUMER.roles] = list
    const start = (place + CONSUMER.text) * WORD
    const idBytes = this.#heap.text(id, start)
    heap[place + CONSUMER.idBytes] = idBytes
    heap[place + CONSUMER.nameBytes] = this.#heap.text(name, start + idBytes)
    return this.#heap.take(consumerWords(this.memory, place))
  }

  #writeKey(key: KeyFields): number {
    const { id, sha256, last4, decoy } = key
    const isWhole = sha256.length === HASH_BYTES
    const isCompact = isWhole && isCompactId(id) && LAST4.test(last4)
    const place = this.#writeProving(key, KIND.key | (decoy ? DECOY : 0) | (isCompact ? 0 : TEXTS))
    const { heap, bytes } = this.memory
    for (let index = 0; index < HASH_WORDS; index++) heap[place + index] = isWhole ? hashWordOf(sha256, index) : 0
    if (isCompact) {
      writeCompactId(heap, place + KEY.id, id)
      bytes.write(last4, (place + KEY.last4) * WORD, 'latin1')
    } else {
      const start = (place + KEY.text) * WORD
      const idBytes = this.#heap.text(id, start)
      const last4Bytes = this.#heap.text(last4, start + idBytes)
      heap[place + KEY.id] = idBytes
      heap[place + KEY.id + 1] = last4Bytes
      // A byte in front says that there is one, so that an empty hash is told from a whole one.
      heap[place + KEY.id + 2] = isWhole ? 0 : sha256.length + 1
      if (!isWhole) bytes.set(sha256, start + idBytes + last4Bytes + 1)
    }
    return this.#heap.take(keyWords(this.memory, place))
  }

  #writeCredential(credential: CredentialFields): number {
    const { id, kind, name, algorithm, key } = credential
    const what = kind === null ? KIND.unknown : kind === 'certificate' ? KIND.certificate : KIND.signingKey
    const how = algorithm === null ? 0 : algorithm === 'ed25519' ? ED25519 : HMAC
    const place = this.#writeProving(credential, what | how)
    const { heap } = this.memory
    this.#writeHash(place, kind === null || !isFound(credential) ? null : nameHash(kind, name))
    let at = (place + CREDENTIAL.text) * WORD
    for (const [field, text] of [
      [CREDENTIAL.idBytes, id],
      [CREDENTIAL.nameBytes, name],
      [CREDENTIAL.keyBytes, key],
    ] as const) {
      const length = this.#heap.text(text, at)
      heap[place + field] = length
      at += length
    }
    return this.#heap.take(credentialWords(this.memory, place))
  }

  /** Writes what keys and credentials have in common, where the next entry goes. */
  #writeProving(fields: ProvingFields & GrantFields, meta: number): number {
    const cell = this.#cellOf(fields.consumerId)
    const grant = this.#heap.grant(fields)
    const place = this.#heap.take(0)
    const { heap } = this.memory
    // A number that does not fit is of nothing that is known here, and counts like one that was not set.
    heap[place + KEY.meta] = meta | ((fields.state & META_STATE) === fields.state ? fields.state : 0)
    heap[place + KEY.cell] = cell
    heap[place + KEY.grant] = grant
    this.#heap.long(fields.expiresAtMs, place + KEY.expiresLow)
    return place
  }

  /** @param sha256 null: nobody finds it. */
  #writeHash(place: number, sha256: string | null): void {
    const { heap } = this.memory
    for (let index = 0; index < HASH_WORDS; index++) heap[place + index] = sha256 === null ? 0 : hashWord(sha256, index)
  }
}

const isFound = ({ kind, name }: CredentialFields): boolean => kind !== null && name !== ''

/** Most words that a consumer takes. */
export function consumerRoom({ id, name, roles }: Omit<ConsumerFields, 'disabled'>): number {
  return CONSUMER.text + wordsOf(Buffer.byteLength(id) + Buffer.byteLength(name)) + listRoom(roles)
}

/** Most words that a key takes, with lists that are new and a consumer that nobody has named before. */
export function keyRoom(key: KeyFields): number {
  const { id, sha256, last4 } = key
  const bytes = Buffer.byteLength(id) + Buffer.byteLength(last4) + sha256.length + 1
  return KEY.text + wordsOf(bytes) + grantRoom(key) + namedRoom(key)
}

/** The same of a credential. */
export function credentialRoom(credential: CredentialFields): number {
  const { id, name, key } = credential
  const bytes = Buffer.byteLength(id) + Buffer.byteLength(name) + Buffer.byteLength(key)
  return CREDENTIAL.text + wordsOf(bytes) + grantRoom(credential) + namedRoom(credential)
}

const namedRoom = ({ consumerId: id }: ProvingFields): number => consumerRoom({ id, name: '', roles: [] })

/** As `hashWord` reads it out of a text. */
function hashWordOf(sha256: Uint8Array, index: number): number {
  const at = index * WORD
  const byte = (offset: number): number => sha256[at + offset] ?? 0
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)
}

function isSameHash(heap: Int32Array, a: number, b: number): boolean {
  for (let index = 0; index < HASH_WORDS; index++) if (heap[a + index] !== heap[b + index]) return false
  return true
}
