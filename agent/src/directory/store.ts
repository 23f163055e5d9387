/**
 * Consumers and API keys of one environment, found by the SHA-256 of a key.
 *
 * Holds hashes only, in memory that all threads share. One writer (`control/`, on the main thread), many readers
 * (`auth/`, on every serving thread); a change of a key or a consumer counts for the very next request everywhere.
 *
 * A memory that is full is given up for a larger one. Readers are handed that one before the old one says that it was
 * given up, so that whoever sees the one has the other.
 *
 * @module
 */
import { create } from '@bufbuild/protobuf'
import {
  type ApiKey,
  ApiKeySchema,
  type Consumer,
  ConsumerSchema,
  type CredentialState,
  type Directory,
  type DirectoryDelta,
  DirectorySchema,
} from '@headgate/proto'
import {
  consumerAt,
  keyExpiresAtMs,
  keyHash,
  keyId,
  keyLast4,
  KEY,
  KNOWN,
  listAt,
  type MemoryHandle,
  type Room,
  SUPERSEDED,
  wordAt,
} from './memory.ts'
import { createDirectoryReader, type DirectoryReader } from './reader.ts'
import { consumerRoom, DirectoryWriter, keyRoom } from './writer.ts'

export interface DirectoryStore extends DirectoryReader {
  readonly environmentId: string
  /** Of the last change that is contained; 0 before the first. */
  readonly sequence: bigint
  /** `bytes` is what is reserved, `bytesUsed` what was written of it. */
  readonly size: {
    readonly consumers: number
    readonly apiKeys: number
    readonly bytes: number
    readonly bytesUsed: number
  }
  /** Takes a whole directory in place of everything. */
  replace(directory: Directory): void
  /** Applies a delta as a whole, or answers `gap` and changes nothing when it starts from another sequence. */
  apply(delta: DirectoryDelta): 'applied' | 'gap'
  /** Everything, in the form in which it travels; sorted by id. */
  toMessage(): Directory
  /** The memory as it is now, for readers on other threads. */
  handle(): MemoryHandle
}

/** Room in an empty directory, and what a larger one has besides what it holds. */
const SPARE: Room = { keys: 64, consumers: 64, heapWords: 1_024 }
/** A new memory has room for so many times what is in use. */
const GROWTH = 1.5

/** @param onMemory a reader of another thread needs this memory from now on. */
export function createDirectoryStore(
  environmentId: string,
  onMemory: (handle: MemoryHandle) => void = () => {},
): DirectoryStore {
  let writer = new DirectoryWriter(SPARE)
  let sequence = 0n
  const reader = createDirectoryReader(() => writer.memory)

  function publish(next: DirectoryWriter): void {
    const before = writer
    writer = next
    Atomics.store(next.memory.control, KNOWN, 1)
    onMemory(next.memory.handle)
    Atomics.store(before.memory.control, SUPERSEDED, 1)
  }

  return {
    environmentId,
    get sequence() {
      return sequence
    },
    get known() {
      return reader.known
    },
    get size() {
      const { consumerCount, keyCount, memory } = writer
      const bytes = memory.handle.buffer.byteLength
      return { consumers: consumerCount, apiKeys: keyCount, bytes, bytesUsed: bytes - writer.bytesFree }
    },
    findApiKey: (sha256) => reader.findApiKey(sha256),
    handle: () => writer.memory.handle,
    replace: ({ consumers, apiKeys, sequence: at }) => {
      const next = new DirectoryWriter(enlarged(roomFor(consumers, apiKeys)))
      for (const consumer of consumers) next.putConsumer(consumer)
      for (const key of apiKeys) next.putKey(key)
      sequence = at
      publish(next)
    },
    apply: (delta) => {
      const { consumers, apiKeys, deletedConsumerIds, deletedApiKeyIds } = delta
      if (!reader.known || delta.fromSequence !== sequence || delta.toSequence < delta.fromSequence) return 'gap'
      const room = roomFor(consumers, apiKeys)
      // What marks a deleted consumer takes room as well.
      for (const id of deletedConsumerIds) room.heapWords += consumerRoom({ id, name: '' })
      const target = writer.hasRoom(room) ? writer : writer.copy(enlarged(sum(writer.live(), room)))
      for (const consumer of consumers) target.putConsumer(consumer)
      for (const key of apiKeys) target.putKey(key)
      for (const id of deletedConsumerIds) target.dropConsumer(id)
      for (const id of deletedApiKeyIds) target.dropKey(id)
      sequence = delta.toSequence
      if (target !== writer) publish(target)
      return 'applied'
    },
    toMessage: () =>
      create(DirectorySchema, {
        environmentId,
        sequence,
        consumers: writer
          .consumerPlaces()
          .map((place) => consumerAt(writer.memory, place))
          .filter(({ exists }) => exists)
          .toSorted(byId)
          .map(({ id, name, disabled }) => create(ConsumerSchema, { id, name, disabled })),
        apiKeys: writer
          .keyPlaces()
          .map((place) => keyMessage(writer, place))
          .toSorted(byId),
      }),
  }
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

function keyMessage(writer: DirectoryWriter, place: number): ApiKey {
  const { memory } = writer
  const { heap } = memory
  return create(ApiKeySchema, {
    id: keyId(memory, place),
    consumerId: consumerAt(memory, writer.consumerOf(place)).id,
    sha256: keyHash(memory, place),
    scopes: listAt(memory, wordAt(heap, place + KEY.scopes)),
    // Kept as it came, also where nobody here knows it.
    state: wordAt(heap, place + KEY.state) as CredentialState,
    expiresAtMs: keyExpiresAtMs(memory, place),
    addresses: listAt(memory, wordAt(heap, place + KEY.addresses)),
    last4: keyLast4(memory, place),
  })
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Most that consumers and keys can take. */
function roomFor(consumers: readonly Consumer[], apiKeys: readonly ApiKey[]): Mutable<Room> {
  let heapWords = 0
  for (const consumer of consumers) heapWords += consumerRoom(consumer)
  for (const key of apiKeys) heapWords += keyRoom(key)
  // Each key may name a consumer that nobody has named before.
  return { keys: apiKeys.length, consumers: consumers.length + apiKeys.length, heapWords }
}

function sum(a: Room, b: Room): Room {
  return {
    keys: a.keys + b.keys,
    consumers: a.consumers + b.consumers,
    heapWords: a.heapWords + b.heapWords,
  }
}

function enlarged({ keys, consumers, heapWords }: Room): Room {
  const grown = (used: number, spare: number): number => Math.ceil(used * GROWTH) + spare
  return {
    keys: grown(keys, SPARE.keys),
    consumers: grown(consumers, SPARE.consumers),
    heapWords: grown(heapWords, SPARE.heapWords),
  }
}
