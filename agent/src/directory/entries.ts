/**
 * Reads what is in the heap of a directory: the form is memory.ts's.
 *
 * @module
 */
import { readCompactId } from './compact-id.ts'
import {
  CONSUMER,
  CREDENTIAL,
  DISABLED,
  type DirectoryMemory,
  ED25519,
  EXISTS,
  GRANT,
  HASH_WORDS,
  HMAC,
  KEY,
  LIMIT_WORDS,
  LIST,
  META_STATE,
  TEXTS,
  WORD,
  wordAt,
  wordsOf,
} from './memory.ts'

/** Texts that lie one behind the other, from a place on. */
function textAt({ bytes }: DirectoryMemory, start: number, length: number): string {
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

export function listWords({ heap }: DirectoryMemory, place: number): number {
  let at = place + LIST.text
  for (let left = wordAt(heap, place + LIST.count); left > 0; left--) at += 1 + wordsOf(wordAt(heap, at))
  return at - place
}

/** One limit of a key, as it travels. */
export interface StoredLimit {
  readonly requests: bigint
  readonly windowMs: bigint
  readonly burst: bigint
}

export function limitsAt({ heap }: DirectoryMemory, place: number): StoredLimit[] {
  if (place === 0) return []
  return Array.from({ length: wordAt(heap, place) }, (_, index) => {
    const at = place + 1 + index * LIMIT_WORDS
    return { requests: longAt(heap, at), windowMs: longAt(heap, at + 2), burst: longAt(heap, at + 4) }
  })
}

export function limitsWords({ heap }: DirectoryMemory, place: number): number {
  return 1 + wordAt(heap, place) * LIMIT_WORDS
}

/** What a credential may do, as it travels. */
export interface StoredGrant {
  readonly scopes: string[]
  readonly addresses: string[]
  readonly limits: StoredLimit[]
}

export function grantAt(memory: DirectoryMemory, place: number): StoredGrant {
  if (place === 0) return { scopes: [], addresses: [], limits: [] }
  const { heap } = memory
  return {
    scopes: listAt(memory, wordAt(heap, place + GRANT.scopes)),
    addresses: listAt(memory, wordAt(heap, place + GRANT.addresses)),
    limits: limitsAt(memory, wordAt(heap, place + GRANT.limits)),
  }
}

/** A number without sign, low word first. */
export function longAt(heap: Int32Array, at: number): bigint {
  return (BigInt.asUintN(32, BigInt(wordAt(heap, at + 1))) << 32n) | BigInt.asUintN(32, BigInt(wordAt(heap, at)))
}

/** The same as a number; beyond 2^53 it is not exact, but in milliseconds that is 285,000 years away. */
export function numberAt(heap: Int32Array, at: number): number {
  return (wordAt(heap, at + 1) >>> 0) * 2 ** 32 + (wordAt(heap, at) >>> 0)
}

/** A consumer as it is in the heap. */
export interface StoredConsumer {
  readonly id: string
  readonly name: string
  readonly disabled: boolean
  readonly roles: readonly string[]
  readonly exists: boolean
}

export function consumerAt(memory: DirectoryMemory, place: number): StoredConsumer {
  const { heap } = memory
  const meta = wordAt(heap, place + CONSUMER.meta)
  const idBytes = wordAt(heap, place + CONSUMER.idBytes)
  const start = (place + CONSUMER.text) * WORD
  return {
    id: textAt(memory, start, idBytes),
    name: textAt(memory, start + idBytes, wordAt(heap, place + CONSUMER.nameBytes)),
    disabled: (meta & DISABLED) !== 0,
    roles: Object.freeze(listAt(memory, wordAt(heap, place + CONSUMER.roles))),
    exists: (meta & EXISTS) !== 0,
  }
}

export function consumerId(memory: DirectoryMemory, place: number): string {
  return textAt(memory, (place + CONSUMER.text) * WORD, wordAt(memory.heap, place + CONSUMER.idBytes))
}

export function consumerWords({ heap }: DirectoryMemory, place: number): number {
  return CONSUMER.text + wordsOf(wordAt(heap, place + CONSUMER.idBytes) + wordAt(heap, place + CONSUMER.nameBytes))
}

/** Of a key or credential, as it travels. */
export function stateAt({ heap }: DirectoryMemory, place: number): number {
  return wordAt(heap, place + KEY.meta) & META_STATE
}

export function keyId(memory: DirectoryMemory, place: number): string {
  const { heap } = memory
  if (!hasTexts(memory, place)) return readCompactId(heap, place + KEY.id)
  return textAt(memory, (place + KEY.text) * WORD, wordAt(heap, place + KEY.id))
}

export function keyLast4(memory: DirectoryMemory, place: number): string {
  const { heap } = memory
  if (!hasTexts(memory, place)) {
    const word = wordAt(heap, place + KEY.last4)
    return String.fromCharCode(word & 255, (word >> 8) & 255, (word >> 16) & 255, word >>> 24)
  }
  const start = (place + KEY.text) * WORD + wordAt(heap, place + KEY.id)
  return textAt(memory, start, wordAt(heap, place + KEY.id + 1))
}

/** The hash of a key, in its own length. */
export function keyHash(memory: DirectoryMemory, place: number): Uint8Array<ArrayBuffer> {
  const { heap, bytes } = memory
  const odd = oddHashBytes(memory, place)
  if (odd > 0) {
    const start = (place + KEY.text) * WORD + wordAt(heap, place + KEY.id) + wordAt(heap, place + KEY.id + 1)
    return new Uint8Array(bytes.subarray(start + 1, start + odd))
  }
  const hash = new Uint8Array(HASH_WORDS * WORD)
  for (let index = 0; index < hash.length; index++) {
    hash[index] = wordAt(heap, place + (index >> 2)) >>> ((index & 3) * 8)
  }
  return hash
}

export function keyWords(memory: DirectoryMemory, place: number): number {
  if (!hasTexts(memory, place)) return KEY.text
  const { heap } = memory
  const bytes = wordAt(heap, place + KEY.id) + wordAt(heap, place + KEY.id + 1) + oddHashBytes(memory, place)
  return KEY.text + wordsOf(bytes)
}

/** Bytes of a hash that nobody can present, and of the one in front of it; 0: the hash is as it should be. */
function oddHashBytes(memory: DirectoryMemory, place: number): number {
  return hasTexts(memory, place) ? wordAt(memory.heap, place + KEY.id + 2) : 0
}

function hasTexts({ heap }: DirectoryMemory, place: number): boolean {
  return (wordAt(heap, place + KEY.meta) & TEXTS) !== 0
}

/** What names a credential, and what it is checked with. */
export interface StoredProof {
  readonly name: string
  readonly algorithm: 'ed25519' | 'hmac-sha256' | null
  readonly key: string
}

export function credentialId(memory: DirectoryMemory, place: number): string {
  return textAt(memory, (place + CREDENTIAL.text) * WORD, wordAt(memory.heap, place + CREDENTIAL.idBytes))
}

export function proofAt(memory: DirectoryMemory, place: number): StoredProof {
  const { heap } = memory
  const start = (place + CREDENTIAL.text) * WORD + wordAt(heap, place + CREDENTIAL.idBytes)
  const nameBytes = wordAt(heap, place + CREDENTIAL.nameBytes)
  const meta = wordAt(heap, place + CREDENTIAL.meta)
  return {
    name: textAt(memory, start, nameBytes),
    algorithm: (meta & ED25519) !== 0 ? 'ed25519' : (meta & HMAC) !== 0 ? 'hmac-sha256' : null,
    key: textAt(memory, start + nameBytes, wordAt(heap, place + CREDENTIAL.keyBytes)),
  }
}

export function credentialWords({ heap }: DirectoryMemory, place: number): number {
  const texts = [CREDENTIAL.idBytes, CREDENTIAL.nameBytes, CREDENTIAL.keyBytes]
  return CREDENTIAL.text + wordsOf(texts.reduce((sum, field) => sum + wordAt(heap, place + field), 0))
}
