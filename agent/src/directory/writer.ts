/**
 * Puts consumers and keys into the memory of a directory: the writer's half of memory.ts.
 *
 * Every change ends with one word that is stored with `Atomics`: from then on every thread finds the new one. A writer
 * never waits for readers. It only takes what there is room for; who calls it asks `hasRoom` before.
 *
 * @module
 */
import {
  CONSUMER,
  consumerAt,
  createMemory,
  DISABLED,
  type DirectoryMemory,
  EXISTS,
  GONE,
  HASH_WORDS,
  KEY,
  keyId,
  keyWords,
  LIST,
  type Room,
  wordAt,
  wordsOf,
} from './memory.ts'
import { TextIndex } from './text-index.ts'

/** What is stored of a consumer. */
export interface ConsumerFields {
  readonly id: string
  readonly name: string
  readonly disabled: boolean
}

/** What is stored of an API key. */
export interface KeyFields {
  readonly id: string
  readonly consumerId: string
  readonly sha256: Uint8Array
  readonly scopes: readonly string[]
  readonly state: number
  readonly expiresAtMs: bigint
  readonly addresses: readonly string[]
  readonly last4: string
}

/** Bytes of SHA-256. A key with another length can never be presented. */
const HASH_BYTES = HASH_WORDS * 4
/** Lists of texts that are stored once for all that have them. */
const LISTS_MAX = 4_096

export class DirectoryWriter {
  readonly memory: DirectoryMemory
  #heapTop = 1
  /** Slots that were ever used. */
  #slotsUsed = 0
  /** The first cell belongs to nobody: it leads nowhere. */
  #cellTop = 1
  #consumerCount = 0
  #keys: TextIndex
  #consumers: TextIndex
  readonly #lists = new Map<string, number>()

  constructor(room: Room) {
    const memory = createMemory({ ...room, consumers: room.consumers + 1 })
    this.memory = memory
    this.#keys = new TextIndex((place) => keyId(memory, place))
    this.#consumers = new TextIndex((cell) => consumerAt(memory, wordAt(memory.cells, cell)).id)
  }

  get consumerCount(): number {
    return this.#consumerCount
  }

  get keyCount(): number {
    return this.#keys.size
  }

  /** Bytes of the heap that were never written. */
  get bytesFree(): number {
    return (this.memory.heap.length - this.#heapTop) * 4
  }

  /** Places of all consumers, those included that are only named or were deleted. */
  consumerPlaces(): number[] {
    return Array.from(this.#consumers.values(), (cell) => wordAt(this.memory.cells, cell))
  }

  keyPlaces(): number[] {
    return [...this.#keys.values()]
  }

  /** The consumer of a key. */
  consumerOf(keyPlace: number): number {
    const { cells, heap } = this.memory
    return wordAt(cells, wordAt(heap, keyPlace + KEY.cell))
  }

  hasRoom({ keys, consumers, heapWords }: Room): boolean {
    const { heap, handle } = this.memory
    return (
      this.#heapTop + heapWords <= heap.length &&
      this.#cellTop + consumers <= handle.cellCount &&
      (this.#slotsUsed + keys) * 2 <= handle.slotCount
    )
  }

  /** What a copy needs. */
  live(): Room {
    const { memory } = this
    const lists = new Set<number>()
    let heapWords = 1
    for (const place of this.#keys.values()) {
      heapWords += keyWords(memory, place)
      for (const field of [KEY.scopes, KEY.addresses]) lists.add(wordAt(memory.heap, place + field))
    }
    for (const place of lists) heapWords += place === 0 ? 0 : listWords(memory, place)
    for (const place of this.consumerPlaces()) heapWords += consumerWords(memory, place)
    return { keys: this.keyCount, consumers: this.#consumers.size, heapWords }
  }

  putConsumer({ id, name, disabled }: ConsumerFields): void {
    const place = this.#writeConsumer(id, name, EXISTS | (disabled ? DISABLED : 0))
    const cell = this.#consumers.get(id)
    if (cell === 0 || !this.#exists(cell)) this.#consumerCount += 1
    if (cell === 0) this.#addCell(id, place)
    else Atomics.store(this.memory.cells, cell, place)
  }

  dropConsumer(id: string): void {
    const cell = this.#consumers.get(id)
    if (cell === 0 || !this.#exists(cell)) return
    Atomics.store(this.memory.cells, cell, this.#writeConsumer(id, '', 0))
    this.#consumerCount -= 1
  }

  putKey(key: KeyFields): void {
    const { slots } = this.memory
    const before = this.#keys.get(key.id)
    const oldSlot = before === 0 ? -1 : this.#slotOf(before)
    const place = this.#writeKey(key)
    if (key.sha256.length === HASH_BYTES) {
      const slot = this.#slotFor(place)
      Atomics.store(slots, slot * 2 + 1, place)
      if (oldSlot !== -1 && oldSlot !== slot) Atomics.store(slots, oldSlot * 2 + 1, GONE)
    } else if (oldSlot !== -1) Atomics.store(slots, oldSlot * 2 + 1, GONE)
    this.#keys.set(key.id, place)
  }

  dropKey(id: string): void {
    const place = this.#keys.get(id)
    if (place === 0) return
    const slot = this.#slotOf(place)
    if (slot !== -1) Atomics.store(this.memory.slots, slot * 2 + 1, GONE)
    this.#keys.delete(id)
  }

  /** A writer with the same content and this room; what is not used any more stays behind. */
  copy(room: Room): DirectoryWriter {
    const other = new DirectoryWriter(room)
    const { memory: from } = this
    const { memory: to } = other
    const named = new Uint8Array(from.handle.cellCount)
    for (const place of this.#keys.values()) named[wordAt(from.heap, place + KEY.cell)] = 1

    const cells = new Int32Array(from.handle.cellCount)
    other.#consumers = this.#consumers.map(
      (cell) => consumerAt(to, wordAt(to.cells, cell)).id,
      (cell) => {
        if (named[cell] === 0 && !this.#exists(cell)) return 0
        const place = wordAt(from.cells, cell)
        const next = other.#cellTop++
        cells[cell] = next
        to.cells[next] = other.#copyWords(from, place, consumerWords(from, place))
        return next
      },
    )
    other.#consumerCount = this.#consumerCount

    const lists = new Map<number, number>([[0, 0]])
    const copyList = (place: number): number => {
      let copied = lists.get(place)
      if (copied === undefined) lists.set(place, (copied = other.#copyWords(from, place, listWords(from, place))))
      return copied
    }
    other.#keys = this.#keys.map(
      (place) => keyId(to, place),
      (place) => {
        const copied = other.#copyWords(from, place, keyWords(from, place))
        for (const field of [KEY.scopes, KEY.addresses])
          to.heap[copied + field] = copyList(wordAt(to.heap, copied + field))
        to.heap[copied + KEY.cell] = wordAt(cells, wordAt(to.heap, copied + KEY.cell))
        // One that lost its slot to another with the same hash does not get it back.
        if (this.#slotOf(place) !== -1) to.slots[other.#slotFor(copied) * 2 + 1] = copied
        return copied
      },
    )
    return other
  }

  #exists(cell: number): boolean {
    const { cells, heap } = this.memory
    return (wordAt(heap, wordAt(cells, cell) + CONSUMER.flags) & EXISTS) !== 0
  }

  #addCell(id: string, place: number): number {
    const cell = this.#cellTop++
    Atomics.store(this.memory.cells, cell, place)
    this.#consumers.set(id, cell)
    return cell
  }

  /** The slot that leads to a key; -1 when none does, or when it leads to another one with the same hash. */
  #slotOf(place: number): number {
    const { slots, heap, handle } = this.memory
    const mask = handle.slotCount - 1
    for (let slot = wordAt(heap, place) & mask; ; slot = (slot + 1) & mask) {
      const found = wordAt(slots, slot * 2 + 1)
      if (found === place) return slot
      if (found === 0) return -1
    }
  }

  /** The slot of a hash; a new one when it has none. */
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
      if (found > 0 && hasSameHash(heap, found, place)) return slot
    }
  }

  #writeConsumer(id: string, name: string, flags: number): number {
    const { heap } = this.memory
    const place = this.#heapTop
    heap[place + CONSUMER.flags] = flags
    const start = place + CONSUMER.text
    heap[place + CONSUMER.idBytes] = this.#writeText(id, start * 4)
    heap[place + CONSUMER.nameBytes] = this.#writeText(name, start * 4 + wordAt(heap, place + CONSUMER.idBytes))
    this.#heapTop += consumerWords(this.memory, place)
    return place
  }

  #writeKey(key: KeyFields): number {
    const { heap, bytes } = this.memory
    const { id, consumerId, sha256, state, expiresAtMs, last4 } = key
    const cell = this.#consumers.get(consumerId) || this.#addCell(consumerId, this.#writeConsumer(consumerId, '', 0))
    const scopes = this.#writeList(key.scopes)
    const addresses = this.#writeList(key.addresses)
    const place = this.#heapTop
    const isWhole = sha256.length === HASH_BYTES
    for (let index = 0; index < HASH_WORDS; index++) heap[place + index] = isWhole ? hashWordOf(sha256, index) : 0
    heap[place + KEY.state] = state
    heap[place + KEY.expiresLow] = Number(BigInt.asIntN(32, expiresAtMs))
    heap[place + KEY.expiresHigh] = Number(BigInt.asIntN(32, expiresAtMs >> 32n))
    heap[place + KEY.cell] = cell
    heap[place + KEY.scopes] = scopes
    heap[place + KEY.addresses] = addresses
    const start = (place + KEY.text) * 4
    const idBytes = this.#writeText(id, start)
    const last4Bytes = this.#writeText(last4, start + idBytes)
    // A byte in front says that there is one, so that an empty hash is told from a whole one.
    if (!isWhole) bytes.set(sha256, start + idBytes + last4Bytes + 1)
    heap[place + KEY.idBytes] = idBytes
    heap[place + KEY.last4Bytes] = last4Bytes
    heap[place + KEY.oddHashBytes] = isWhole ? 0 : sha256.length + 1
    this.#heapTop += keyWords(this.memory, place)
    return place
  }

  /** @returns where it is; 0 for an empty one. */
  #writeList(texts: readonly string[]): number {
    if (texts.length === 0) return 0
    const name = JSON.stringify(texts)
    const known = this.#lists.get(name)
    if (known !== undefined) return known
    const { heap } = this.memory
    const place = this.#heapTop
    heap[place + LIST.count] = texts.length
    let at = place + LIST.text
    for (const text of texts) {
      const length = this.#writeText(text, (at + 1) * 4)
      heap[at] = length
      at += 1 + wordsOf(length)
    }
    this.#heapTop = at
    if (this.#lists.size >= LISTS_MAX) this.#lists.clear()
    this.#lists.set(name, place)
    return place
  }

  /** @returns its length in bytes. */
  #writeText(text: string, at: number): number {
    return this.memory.bytes.write(text, at, 'utf8')
  }

  #copyWords(from: DirectoryMemory, place: number, words: number): number {
    const to = this.#heapTop
    this.memory.heap.set(from.heap.subarray(place, place + words), to)
    this.#heapTop += words
    return to
  }
}

/** Most words that a consumer takes. */
export function consumerRoom({ id, name }: { readonly id: string; readonly name: string }): number {
  return CONSUMER.text + wordsOf(Buffer.byteLength(id) + Buffer.byteLength(name))
}

/** Most words that a key takes, with lists that are new and a consumer that nobody has named before. */
export function keyRoom({ id, consumerId, sha256, scopes, addresses, last4 }: KeyFields): number {
  const bytes = Buffer.byteLength(id) + Buffer.byteLength(last4) + sha256.length + 1
  return KEY.text + wordsOf(bytes) + listRoom(scopes) + listRoom(addresses) + consumerRoom({ id: consumerId, name: '' })
}

function listRoom(texts: readonly string[]): number {
  let words = texts.length === 0 ? 0 : LIST.text
  for (const text of texts) words += 1 + wordsOf(Buffer.byteLength(text))
  return words
}

function consumerWords({ heap }: DirectoryMemory, place: number): number {
  return CONSUMER.text + wordsOf(wordAt(heap, place + CONSUMER.idBytes) + wordAt(heap, place + CONSUMER.nameBytes))
}

function listWords({ heap }: DirectoryMemory, place: number): number {
  let at = place + LIST.text
  for (let left = wordAt(heap, place + LIST.count); left > 0; left--) at += 1 + wordsOf(wordAt(heap, at))
  return at - place
}

/** As `hashWord` reads it out of a text. */
function hashWordOf(sha256: Uint8Array, index: number): number {
  const at = index * 4
  const byte = (offset: number): number => sha256[at + offset] ?? 0
  return byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)
}

function hasSameHash(heap: Int32Array, a: number, b: number): boolean {
  for (let index = 0; index < HASH_WORDS; index++) if (heap[a + index] !== heap[b + index]) return false
  return true
}
