/**
 * The memory of one directory: what lies where in one `SharedArrayBuffer` that one thread writes and all threads read.
 *
 * In this order, in 32-bit words:
 *
 * - control: whether the directory is known, and whether this memory was given up for a larger one;
 * - slots: open addressing over the SHA-256 of keys, two words each: the second word of the hash, and where the key is;
 * - cells: one word for each consumer that somebody named: where the consumer is as it is now;
 * - heap: consumers, keys and lists of texts, one behind the other.
 *
 * What is in the heap never changes once a slot or a cell leads to it; a change writes a new one behind and then moves
 * the one word that leads there, with `Atomics`. A reader thus finds the old one or the new one whole, without a lock
 * and however long it takes.
 *
 * Places are counted in words from the beginning of the heap; 0 is nowhere.
 *
 * @module
 */

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface MemoryHandle {
  readonly buffer: SharedArrayBuffer
  /** A power of two. */
  readonly slotCount: number
  readonly cellCount: number
}

/** Parts of a memory, as one thread sees them. */
export interface DirectoryMemory {
  readonly handle: MemoryHandle
  readonly control: Int32Array
  readonly slots: Int32Array
  readonly cells: Int32Array
  readonly heap: Int32Array
  /** The heap in bytes. */
  readonly bytes: Buffer
}

/** Words of `control`. */
export const KNOWN = 0
/** Not 0: there is a memory that takes the place of this one. */
export const SUPERSEDED = 1
const CONTROL_WORDS = 4

/** A slot whose key is gone: the search goes on behind it. */
export const GONE = -1

/** Words of a hash. */
export const HASH_WORDS = 8

/** Words of a key in the heap; `TEXT` and behind: id, last four, and a hash that has another length than it should. */
export const KEY = {
  state: HASH_WORDS,
  expiresLow: 9,
  expiresHigh: 10,
  cell: 11,
  scopes: 12,
  addresses: 13,
  idBytes: 14,
  last4Bytes: 15,
  /** Bytes of a hash that nobody can present; 0: it is at the beginning. */
  oddHashBytes: 16,
  text: 17,
} as const

/** Words of a consumer in the heap; id and name are behind. */
export const CONSUMER = { flags: 0, idBytes: 1, nameBytes: 2, text: 3 } as const
/** Of `CredentialState` in directory.proto; every other number ends a key. */
export const STATE_ACTIVE = 1
export const STATE_DISABLED = 2

/** Flags of a consumer. Without `EXISTS` it is only named by keys, or was deleted. */
export const EXISTS = 1
export const DISABLED = 2

/** Words of a list of texts: how many, then each with its length in bytes. */
export const LIST = { count: 0, text: 1 } as const

/** Bytes of a word. */
const WORD = 4

export function wordsOf(bytes: number): number {
  return Math.ceil(bytes / WORD)
}

/** How much a memory has room for. */
export interface Room {
  readonly keys: number
  readonly consumers: number
  readonly heapWords: number
}

/** A new memory, all zero. Slots stay at most half full, so that a search ends soon. */
export function createMemory({ keys, consumers, heapWords }: Room): DirectoryMemory {
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(8, keys * 2)))
  // The first word of the heap belongs to nobody, because 0 is nowhere.
  const words = CONTROL_WORDS + slotCount * 2 + consumers + heapWords + 1
  return openMemory({ buffer: new SharedArrayBuffer(words * WORD), slotCount, cellCount: consumers })
}

/** The parts of a memory that was made elsewhere. */
export function openMemory(handle: MemoryHandle): DirectoryMemory {
  const { buffer, slotCount, cellCount } = handle
  let at = 0
  const part = (length?: number): Int32Array => {
    const words = new Int32Array(buffer, at * WORD, length)
    at += words.length
    return words
  }
  const [control, slots, cells] = [part(CONTROL_WORDS), part(slotCount * 2), part(cellCount)]
  const bytes = Buffer.from(buffer, at * WORD)
  return { handle, control, slots, cells, heap: part(), bytes }
}

/** A word that is within bounds: every place that is followed was written by us. */
export function wordAt(words: Int32Array, at: number): number {
  return words[at] ?? 0
}

/** The word of a hash that is given as text of one byte per character. */
export function hashWord(sha256: string, index: number): number {
  const at = index * WORD
  return (
    sha256.charCodeAt(at) |
    (sha256.charCodeAt(at + 1) << 8) |
    (sha256.charCodeAt(at + 2) << 16) |
    (sha256.charCodeAt(at + 3) << 24)
  )
}

/** Texts that lie one behind the other, from a place on. */
export function textAt({ bytes }: DirectoryMemory, start: number, length: number): string {
  return bytes.toString('utf8', start, start + length)
}

/** A list of texts. */
export function listAt(memory: DirectoryMemory, place: number): string[] {
  if (place === 0) return []
  const { heap } = memory
  const texts: string[] = []
  let at = place + LIST.text
  for (let left = wordAt(heap, place + LIST.count); left > 0; left--) {
    const length = wordAt(heap, at)
    texts.push(textAt(memory, (at + 1) * WORD, length))
    at += 1 + wordsOf(length)
  }
  return texts
}

/** A consumer as it is in the heap. */
export interface StoredConsumer {
  readonly id: string
  readonly name: string
  readonly exists: boolean
  readonly disabled: boolean
}

export function consumerAt(memory: DirectoryMemory, place: number): StoredConsumer {
  const { heap } = memory
  const flags = wordAt(heap, place + CONSUMER.flags)
  const idBytes = wordAt(heap, place + CONSUMER.idBytes)
  const start = (place + CONSUMER.text) * WORD
  return {
    id: textAt(memory, start, idBytes),
    name: textAt(memory, start + idBytes, wordAt(heap, place + CONSUMER.nameBytes)),
    exists: (flags & EXISTS) !== 0,
    disabled: (flags & DISABLED) !== 0,
  }
}

export function keyId(memory: DirectoryMemory, place: number): string {
  return textAt(memory, (place + KEY.text) * WORD, wordAt(memory.heap, place + KEY.idBytes))
}

export function keyLast4(memory: DirectoryMemory, place: number): string {
  const start = (place + KEY.text) * WORD + wordAt(memory.heap, place + KEY.idBytes)
  return textAt(memory, start, wordAt(memory.heap, place + KEY.last4Bytes))
}

/** Milliseconds since 1970-01-01 UTC; 0: never. */
export function keyExpiresAtMs({ heap }: DirectoryMemory, place: number): bigint {
  const high = BigInt.asUintN(32, BigInt(wordAt(heap, place + KEY.expiresHigh)))
  return (high << 32n) | BigInt.asUintN(32, BigInt(wordAt(heap, place + KEY.expiresLow)))
}

/** The hash of a key, in its own length. */
export function keyHash(memory: DirectoryMemory, place: number): Uint8Array<ArrayBuffer> {
  const { heap, bytes } = memory
  const odd = wordAt(heap, place + KEY.oddHashBytes)
  if (odd > 0) {
    const start = (place + KEY.text) * WORD + wordAt(heap, place + KEY.idBytes) + wordAt(heap, place + KEY.last4Bytes)
    // The first byte says that there is one, so that an empty hash is one too.
    return new Uint8Array(bytes.subarray(start + 1, start + odd))
  }
  const hash = new Uint8Array(HASH_WORDS * WORD)
  for (let index = 0; index < hash.length; index++) {
    hash[index] = wordAt(heap, place + (index >> 2)) >>> ((index & 3) * 8)
  }
  return hash
}

/** Words that a key takes in the heap. */
export function keyWords({ heap }: DirectoryMemory, place: number): number {
  const bytes =
    wordAt(heap, place + KEY.idBytes) + wordAt(heap, place + KEY.last4Bytes) + wordAt(heap, place + KEY.oddHashBytes)
  return KEY.text + wordsOf(bytes)
}
