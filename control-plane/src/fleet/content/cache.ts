/**
 * What is pushed, read and encoded once for all agents that need the same.
 *
 * A thousand agents that hear of one change ask for the same bytes within milliseconds. The bytes of a push are kept
 * as the wire has them, so a push costs a copy and not an encoding; the memory is bounded by `BYTES_MAX`.
 *
 * @module
 */
import { toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { DirectoryDeltaSchema, DirectorySchema, SignedSnapshotSchema, SubscribeResponseSchema } from '@headgate/proto'
import type { ContentStore } from './store.ts'

/** Memory for encoded pushes, in bytes. A push that is larger is encoded for each agent that needs it. */
const BYTES_MAX = 64 * 1024 * 1024

/** One message of `SubscribeResponse`, encoded. */
export interface EncodedPush {
  /** Field number in `SubscribeResponse`. */
  readonly field: number
  /** Length prefix and message. */
  readonly body: Uint8Array
  /** Directory sequence that an agent has after it; 0 for a release. */
  readonly sequence: bigint
}

export interface Content {
  /** Null: it is gone. */
  release(environmentId: string, number: number): Promise<EncodedPush | null>
  /** @param atLeast sequence that is known to exist; what is returned has it or a later one. */
  directory(environmentId: string, atLeast: bigint): Promise<EncodedPush | null>
  delta(environmentId: string, fromSequence: bigint, atLeast: bigint): Promise<EncodedPush | null>
}

interface Entry {
  readonly push: Promise<EncodedPush | null>
  bytes: number
}

export function createContent(store: Pick<ContentStore, 'readRelease' | 'readDirectory' | 'readDelta'>): Content {
  // In order of use, the oldest first.
  const entries = new Map<string, Entry>()
  let bytes = 0

  function drop(id: string): void {
    bytes -= entries.get(id)?.bytes ?? 0
    entries.delete(id)
  }

  async function load(id: string, read: () => Promise<EncodedPush | null>): Promise<EncodedPush | null> {
    const present = entries.get(id)
    if (present !== undefined) {
      entries.delete(id)
      entries.set(id, present)
      return present.push
    }
    const entry: Entry = { push: read(), bytes: 0 }
    entries.set(id, entry)
    const push = await entry.push.catch((error: unknown) => {
      entries.delete(id)
      throw error
    })
    // Gone rows may come back, so nothing is remembered of them.
    if (push === null) entries.delete(id)
    else if (entries.get(id) === entry) {
      entry.bytes = push.body.length
      bytes += entry.bytes
      for (const [oldest] of entries) {
        if (bytes <= BYTES_MAX) break
        drop(oldest)
      }
    }
    return push
  }

  const field = SubscribeResponseSchema.field
  return {
    release: (environmentId, number) =>
      load(`release ${environmentId} ${number}`, async () => {
        const message = await store.readRelease(environmentId, number)
        return message && encoded(field.snapshot.number, toBinary(SignedSnapshotSchema, message), 0n)
      }),
    directory: (environmentId, atLeast) =>
      load(`directory ${environmentId} ${atLeast}`, async () => {
        const message = await store.readDirectory(environmentId)
        return message && encoded(field.directory.number, toBinary(DirectorySchema, message), message.sequence)
      }),
    delta: (environmentId, fromSequence, atLeast) =>
      load(`delta ${environmentId} ${fromSequence} ${atLeast}`, async () => {
        const message = await store.readDelta(environmentId, fromSequence)
        return (
          message && encoded(field.directoryDelta.number, toBinary(DirectoryDeltaSchema, message), message.toSequence)
        )
      }),
  }
}

function encoded(field: number, message: Uint8Array, sequence: bigint): EncodedPush {
  return { field, body: new BinaryWriter().bytes(message).finish(), sequence }
}

/**
 * The field in the form in which protobuf-es carries fields that it does not know: written to the wire as it is.
 * To the reader it is the ordinary field.
 */
export function asField({ field, body }: EncodedPush): { no: number; wireType: WireType; data: Uint8Array } {
  return { no: field, wireType: WireType.LengthDelimited, data: body }
}
