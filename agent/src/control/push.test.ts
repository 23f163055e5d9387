import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { DirectorySchema, SubscribeResponseSchema } from '@headgate/proto'
import assert from 'node:assert/strict'
import test from 'node:test'
import { readPush } from './push.ts'

const directory = create(DirectorySchema, {
  environmentId: 'env_1',
  sequence: 300n,
  consumers: [{ id: 'cns_1', name: 'alice' }],
})

function bytesOf(message: MessageInitShape<typeof SubscribeResponseSchema>): Uint8Array {
  return toBinary(SubscribeResponseSchema, create(SubscribeResponseSchema, message))
}

test('a directory stays as it came', () => {
  const push = readPush(bytesOf({ pushId: 2n ** 63n, message: { case: 'directory', value: directory } }))
  assert.equal(push.pushId, 2n ** 63n)
  assert.equal(push.message.case, 'directory')
  assert.deepEqual(Buffer.from(push.message.value as Uint8Array), Buffer.from(toBinary(DirectorySchema, directory)))
})

test('everything else is read', () => {
  const assignment = { case: 'assignment' as const, value: { environmentIds: ['env_1'] } }
  const push = readPush(bytesOf({ pushId: 7n, message: assignment }))
  assert.equal(push.pushId, 7n)
  assert.deepEqual(push.message.case === 'assignment' && push.message.value.environmentIds, ['env_1'])
  assert.deepEqual(readPush(bytesOf({ pushId: 1n })).message, { case: undefined })
})

test('of two messages the last one counts, and a directory in two halves is one', () => {
  const whole = bytesOf({ pushId: 7n, message: { case: 'directory', value: directory } })
  const ping = bytesOf({ message: { case: 'ping', value: {} } })
  assert.equal(readPush(Buffer.concat([whole, ping])).message.case, 'ping')
  const more = create(DirectorySchema, { consumers: [{ id: 'cns_2', name: 'bob' }] })
  const half = bytesOf({ message: { case: 'directory', value: more } })
  const { message } = readPush(Buffer.concat([whole, half]))
  const expected = { ...directory, consumers: [...directory.consumers, ...more.consumers] }
  assert.deepEqual(Buffer.from(message.value as Uint8Array), Buffer.from(toBinary(DirectorySchema, expected)))
})

test('what is cut is refused', () => {
  const whole = bytesOf({ pushId: 300n, message: { case: 'directory', value: directory } })
  for (let length = 4; length < whole.length; length++) assert.throws(() => readPush(whole.subarray(0, length)))
})
