/**
 * What the control plane pushes, as it is read from the wire: a directory stays in bytes.
 *
 * One of a million keys takes seconds to decode. Whoever takes it reads it in parts, and answers pings in between.
 *
 * @module
 */
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { DirectorySchema, type SubscribeResponse, SubscribeResponseSchema } from '@headgate/proto'

/** `value` of a directory is a `Directory` in bytes. */
export type PushMessage =
  | Exclude<SubscribeResponse['message'], { readonly case: 'directory' }>
  | { readonly case: 'directory'; readonly value: Uint8Array }

export interface Push {
  readonly pushId: bigint
  readonly message: PushMessage
}

const { pushId: PUSH_ID, directory: DIRECTORY } = SubscribeResponseSchema.field

/** @throws Error when it is not well-formed. */
export function readPush(bytes: Uint8Array): Push {
  return readDirectoryPush(bytes) ?? readWholePush(bytes)
}

/** @returns null when it holds anything but the number of the push and one directory. */
function readDirectoryPush(bytes: Uint8Array): Push | null {
  const reader = new BinaryReader(bytes)
  let pushId = 0n
  let directory: Uint8Array | null = null
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    if (field === PUSH_ID.number && type === WireType.Varint) pushId = BigInt(reader.uint64())
    else if (field === DIRECTORY.number && type === WireType.LengthDelimited && directory === null) {
      directory = reader.bytes()
    } else return null
  }
  return directory === null ? null : { pushId, message: { case: 'directory', value: directory } }
}

function readWholePush(bytes: Uint8Array): Push {
  const { pushId, message } = fromBinary(SubscribeResponseSchema, bytes)
  if (message.case !== 'directory') return { pushId, message }
  return { pushId, message: { case: 'directory', value: toBinary(DirectorySchema, message.value) } }
}
