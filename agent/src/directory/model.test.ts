/**
 * The directory in shared memory against one in plain Maps, over changes that nobody thought of.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { ApiKeyRecord, CredentialRecord } from '@headgate/core'
import {
  type ApiKey,
  ApiKeySchema,
  type Consumer,
  ConsumerSchema,
  type Credential,
  CredentialSchema,
  type CredentialState,
  DirectoryDeltaSchema,
  DirectorySchema,
} from '@headgate/proto'
import fc from 'fast-check'
import { openMemory } from './memory.ts'
import { createDirectoryReader, type DirectoryReader } from './reader.ts'
import { createDirectoryStore } from './store.ts'
import { ModelDirectory } from './testing/model.ts'

const HASHES = Array.from({ length: 24 }, (_, index) => hash('sha256', `key ${index}`, 'buffer'))

const NAMES = ['', 'a', 'orders', 'ü', 'a:b']
const CREDENTIAL_NAMES = NAMES.flatMap((name) => [['certificate', name] as const, ['signing_key', name] as const])

// Few of each, so that they meet: keys that share a hash, consumers that share a name, and all that come and go.
const number = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max })
const texts = fc.array(fc.constantFrom('a', 'orders:read', 'ü', '10.0.0.0/8', ''), { maxLength: 3 })
const long = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const consumer = fc
  .record({
    id: number(4),
    name: fc.oneof(fc.constantFrom(...NAMES), fc.string({ unit: 'binary', maxLength: 12 })),
    disabled: fc.boolean(),
    roles: texts,
  })
  .map(({ id, ...rest }) => create(ConsumerSchema, { id: `cns_${id}`, ...rest }))
const proving = {
  consumerId: number(5).map((id) => `cns_${id}`),
  state: number(4).map((state) => state as CredentialState),
  scopes: texts,
  addresses: texts,
  expiresAtMs: long,
}
/** Some have the usual form, which is kept otherwise. */
const keyIdOf = (index: number): string =>
  index < 6 ? `key_${index}` : `key_${'7Z0'[index % 3]}1KAXYZ00000000000ABCDE${index + 100}`
const apiKey = fc
  .record({
    id: number(12).map(keyIdOf),
    hash: number(HASHES.length - 1),
    last4: fc.oneof(fc.constant('abcd'), fc.string({ unit: 'binary', maxLength: 4 })),
    decoy: fc.boolean(),
    limits: fc.array(fc.record({ requests: fc.oneof(fc.constant(5n), long), windowMs: long, burst: long }), {
      maxLength: 2,
    }),
    ...proving,
  })
  .map(({ hash: index, ...rest }) => create(ApiKeySchema, { sha256: new Uint8Array(HASHES[index] ?? []), ...rest }))
const name = fc.constantFrom(...NAMES)
type Proof = NonNullable<MessageInitShape<typeof CredentialSchema>['proof']>
const proof: fc.Arbitrary<Proof> = fc.oneof(
  name.map((identity): Proof => ({ case: 'certificate', value: { identity } })),
  name.map((keyId): Proof => ({ case: 'signingKey', value: { keyId } })),
  name.map((keyId): Proof => ({
    case: 'signingKey',
    value: { keyId, key: { case: 'ed25519PublicKey', value: `PEM ${keyId}` } },
  })),
  name.map((keyId): Proof => ({
    case: 'signingKey',
    value: { keyId, key: { case: 'hmacSecret', value: 'env://SECRET' } },
  })),
  fc.constant<Proof>({ case: undefined }),
)
const credential = fc
  .record({ id: number(6).map((id) => `crd_${id}`), proof, ...proving })
  .map((fields) => create(CredentialSchema, fields))
const change = fc.record({
  whole: number(20).map((one) => one === 0),
  consumers: fc.array(consumer, { maxLength: 3 }),
  apiKeys: fc.array(apiKey, { maxLength: 12 }),
  credentials: fc.array(credential, { maxLength: 4 }),
  deletedConsumerIds: fc.array(
    number(5).map((id) => `cns_${id}`),
    { maxLength: 1 },
  ),
  deletedApiKeyIds: fc.array(number(12).map(keyIdOf), { maxLength: 2 }),
  deletedCredentialIds: fc.array(
    number(6).map((id) => `crd_${id}`),
    { maxLength: 1 },
  ),
})

const STATES = ['revoked', 'active', 'disabled', 'revoked', 'revoked'] as const

/** What keys and credentials have in common, as it must be found. */
function provingFields(of: ApiKey | Credential, { id, name: called, disabled, roles }: Consumer) {
  return {
    id: of.id,
    consumerId: id,
    consumer: called,
    consumerDisabled: disabled,
    state: STATES[of.state],
    expiresAtMs: Number(of.expiresAtMs),
    scopes: of.scopes,
    roles,
    addresses: of.addresses,
  }
}

function keyFields(model: ModelDirectory, sha256: string): object | null {
  const found = model.findKey(sha256)
  if (found === null) return null
  const { last4, decoy, limits } = found.key
  const isBroken = limits.some(({ requests, windowMs }) => requests === 0n || windowMs === 0n)
  const fields = provingFields(found.key, found.consumer)
  return {
    ...fields,
    state: isBroken ? 'revoked' : fields.state,
    last4,
    decoy,
    limits: isBroken
      ? []
      : limits.map(({ requests, windowMs, burst }) => [requests, windowMs, burst || requests].map(Number)),
  }
}

function foundKey(record: ApiKeyRecord | null): object | null {
  if (record === null) return null
  const { id, consumerId, consumer, consumerDisabled, state, expiresAtMs, scopes, roles, last4, decoy } = record
  const { addresses, limits, proven } = record
  const { principal } = proven
  assert.deepEqual(
    [principal.credentialId, principal.credentialHint, principal.consumerId, principal.consumer],
    [id, `…${last4}`, consumerId, consumer],
  )
  assert.deepEqual([principal.expiresAtMs, principal.scopes, principal.roles], [expiresAtMs, scopes, roles])
  return {
    id,
    consumerId,
    consumer,
    consumerDisabled,
    state,
    expiresAtMs,
    scopes,
    roles,
    last4,
    decoy,
    addresses: addresses.map(({ text }) => text),
    limits: limits.map(({ amount, windowMs, burst }) => [amount, windowMs, burst]),
  }
}

function credentialFields(model: ModelDirectory, kind: 'certificate' | 'signing_key', hint: string): object | null {
  const found = model.findCredential(`${kind}:${hint}`)
  if (found === null) return null
  const { proof: by } = found.credential
  const key = by.case === 'signingKey' ? by.value.key : { case: undefined }
  return {
    kind,
    ...provingFields(found.credential, found.consumer),
    hint,
    key:
      key.case === 'ed25519PublicKey'
        ? { algorithm: 'ed25519', publicKey: key.value }
        : key.case === 'hmacSecret'
          ? { algorithm: 'hmac-sha256', secret: key.value }
          : null,
  }
}

function foundCredential(record: CredentialRecord | null): object | null {
  if (record === null) return null
  const { proven, addresses, ...rest } = record
  assert.equal(proven.principal.credentialId, rest.id)
  return { ...rest, addresses: addresses.map(({ text }) => text) }
}

function compare(model: ModelDirectory, reader: DirectoryReader): void {
  for (const bytes of HASHES) {
    const sha256 = bytes.toString('latin1')
    const record = reader.findApiKey(sha256)
    assert.deepEqual(foundKey(record), keyFields(model, sha256))
    assert.equal(reader.findApiKey(sha256), record)
  }
  for (const name of NAMES) {
    const expected = model.findConsumer(name)
    const found = reader.findConsumer(name)
    assert.equal(reader.findConsumer(name), found)
    if (expected === null) assert.equal(found, null)
    else {
      const { id, disabled, roles } = expected
      assert.partialDeepStrictEqual(found, { id, name, disabled, roles })
    }
  }
  for (const [kind, hint] of CREDENTIAL_NAMES) {
    const record = reader.findCredential(kind, hint)
    assert.deepEqual(foundCredential(record), credentialFields(model, kind, hint))
    assert.equal(reader.findCredential(kind, hint), record)
  }
}

test('every look-up, on the thread that writes and on others, answers what plain Maps answer', async () => {
  let memories = 0
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 40 }), async (changes) => {
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
      for (const [index, { whole, ...rest }] of changes.entries()) {
        if (whole) {
          const directory = create(DirectorySchema, { ...rest, sequence: store.sequence })
          if (index % 2 === 0) store.replace(directory)
          else assert.equal(await store.load(toBinary(DirectorySchema, directory)), null)
          model.replace(directory)
        } else {
          const delta = { ...rest, fromSequence: store.sequence, toSequence: store.sequence + 1n }
          assert.equal(store.apply(create(DirectoryDeltaSchema, delta)), 'applied')
          model.apply(create(DirectoryDeltaSchema, delta))
        }
        compare(model, store)
        compare(model, other)
      }
      const message = model.toMessage('env_1')
      assert.deepEqual(store.toMessage(), message)
      assert.deepEqual([store.size.consumers, store.size.apiKeys], [message.consumers.length, message.apiKeys.length])
      const again = createDirectoryStore('env_1')
      assert.equal(await again.load(await store.toBytes()), null)
      assert.deepEqual(again.toMessage(), message)
    }),
    { numRuns: 60 },
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

test('a hundred thousand keys take less than 12 MiB, with what the writing thread needs to change them', () => {
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
  assert.ok(bytesUsed < 12 * 1024 * 1024, `${bytesUsed}`)
  for (let index = 0; index < 100_000; index += 997) {
    assert.equal(store.findApiKey(hash('sha256', `${index}`, 'latin1'))?.consumer, `consumer ${index % 1_000}`)
  }
})
