import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import {
  type ApiKey,
  ApiKeySchema,
  type Consumer,
  ConsumerSchema,
  CredentialState,
  type Directory,
  type DirectoryDelta,
  DirectoryDeltaSchema,
  DirectorySchema,
} from '@headgate/proto'
import { createDirectoryStore } from './store.ts'

const bytes = (text: string): Uint8Array => hash('sha256', text, 'buffer')
const text = (key: string): string => hash('sha256', key, 'latin1')

function apiKey(id: string, changed: MessageInitShape<typeof ApiKeySchema> = {}): ApiKey {
  const { ACTIVE } = CredentialState
  return create(ApiKeySchema, { id, consumerId: 'cns_1', sha256: bytes(id), state: ACTIVE, last4: 'abcd', ...changed })
}

function consumer(id = 'cns_1', changed: MessageInitShape<typeof ConsumerSchema> = {}): Consumer {
  return create(ConsumerSchema, { id, name: `name of ${id}`, ...changed })
}

function directory(changed: MessageInitShape<typeof DirectorySchema> = {}): Directory {
  const base = { environmentId: 'env_1', sequence: 7n, consumers: [consumer()], apiKeys: [apiKey('key_1')] }
  return create(DirectorySchema, { ...base, ...changed })
}

function delta(changed: MessageInitShape<typeof DirectoryDeltaSchema>): DirectoryDelta {
  return create(DirectoryDeltaSchema, { environmentId: 'env_1', fromSequence: 7n, toSequence: 8n, ...changed })
}

function filled(changed: MessageInitShape<typeof DirectorySchema> = {}) {
  const store = createDirectoryStore('env_1')
  store.replace(directory(changed))
  return store
}

test('a key is found by its SHA-256, with its consumer', () => {
  const key = apiKey('key_1', { scopes: ['a', 'b'], expiresAtMs: 5n, addresses: ['10.0.0.0/8'] })
  const record = filled({ apiKeys: [key] }).findApiKey(text('key_1'))
  assert.partialDeepStrictEqual(
    { ...record, addresses: record?.addresses.map((range) => range.text) },
    {
      id: 'key_1',
      consumerId: 'cns_1',
      consumer: 'name of cns_1',
      consumerDisabled: false,
      state: 'active',
      expiresAtMs: 5,
      scopes: ['a', 'b'],
      addresses: ['10.0.0.0/8'],
      last4: 'abcd',
    },
  )
  assert.equal(filled().findApiKey(text('key_2')), null)
})

test('nothing is known before the first whole directory, an empty one included', () => {
  const store = createDirectoryStore('env_1')
  assert.equal(store.known, false)
  assert.equal(store.apply(delta({ fromSequence: 0n })), 'gap')
  store.replace(create(DirectorySchema, { environmentId: 'env_1' }))
  assert.deepEqual([store.known, store.sequence], [true, 0n])
})

test('a delta creates, changes and deletes', () => {
  const store = filled({ apiKeys: [apiKey('key_1'), apiKey('key_2')] })
  const result = store.apply(
    delta({
      consumers: [consumer('cns_1', { disabled: true }), consumer('cns_2')],
      apiKeys: [
        apiKey('key_1', { state: CredentialState.REVOKED }),
        apiKey('key_3', { consumerId: 'cns_2', sha256: bytes('key_3') }),
      ],
      deletedApiKeyIds: ['key_2'],
    }),
  )
  assert.equal(result, 'applied')
  assert.equal(store.sequence, 8n)
  const changed = store.findApiKey(text('key_1'))
  assert.deepEqual([changed?.state, changed?.consumerDisabled], ['revoked', true])
  assert.equal(store.findApiKey(text('key_2')), null)
  assert.equal(store.findApiKey(text('key_3'))?.consumer, 'name of cns_2')
})

test('a delta from another sequence changes nothing', () => {
  for (const fromSequence of [0n, 6n, 8n, 100n]) {
    const store = filled()
    assert.equal(store.apply(delta({ fromSequence, toSequence: 101n, deletedApiKeyIds: ['key_1'] })), 'gap')
    assert.equal(store.sequence, 7n)
    assert.notEqual(store.findApiKey(text('key_1')), null)
  }
})

test('keys of a deleted consumer are refused at once', () => {
  const store = filled()
  store.apply(delta({ deletedConsumerIds: ['cns_1'] }))
  assert.equal(store.findApiKey(text('key_1')), null)
})

test('a key whose consumer never came does not exist', () => {
  assert.equal(filled({ consumers: [] }).findApiKey(text('key_1')), null)
})

test('only the state active admits: unset and unknown ones count as revoked', () => {
  const states: readonly (readonly [number, string])[] = [
    [0, 'revoked'],
    [1, 'active'],
    [2, 'disabled'],
    [3, 'revoked'],
    [99, 'revoked'],
  ]
  for (const [state, expected] of states) {
    const key = apiKey('key_1', { state: state as CredentialState })
    assert.equal(filled({ apiKeys: [key] }).findApiKey(text('key_1'))?.state, expected)
  }
})

test('a hash of another length can never be presented', () => {
  for (const length of [0, 1, 31, 33, 64]) {
    const store = filled({ apiKeys: [apiKey('key_1', { sha256: new Uint8Array(length) })] })
    assert.equal(store.findApiKey(Buffer.alloc(length).toString('latin1')), null)
  }
})

test('a key that is given a new hash is found by that one only', () => {
  const store = filled()
  store.apply(delta({ apiKeys: [apiKey('key_1', { sha256: bytes('other') })] }))
  assert.equal(store.findApiKey(text('key_1')), null)
  assert.equal(store.findApiKey(text('other'))?.id, 'key_1')
})

test('a whole directory takes the place of everything', () => {
  const store = filled()
  store.replace(directory({ sequence: 3n, apiKeys: [apiKey('key_9', { sha256: bytes('nine') })] }))
  assert.deepEqual([store.sequence, store.size.apiKeys], [3n, 1])
  assert.equal(store.findApiKey(text('key_1')), null)
})

test('what is given out as a message is what was taken in', () => {
  const before = directory({
    consumers: [consumer('cns_1'), consumer('cns_2', { disabled: true })],
    apiKeys: [
      apiKey('key_1', { scopes: ['b', 'a'], addresses: ['10.0.0.0/8', '::1'], expiresAtMs: 1_800_000_000_000n }),
      apiKey('key_2', { sha256: bytes('two'), state: CredentialState.DISABLED }),
    ],
  })
  const store = createDirectoryStore('env_1')
  store.replace(fromBinary(DirectorySchema, toBinary(DirectorySchema, before)))
  assert.deepEqual(toBinary(DirectorySchema, store.toMessage()), toBinary(DirectorySchema, before))
})
