/**
 * The directory in shared memory against one in plain Maps, over changes that nobody thought of.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import type { ApiKeyRecord } from '@headgate/core'
import {
  ApiKeySchema,
  ConsumerSchema,
  type CredentialState,
  DirectoryDeltaSchema,
  DirectorySchema,
} from '@headgate/proto'
import fc from 'fast-check'
import { openMemory } from './memory.ts'
import { createDirectoryReader } from './reader.ts'
import { createDirectoryStore } from './store.ts'
import { ModelDirectory } from './testing/model.ts'

const HASHES = Array.from({ length: 24 }, (_, index) => hash('sha256', `key ${index}`, 'buffer'))

// Few of each, so that they meet: keys that share a hash, consumers that come and go.
const consumer = fc
  .record({
    id: fc.integer({ min: 0, max: 4 }),
    name: fc.string({ unit: 'binary', maxLength: 12 }),
    disabled: fc.boolean(),
  })
  .map(({ id, ...rest }) => create(ConsumerSchema, { id: `cns_${id}`, ...rest }))
const texts = fc.array(fc.constantFrom('a', 'orders:read', 'ü', '10.0.0.0/8', ''), { maxLength: 3 })
const apiKey = fc
  .record({
    id: fc.integer({ min: 0, max: 12 }),
    consumer: fc.integer({ min: 0, max: 5 }),
    hash: fc.integer({ min: 0, max: HASHES.length - 1 }),
    state: fc.integer({ min: 0, max: 4 }).map((state) => state as CredentialState),
    scopes: texts,
    addresses: texts,
    expiresAtMs: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    last4: fc.string({ unit: 'binary', maxLength: 4 }),
  })
  .map(({ id, consumer: of, hash: index, ...rest }) =>
    create(ApiKeySchema, {
      id: `key_${id}`,
      consumerId: `cns_${of}`,
      sha256: new Uint8Array(HASHES[index] ?? []),
      ...rest,
    }),
  )
const change = fc.record({
  whole: fc.integer({ min: 0, max: 20 }).map((one) => one === 0),
  consumers: fc.array(consumer, { maxLength: 3 }),
  apiKeys: fc.array(apiKey, { maxLength: 12 }),
  deletedConsumerIds: fc.array(
    fc.integer({ min: 0, max: 5 }).map((id) => `cns_${id}`),
    { maxLength: 1 },
  ),
  deletedApiKeyIds: fc.array(
    fc.integer({ min: 0, max: 12 }).map((id) => `key_${id}`),
    { maxLength: 2 },
  ),
})

const STATES = ['revoked', 'active', 'disabled', 'revoked', 'revoked']

function textOf(record: ApiKeyRecord | null): string | null {
  if (record === null) return null
  const { id, consumer: name, consumerDisabled, state, scopes, addresses } = record
  return [id, name, consumerDisabled, state, ...scopes, ...addresses.map(({ text }) => text)].join(' ')
}

test('every look-up, on the thread that writes and on others, answers what plain Maps answer', () => {
  let memories = 0
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
      const model = new ModelDirectory()
      let newest = createDirectoryStore('').handle()
      const store = createDirectoryStore('env_1', (handle) => {
        memories += 1
        newest = handle
      })
      newest = store.handle()
      const other = createDirectoryReader(() => openMemory(newest))
      store.replace(create(DirectorySchema, {}))
      model.replace(create(DirectorySchema, {}))
      for (const { whole, ...rest } of changes) {
        if (whole) {
          const directory = create(DirectorySchema, { ...rest, sequence: store.sequence })
          store.replace(directory)
          model.replace(directory)
        } else {
          const delta = { ...rest, fromSequence: store.sequence, toSequence: store.sequence + 1n }
          assert.equal(store.apply(create(DirectoryDeltaSchema, delta)), 'applied')
          model.apply(create(DirectoryDeltaSchema, delta))
        }
        for (const bytes of HASHES) {
          const name = bytes.toString('latin1')
          const expected =
            model.find(name)?.replace(/ (\d) ?/, (digit) => digit.replace(/\d/, (at) => STATES[Number(at)] ?? '')) ??
            null
          assert.equal(textOf(store.findApiKey(name)), expected)
          assert.equal(textOf(other.findApiKey(name)), expected)
          assert.equal(store.findApiKey(name), store.findApiKey(name))
        }
      }
      const message = model.toMessage('env_1')
      assert.deepEqual(toBinary(DirectorySchema, store.toMessage()), toBinary(DirectorySchema, message))
      assert.deepEqual([store.size.consumers, store.size.apiKeys], [message.consumers.length, message.apiKeys.length])
    }),
    { numRuns: 70 },
  )
  // Larger ones took the place of full ones on the way.
  assert.ok(memories > 90, `${memories}`)
})

test('changing the same key for ever does not take more and more memory', () => {
  const store = createDirectoryStore('env_1')
  store.replace(create(DirectorySchema, { consumers: [create(ConsumerSchema, { id: 'cns_1', name: 'a' })] }))
  for (let round = 0; round < 8_000; round++) {
    const key = create(ApiKeySchema, {
      id: 'key_1',
      consumerId: 'cns_1',
      sha256: hash('sha256', `${round}`, 'buffer'),
      state: 1,
      scopes: [`scope ${round}`],
    })
    const delta = { fromSequence: BigInt(round), toSequence: BigInt(round + 1), apiKeys: [key] }
    store.apply(create(DirectoryDeltaSchema, delta))
  }
  assert.ok(store.size.bytes < 64 * 1024, `${store.size.bytes}`)
  assert.deepEqual(store.findApiKey(hash('sha256', '7999', 'latin1'))?.scopes, ['scope 7999'])
  assert.equal(store.findApiKey(hash('sha256', '7998', 'latin1')), null)
})

test('a hundred thousand keys take less than 20 MiB', () => {
  const store = createDirectoryStore('env_1')
  const consumers = Array.from({ length: 1_000 }, (_, index) =>
    create(ConsumerSchema, { id: `cns_01KAXYZ00000000000000${index + 10_000}`, name: `consumer ${index}` }),
  )
  const apiKeys = Array.from({ length: 100_000 }, (_, index) =>
    create(ApiKeySchema, {
      id: `key_01KAXYZ0000000000000${index + 100_000}`,
      consumerId: consumers[index % 1_000]?.id ?? '',
      sha256: hash('sha256', `${index}`, 'buffer'),
      scopes: ['orders:read', 'orders:write'],
      state: 1,
      last4: 'abcd',
    }),
  )
  store.replace(create(DirectorySchema, { consumers, apiKeys, sequence: 1n }))
  // What is never written is not resident either.
  const { bytesUsed } = store.size
  assert.ok(bytesUsed < 20 * 1024 * 1024, `${bytesUsed}`)
  for (let index = 0; index < 100_000; index += 997) {
    assert.equal(store.findApiKey(hash('sha256', `${index}`, 'latin1'))?.consumer, `consumer ${index % 1_000}`)
  }
})
