/**
 * Consumers, API keys and credentials of one environment, found by the SHA-256 of a key or by a name.
 *
 * Holds hashes only, in memory that all threads share. One writer (`control/`, on the main thread), many readers
 * (`auth/`, on every serving thread); a change of a key or a consumer counts for the very next request everywhere.
 *
 * A memory that is full is given up for a larger one. Readers are handed that one before the old one says that it was
 * given up, so that whoever sees the one has the other. A whole directory is written into a new memory as well, while
 * readers go on with the old one.
 *
 * @module
 */
import { setImmediate as turn } from 'node:timers/promises'
import { create, toBinary } from '@bufbuild/protobuf'
import { type Ban, type Directory, type DirectoryDelta, DirectorySchema } from '@headgate/proto'
import { BanWriter, changeBans, type KeptBans } from './bans.ts'
import { consumerAt } from './entries.ts'
import { KNOWN, type MemoryHandle, type Room, SUPERSEDED } from './memory.ts'
import { consumerMessage, credentialFields, credentialMessage, keyMessage } from './messages.ts'
import { cutDirectory, PART_ENTRIES, readParts } from './parts.ts'
import { createDirectoryReader, type DirectoryReader } from './reader.ts'
import { consumerRoom, credentialRoom, DirectoryWriter, keyRoom } from './writer.ts'

/** Why a change was not taken. Nothing has changed. */
export interface Refused {
  readonly why: string
}

export interface DirectoryStore extends DirectoryReader {
  readonly environmentId: string
  /** Of the last change that is contained; 0 before the first. */
  readonly sequence: bigint
  /**
   * `bytes` is what is reserved in memory that is shared, `bytesUsed` what was written of it, and what this thread has
   * beside it.
   */
  readonly size: {
    readonly consumers: number
    readonly apiKeys: number
    readonly bytes: number
    readonly bytesUsed: number
  }
  /**
   * Takes a whole directory in place of everything.
   *
   * @throws RangeError when it has bans that cannot be kept.
   */
  replace(directory: Directory): void
  /**
   * The same in parts, with turns of the event loop in between; until it is done everything stays as it was.
   *
   * @returns why it was not taken, and nothing has changed; null: it was.
   * @throws Error when it is not well-formed.
   */
  load(bytes: Uint8Array): Promise<string | null>
  /** Applies a delta as a whole, or answers `gap` and changes nothing when it starts from another sequence. */
  apply(delta: DirectoryDelta): 'applied' | 'gap' | Refused
  /** Everything, in the form in which it travels; sorted by id. */
  toMessage(): Directory
  /** The same in bytes and in no order, with turns of the event loop in between. Nothing may change meanwhile. */
  toBytes(): Promise<Uint8Array>
  /** The memory as it is now, for readers on other threads. */
  handle(): MemoryHandle
}

/** Room in an empty directory, and what a larger one has besides what it holds. */
const SPARE: Room = { entries: 64, consumers: 64, heapWords: 1_024 }
/**
 * A new memory has room for so many times what is in use. More of it is written again less often, and until then holds
 * more of what nobody uses any more.
 */
const GROWTH = 1.15
/** Words of most keys, for a first guess. */
const KEY_WORDS = 19

const NO_BANS: KeptBans = new Map()

type Parts = Pick<Directory, 'consumers' | 'apiKeys' | 'credentials'>

/** @param onMemory a reader of another thread needs this memory from now on. */
export function createDirectoryStore(
  environmentId: string,
  onMemory: (handle: MemoryHandle) => void = () => {},
): DirectoryStore {
  let writer = new DirectoryWriter(SPARE)
  let sequence = 0n
  const bans = new BanWriter()
  const reader = createDirectoryReader(() => writer.memory, bans.block)
  const handleOf = ({ memory }: DirectoryWriter): MemoryHandle => ({ ...memory.handle, bans: bans.block })

  function publish(next: DirectoryWriter): void {
    const before = writer
    writer = next
    Atomics.store(next.memory.control, KNOWN, 1)
    onMemory(handleOf(next))
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
      const { consumerCount, keyCount, memory, bytesFree, indexBytes } = writer
      const bytes = memory.handle.buffer.byteLength
      return { consumers: consumerCount, apiKeys: keyCount, bytes, bytesUsed: bytes - bytesFree + indexBytes }
    },
    findApiKey: (sha256) => reader.findApiKey(sha256),
    findConsumer: (name) => reader.findConsumer(name),
    findCredential: (kind, name) => reader.findCredential(kind, name),
    bans: () => reader.bans(),
    handle: () => handleOf(writer),
    replace: (directory) => {
      const banned = changeBans(NO_BANS, directory.bans)
      if (typeof banned === 'string') throw new RangeError(banned)
      const next = new DirectoryWriter(enlarged(roomFor(directory)))
      put(next, directory)
      ;({ sequence } = directory)
      bans.put(banned)
      publish(next)
    },
    load: async (bytes) => {
      const cuts = cutDirectory(bytes)
      const entries = cuts.consumers + cuts.apiKeys + cuts.credentials
      const room = { entries, consumers: cuts.consumers, heapWords: entries * KEY_WORDS }
      const next = new DirectoryWriter(enlarged(room))
      let at = 0n
      const found: Ban[] = []
      for (const part of readParts(bytes, cuts)) {
        const unknown = part.$unknown?.[0]
        if (unknown !== undefined) return `the directory has the unknown field ${unknown.no}: update this agent`
        if (part.environmentId !== '' && part.environmentId !== environmentId) return 'it is of another environment'
        const { consumers, heapWords } = roomFor(part)
        if (!next.hasRoom({ entries: 0, consumers, heapWords })) {
          next.grow({ consumers, heapWords: heapWords + (next.memory.heap.length >> 1) })
        }
        put(next, part)
        for (const ban of part.bans) found.push(ban)
        if (part.sequence !== 0n) at = part.sequence
        await turn()
      }
      const banned = changeBans(NO_BANS, found)
      if (typeof banned === 'string') return banned
      sequence = at
      bans.put(banned)
      publish(next)
      return null
    },
    apply: (delta) => {
      const { deletedConsumerIds, deletedApiKeyIds, deletedCredentialIds } = delta
      if (!reader.known || delta.fromSequence !== sequence || delta.toSequence < delta.fromSequence) return 'gap'
      const banned = changeBans(bans.bans, delta.bans, delta.deletedBanIds)
      if (typeof banned === 'string') return { why: banned }
      const room = roomFor(delta)
      // What marks a deleted consumer takes room as well.
      for (const id of deletedConsumerIds) room.heapWords += consumerRoom({ id, name: '', roles: [] })
      const target = writer.hasRoom(room) ? writer : writer.copy(enlarged(sum(writer.live(), room)))
      put(target, delta)
      for (const id of deletedConsumerIds) target.dropConsumer(id)
      for (const id of deletedApiKeyIds) target.dropKey(id)
      for (const id of deletedCredentialIds) target.dropCredential(id)
      if (delta.bans.length > 0 || delta.deletedBanIds.length > 0) bans.put(banned)
      sequence = delta.toSequence
      if (target !== writer) publish(target)
      return 'applied'
    },
    toMessage: () => {
      const { memory } = writer
      const consumers = livingConsumers(writer).map((place) => consumerMessage(memory, place))
      const apiKeys = Array.from(writer.keyPlaces(), (place) => keyMessage(writer, place))
      const credentials = Array.from(writer.credentialPlaces(), (place) => credentialMessage(writer, place))
      return create(DirectorySchema, {
        environmentId,
        sequence,
        consumers: consumers.toSorted(byId),
        apiKeys: apiKeys.toSorted(byId),
        credentials: credentials.toSorted(byId),
        bans: [...bans.bans.values()].toSorted(byId),
      })
    },
    toBytes: async () => {
      const written: Uint8Array[] = [
        toBinary(DirectorySchema, create(DirectorySchema, { environmentId, sequence, bans: [...bans.bans.values()] })),
      ]
      const write = (part: Partial<Parts>): number =>
        written.push(toBinary(DirectorySchema, create(DirectorySchema, part)))
      for (const places of chunks(livingConsumers(writer))) {
        write({ consumers: places.map((place) => consumerMessage(writer.memory, place)) })
        await turn()
      }
      for (const places of chunks(writer.keyPlaces())) {
        write({ apiKeys: places.map((place) => keyMessage(writer, place)) })
        await turn()
      }
      for (const places of chunks(writer.credentialPlaces())) {
        write({ credentials: places.map((place) => credentialMessage(writer, place)) })
        await turn()
      }
      return Buffer.concat(written)
    },
  }
}

function put(writer: DirectoryWriter, { consumers, apiKeys, credentials }: Parts): void {
  for (const consumer of consumers) writer.putConsumer(consumer)
  for (const key of apiKeys) writer.putKey(key)
  for (const credential of credentials) writer.putCredential(credentialFields(credential))
}

function livingConsumers(writer: DirectoryWriter): number[] {
  return writer.consumerPlaces().filter((place) => consumerAt(writer.memory, place).exists)
}

function* chunks(places: Iterable<number>): Generator<number[]> {
  let chunk: number[] = []
  for (const place of places) {
    if (chunk.push(place) < PART_ENTRIES) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Most that consumers, keys and credentials can take. */
function roomFor({ consumers, apiKeys, credentials }: Parts): Mutable<Room> {
  let heapWords = 0
  for (const consumer of consumers) heapWords += consumerRoom(consumer)
  for (const key of apiKeys) heapWords += keyRoom(key)
  for (const credential of credentials) heapWords += credentialRoom(credentialFields(credential))
  const entries = consumers.length + apiKeys.length + credentials.length
  // Each key and credential may name a consumer that nobody has named before.
  return { entries, consumers: entries, heapWords }
}

function sum(a: Room, b: Room): Room {
  return {
    entries: a.entries + b.entries,
    consumers: a.consumers + b.consumers,
    heapWords: a.heapWords + b.heapWords,
  }
}

function enlarged({ entries, consumers, heapWords }: Room): Room {
  const grown = (used: number, spare: number): number => Math.ceil(used * GROWTH) + spare
  return {
    entries: grown(entries, SPARE.entries),
    consumers: grown(consumers, SPARE.consumers),
    heapWords: grown(heapWords, SPARE.heapWords),
  }
}
