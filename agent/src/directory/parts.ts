/**
 * A whole directory in parts, as it travels and as it is kept: each part is a directory of its own, and all of them one
 * behind the other are the directory.
 *
 * What comes twice in Protocol Buffers is joined, so a message can be cut between any two of its fields. With a million
 * keys the whole takes seconds to read or write; in parts, the thread does other things in between.
 *
 * Source: protobuf.dev/programming-guides/encoding (tags, lengths, "last one wins", merging of messages).
 *
 * @module
 */
import { fromBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { type Directory, DirectorySchema } from '@headgate/proto'

/** Entries of one part: some ten milliseconds of work. */
export const PART_ENTRIES = 2_000

/** Numbers of fields. */
const FIELDS = { environmentId: 1, consumers: 3, apiKeys: 4, credentials: 5 } as const

/** Where the parts of a directory end, and how much is in all of them. */
export interface DirectoryCuts {
  readonly ends: readonly number[]
  readonly consumers: number
  readonly apiKeys: number
  readonly credentials: number
}

/** @throws Error when it is not well-formed. */
export function cutDirectory(bytes: Uint8Array): DirectoryCuts {
  const reader = new BinaryReader(bytes)
  const counts = new Map<number, number>()
  const ends: number[] = []
  let entries = 0
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    // `skip` makes a view of what it skips, a million times.
    if (type === WireType.LengthDelimited) {
      const length = reader.uint32()
      reader.pos += length
    } else reader.skip(type, field)
    counts.set(field, (counts.get(field) ?? 0) + 1)
    entries += 1
    if (entries % PART_ENTRIES === 0) ends.push(reader.pos)
  }
  if (reader.pos !== reader.len) throw new RangeError('the directory ends in the middle of an entry')
  if (ends.at(-1) !== reader.len) ends.push(reader.len)
  const count = (field: number): number => counts.get(field) ?? 0
  return {
    ends,
    consumers: count(FIELDS.consumers),
    apiKeys: count(FIELDS.apiKeys),
    credentials: count(FIELDS.credentials),
  }
}

/** @returns the id of the environment, which stands in front; empty when there is none. */
export function environmentIdOf(bytes: Uint8Array): string {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === FIELDS.environmentId && type === WireType.LengthDelimited) return reader.string()
    reader.skip(type, field)
  }
  return ''
}

/** Reads one part after the other. */
export function* readParts(bytes: Uint8Array, { ends }: DirectoryCuts): Generator<Directory> {
  let start = 0
  for (const end of ends) {
    yield fromBinary(DirectorySchema, bytes.subarray(start, end))
    start = end
  }
}
