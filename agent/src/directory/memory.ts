/**
 * The memory of one directory: what lies where in one `SharedArrayBuffer` that one thread writes and all threads read.
 *
 * In this order, in 32-bit words:
 *
 * - control: whether the directory is known, and whether this memory was given up for a larger one;
 * - slots: open addressing over SHA-256, two words each: the second word of the hash, and where its entry is;
 * - cells: one word for each consumer that somebody named: where the consumer is as it is now;
 * - heap: entries and what belongs to them, one behind the other.
 *
 * An entry begins with the hash by which it is found: that of an API key's text, or of the name of a consumer or
 * credential with its kind in front. So all are in the same slots, and no two of them meet.
 *
 * What is in the heap never changes once a slot or a cell leads to it; a change writes a new one behind and then moves
 * the one word that leads there, with `Atomics`. A reader thus finds the old one or the new one whole, without a lock
 * and however long it takes.
 *
 * Places are counted in words from the beginning of the heap; 0 is nowhere.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { ID_WORDS } from './compact-id.ts'

/** What is handed to another thread: it shares the memory, and copies nothing. */
export interface MemoryHandle {
  readonly buffer: SharedArrayBuffer
  /** A power of two. */
  readonly slotCount: number
  readonly cellCount: number
  /** Who is shut out, whatever memory the rest is in; absent: nobody can be. */
  readonly bans?: SharedArrayBuffer
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

/** A slot whose entry is gone: the search goes on behind it. */
export const GONE = -1

/** Words of a hash. */
export const HASH_WORDS = 8

/** Words of every entry, behind its hash. */
const META = HASH_WORDS
const CELL = META + 1

/**
 * Words of an API key. Id and last four stand in words of their own where they have the usual form; where not, `id` and
 * the two words behind it are the lengths of three texts in bytes, which are at `text`: id, last four, and a hash that
 * has another length than it should, with one byte in front of it.
 */
export const KEY = {
  meta: META,
  cell: CELL,
  expiresLow: 10,
  expiresHigh: 11,
  grant: 12,
  id: 13,
  last4: 13 + ID_WORDS,
  text: 14 + ID_WORDS,
} as const

/** Words of a credential. Three texts are behind: id, name, and what it is checked with. */
export const CREDENTIAL = {
  meta: META,
  cell: CELL,
  expiresLow: 10,
  expiresHigh: 11,
  grant: 12,
  idBytes: 13,
  nameBytes: 14,
  keyBytes: 15,
  text: 16,
} as const

/** Words of a consumer. Two texts are behind: id and name. */
export const CONSUMER = { meta: META, cell: CELL, roles: 10, idBytes: 11, nameBytes: 12, text: 13 } as const

/** Bits of the word `meta`: state of a key or credential below, what the entry is, and flags. */
export const META_STATE = 0xff
export const META_KIND = 0x700
export const KIND = { key: 0x100, consumer: 0x200, certificate: 0x300, signingKey: 0x400, unknown: 0x500 } as const
/** Of a consumer. One without it is only named by credentials, or was deleted. */
export const EXISTS = 0x800
/** Of a consumer. */
export const DISABLED = 0x1000
/** Of a key: it is bait. */
export const DECOY = 0x2000
/** Of a key: its texts are behind it. */
export const TEXTS = 0x4000
/** Of a signing key: what its text is. Neither: it has none. */
export const ED25519 = 0x8000
export const HMAC = 0x10000

/** Of `CredentialState` in directory.proto; every other number ends a key. */
export const STATE_ACTIVE = 1
export const STATE_DISABLED = 2

/** Words of what a credential may do: places of lists. Many share one. */
export const GRANT = { scopes: 0, addresses: 1, limits: 2, end: 3 } as const

/** Words of a list of texts: how many, then each with its length in bytes. */
export const LIST = { count: 0, text: 1 } as const

/** Words of each limit in a list of them, behind how many there are: three numbers of two words. */
export const LIMIT_WORDS = 6

/** Bytes of a word. */
export const WORD = 4

export function wordsOf(bytes: number): number {
  return Math.ceil(bytes / WORD)
}

/** How much a memory has room for. */
export interface Room {
  /** What is found by a hash: API keys, consumers, credentials. */
  readonly entries: number
  readonly consumers: number
  readonly heapWords: number
}

/** Share of slots that may ever have been used: a search for what is not there then ends after some nine. */
const SLOTS_USED_MAX = 0.75

/** A new memory, all zero. */
export function createMemory({ entries, consumers, heapWords }: Room): DirectoryMemory {
  const slotCount = 2 ** Math.ceil(Math.log2(Math.max(8, entries / SLOTS_USED_MAX)))
  // The first word of the heap belongs to nobody, because 0 is nowhere.
  const words = CONTROL_WORDS + slotCount * 2 + consumers + heapWords + 1
  return openMemory({ buffer: new SharedArrayBuffer(words * WORD), slotCount, cellCount: consumers })
}

export function hasSlots({ slotCount }: MemoryHandle, used: number): boolean {
  return used <= slotCount * SLOTS_USED_MAX
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

/** What is found by name. */
export type NamedKind = 'consumer' | 'certificate' | 'signing_key'

/** The hash of a name: no text of an API key begins like one of these. */
export function nameHash(kind: NamedKind, name: string): string {
  return hash('sha256', `${kind}:${name}`, 'latin1')
}
