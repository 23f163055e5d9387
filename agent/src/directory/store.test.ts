import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
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
  assert.ok(record !== null)
  const { id, consumerId, consumer, consumerDisabled, state, expiresAtMs, scopes, last4 } = record
  const addresses = record.addresses.map((range) => range.text)
  assert.deepEqual(
    { id, consumerId, consumer, consumerDisabled, state, expiresAtMs, scopes, addresses, last4 },
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

// What a key is, is read when somebody asks: a request that waits must not see what came after it began.
test('a key that was found says the same whenever it is asked, whatever changes meanwhile', () => {
  const store = filled({ apiKeys: [apiKey('key_1', { scopes: ['a'], expiresAtMs: 5n })] })
  const before = store.findApiKey(text('key_1'))
  assert.ok(before !== null)
  store.apply(delta({ apiKeys: [apiKey('key_1', { scopes: ['b'], expiresAtMs: 6n, state: CredentialState.REVOKED })] }))
  assert.equal(store.findApiKey(text('key_1'))?.state, 'revoked')
  // The memory that it was found in is given up.
  store.replace(directory({ apiKeys: [], consumers: [] }))
  assert.equal(store.findApiKey(text('key_1')), null)
  const { id, state, scopes, expiresAtMs, consumer, proven } = before
  assert.deepEqual([id, state, scopes, expiresAtMs, consumer], ['key_1', 'active', ['a'], 5, 'name of cns_1'])
  assert.equal(proven.principal.credentialId, 'key_1')
  assert.equal(before.proven, proven)
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

test('a directory that takes more than was guessed, in many parts, is loaded whole while the old one answers', async () => {
  const store = filled()
  const apiKeys = Array.from({ length: 7_000 }, (_, index) =>
    apiKey(`key_${index}`, { scopes: [`a long scope of its own ${index}`.repeat(9)], consumerId: `cns_${index % 3}` }),
  )
  const consumers = [consumer('cns_0'), consumer('cns_1'), consumer('cns_2', { roles: ['reader'] })]
  const whole = directory({ sequence: 9n, consumers, apiKeys })
  let turns = 0
  let isLoading = true
  const loaded = store.load(toBinary(DirectorySchema, whole)).finally(() => (isLoading = false))
  const watched = (async () => {
    while (isLoading) {
      assert.deepEqual([store.sequence, store.findApiKey(text('key_5000'))], [7n, null])
      assert.equal(store.findApiKey(text('key_1'))?.scopes.length, 0)
      turns += 1
      await turn()
    }
  })()
  assert.equal(await loaded, null)
  await watched
  // One for each part at least.
  assert.ok(turns >= 4, `${turns}`)
  assert.deepEqual([store.sequence, store.size.apiKeys], [9n, 7_000])
  for (const index of [0, 2_000, 6_999]) {
    assert.deepEqual(store.findApiKey(text(`key_${index}`))?.scopes, apiKeys[index]?.scopes)
  }
  assert.deepEqual(store.findApiKey(text('key_5'))?.roles, ['reader'])
})

test('a directory with something unknown, or of another environment, changes nothing', async () => {
  const store = filled()
  const bytesOf = (changed: MessageInitShape<typeof DirectorySchema>): Uint8Array =>
    toBinary(DirectorySchema, directory({ sequence: 9n, apiKeys: [], ...changed }))
  // Field 99: a number.
  const newer = Buffer.concat([bytesOf({}), Buffer.of(0x98, 0x06, 0x01)])
  assert.match((await store.load(newer)) ?? '', /unknown field 99/)
  assert.match((await store.load(bytesOf({ environmentId: 'env_2' }))) ?? '', /another environment/)
  await assert.rejects(store.load(bytesOf({}).subarray(0, -1)))
  assert.deepEqual([store.sequence, store.size.apiKeys], [7n, 1])
})

test('a limit of nothing revokes its key', () => {
  const limits = [{ requests: 10n, windowMs: 1_000n }]
  const stateWith = (changed: object): string | undefined =>
    filled({ apiKeys: [apiKey('key_1', { limits: [...limits, { ...limits[0], ...changed }] })] }).findApiKey(
      text('key_1'),
    )?.state
  assert.equal(stateWith({}), 'active')
  assert.equal(stateWith({ requests: 0n }), 'revoked')
  assert.equal(stateWith({ windowMs: 0n }), 'revoked')
})

test('limits of one key are counted apart, and as many may come at once as are allowed in a window', () => {
  const limits = [
    { requests: 10n, windowMs: 1_000n },
    { requests: 100n, windowMs: 60_000n, burst: 7n },
  ]
  const record = filled({ apiKeys: [apiKey('key_1', { limits })] }).findApiKey(text('key_1'))
  assert.deepEqual(
    record?.limits.map(({ of, id, burst, key }) => [of, id, burst, ...key]),
    [
      ['api_key', 'api_key', 10, 'credential'],
      ['api_key', 'api_key-2', 7, 'credential'],
    ],
  )
})

test('a consumer that takes the name of another is found by it, and the other by its new one', () => {
  const store = filled({ consumers: [consumer('cns_1', { name: 'a' }), consumer('cns_2', { name: 'b' })] })
  const before = store.findConsumer('a')
  store.apply(delta({ consumers: [consumer('cns_1', { name: 'b' }), consumer('cns_2', { name: 'a' })] }))
  assert.deepEqual([before?.id, store.findConsumer('a')?.id, store.findConsumer('b')?.id], ['cns_1', 'cns_2', 'cns_1'])
})
