import { type MessageInitShape, create, toBinary } from '@bufbuild/protobuf'
import { createLog } from '@headgate/kit/log.ts'
import {
  AssignmentSchema,
  CredentialState,
  DirectoryDeltaSchema,
  DirectorySchema,
  type SignedSnapshot,
  SignedSnapshotSchema,
  SnapshotSchema,
} from '@headgate/proto'
import fc from 'fast-check'
import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { createLive } from '#agent/live.ts'
import { createApplier } from './apply.ts'
import { createDisk } from './disk.ts'

const ENVIRONMENT = 'env_01KAXYZ0000000000000000000'
const log = createLog({ name: 'test', level: 'silent' })
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const signingKeys = [
  { keyId: 'sig_1', publicKey: Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url') },
]

const text = (value: unknown) => Buffer.from(JSON.stringify(value))
const objects = (route: string) => [
  { kind: 'route', name: route, spec: text({ hosts: ['api.example.com'], path: '/orders', service: 'orders' }) },
  { kind: 'service', name: 'orders', spec: text({ owner: 'team', targets: [{ url: 'http://127.0.0.1:9000' }] }) },
]

function bytesOf(number: bigint, change: MessageInitShape<typeof SnapshotSchema> = {}): Uint8Array {
  const base = { tenantId: 'ten_1', tenant: 'acme', environmentId: ENVIRONMENT, environment: 'production' }
  const rest = { number, publishedAtMs: 1n, capabilityMin: 1, objects: objects('orders') }
  return toBinary(SnapshotSchema, create(SnapshotSchema, { ...base, ...rest, ...change }))
}

function signed(snapshot: Uint8Array): SignedSnapshot {
  const signature = sign(null, Buffer.concat([Buffer.from('headgate snapshot v1\0'), snapshot]), privateKey)
  return create(SignedSnapshotSchema, { snapshot, signature, keyId: 'sig_1' })
}

async function withAgent(work: (parts: ReturnType<typeof partsIn>) => Promise<void>): Promise<void> {
  const stateDir = await mkdtemp(join(tmpdir(), 'headgate-apply-'))
  try {
    const parts = partsIn(stateDir)
    await parts.applier.assign(create(AssignmentSchema, { environmentIds: [ENVIRONMENT] }))
    await work(parts)
  } finally {
    await rm(stateDir, { recursive: true, force: true })
  }
}

const diskKey = randomBytes(100)

function partsIn(stateDir: string) {
  const live = createLive()
  const disk = createDisk({ stateDir, privateKey: diskKey, log })
  const applier = createApplier({ live, disk: () => disk, signingKeys: () => signingKeys, log })
  return { stateDir, live, disk, applier }
}

const directory = (sequence: bigint, change: MessageInitShape<typeof DirectorySchema> = {}) => {
  const base = { environmentId: ENVIRONMENT, sequence, consumers: [{ id: 'cns_1', name: 'alice' }] }
  return toBinary(DirectorySchema, create(DirectorySchema, { ...base, ...change }))
}
const delta = (fromSequence: bigint, id = 'cns_2') =>
  create(DirectoryDeltaSchema, {
    environmentId: ENVIRONMENT,
    fromSequence,
    toSequence: fromSequence + 1n,
    consumers: [{ id, name: id }],
  })

test('a genuine release becomes live and is there after a restart', () =>
  withAgent(async ({ applier, live, stateDir }) => {
    const applied = await applier.release(signed(bytesOf(1n)))
    assert.deepEqual([applied.accepted, applied.reasons, applied.held?.releaseNumber], [true, [], 1n])
    assert.equal(live.environments()[0]?.number, 1)
    const restarted = partsIn(stateDir)
    await restarted.applier.load()
    assert.deepEqual([...(restarted.live.environments()[0]?.release.routes.keys() ?? [])], ['orders'])
    // The number that is held counts, whoever was asked for it last.
    const older = await restarted.applier.release(signed(bytesOf(0n)))
    assert.equal(older.accepted, false)
  }))

for (const [name, change, reason] of [
  ['an unknown kind', { objects: [{ kind: 'quota', name: 'x', spec: text({}) }] }, /quota/],
  [
    'an unknown field in a spec',
    {
      objects: [
        { kind: 'service', name: 'x', spec: text({ owner: 'a', targets: [{ url: 'http://a' }], secret_door: true }) },
      ],
    },
    /secret_door/,
  ],
  ['a spec that is no JSON', { objects: [{ kind: 'route', name: 'x', spec: Buffer.from('{') }] }, /JSON/],
  ['a spec that is no UTF-8', { objects: [{ kind: 'route', name: 'x', spec: Buffer.from([0x22, 0xff, 0x22]) }] }, /./],
  ['a route without its service', { objects: objects('orders').slice(0, 1) }, /no service orders/],
] as const) {
  test(`a release with ${name} is refused with the reason, and the old one stays live`, () =>
    withAgent(async ({ applier, live }) => {
      await applier.release(signed(bytesOf(1n)))
      const before = live.environments()[0]
      const applied = await applier.release(signed(bytesOf(2n, change as MessageInitShape<typeof SnapshotSchema>)))
      assert.equal(applied.accepted, false)
      assert.match(applied.reasons.join('; '), reason)
      assert.equal(live.environments()[0], before)
      // And a later good one is taken.
      assert.equal((await applier.release(signed(bytesOf(3n)))).accepted, true)
    }))
}

// Whoever could sign garbage would still not get it past the compiler, nor bring the agent down.
test('no snapshot that was mutated and signed makes the agent throw or lose what is live', () =>
  withAgent(async ({ applier, live }) => {
    await applier.release(signed(bytesOf(1n)))
    const whole = bytesOf(2n)
    const mutation = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(mutation, fc.nat(40), async (changes, cut) => {
        const bytes = new Uint8Array(whole)
        for (const [at, value] of changes) bytes[at] = value
        const mutated = cut === 0 ? bytes : bytes.slice(0, bytes.length - cut + 1)
        const applied = await applier.release(signed(mutated))
        assert.equal(applied.accepted || applied.reasons.length > 0, true)
        assert.ok((live.environments()[0]?.number ?? 0) >= 1)
      }),
      { numRuns: 3_000 },
    )
  }))

test('what arrives for an environment that is not served here is refused', () =>
  withAgent(async ({ applier, live }) => {
    const other = 'env_01KAXYZ0000000000000000009'
    assert.equal((await applier.release(signed(bytesOf(1n, { environmentId: other })))).accepted, false)
    assert.equal((await applier.directory(directory(1n, { environmentId: other }))).accepted, false)
    assert.equal((await applier.delta({ ...delta(1n), environmentId: other })).accepted, false)
    assert.deepEqual(live.environments(), [])
  }))

test('an environment that is not assigned any more is gone from memory and disk', () =>
  withAgent(async ({ applier, live, stateDir }) => {
    await applier.release(signed(bytesOf(1n)))
    await applier.directory(directory(1n))
    await applier.assign(create(AssignmentSchema, { environmentIds: [] }))
    assert.deepEqual(live.held(), [])
    assert.deepEqual(await readdir(join(stateDir, 'environments')), [])
  }))

test('changes of a directory survive a crash right after their ack', () =>
  withAgent(async ({ applier, stateDir }) => {
    await applier.directory(directory(5n))
    for (const from of [5n, 6n, 7n]) assert.equal((await applier.delta(delta(from, `cns_${from}`))).accepted, true)
    const restarted = partsIn(stateDir)
    await restarted.applier.load()
    const store = restarted.live.directory(ENVIRONMENT)
    assert.equal(store.sequence, 8n)
    assert.deepEqual(
      store.toMessage().consumers.map(({ id }) => id),
      ['cns_1', 'cns_5', 'cns_6', 'cns_7'],
    )
    // And it goes on from there, also over a second restart.
    assert.equal((await restarted.applier.delta(delta(8n))).accepted, true)
    const again = partsIn(stateDir)
    await again.applier.load()
    assert.equal(again.live.directory(ENVIRONMENT).sequence, 9n)
  }))

test('a change with a gap before it is refused, and what is held is said', () =>
  withAgent(async ({ applier }) => {
    await applier.directory(directory(5n))
    const applied = await applier.delta(delta(6n))
    assert.deepEqual([applied.accepted, applied.held?.directorySequence], [false, 5n])
    assert.match(applied.reasons[0] ?? '', /starts from sequence 6, this agent holds 5/)
  }))

test('a directory or change with an unknown field is refused', () =>
  withAgent(async ({ applier }) => {
    const $unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(1) }]
    // Field 99: a number.
    const newer = Buffer.concat([directory(1n), Buffer.of(0x98, 0x06, 0x01)])
    const refused = await applier.directory(newer)
    assert.equal(refused.accepted, false)
    assert.match(refused.reasons[0] ?? '', /unknown field 99/)
    await applier.directory(directory(1n))
    assert.equal((await applier.delta({ ...delta(1n), $unknown })).accepted, false)
  }))

test('a directory that cannot be read is refused, and what was live stays', () =>
  withAgent(async ({ applier, live }) => {
    await applier.directory(directory(1n))
    const whole = directory(2n)
    for (let length = ENVIRONMENT.length + 2; length < whole.length; length++) {
      // Cut between two fields it is a directory all the same.
      const applied = await applier.directory(whole.subarray(0, length))
      if (applied.accepted) await applier.directory(directory(1n))
    }
    assert.deepEqual(
      live
        .directory(ENVIRONMENT)
        .toMessage()
        .consumers.map(({ name }) => name),
      ['alice'],
    )
  }))

test('every field of credentials, roles and limits is there after a restart', () =>
  withAgent(async ({ applier, live, stateDir }) => {
    const proving = {
      consumerId: 'cns_1',
      state: CredentialState.ACTIVE,
      scopes: ['a'],
      addresses: ['10.0.0.0/8'],
      expiresAtMs: 7n,
    }
    const sha256 = randomBytes(32)
    await applier.directory(
      directory(1n, {
        consumers: [{ id: 'cns_1', name: 'alice', roles: ['reader'] }],
        apiKeys: [
          { ...proving, id: 'key_1', sha256, last4: 'abcd', decoy: true, limits: [{ requests: 5n, windowMs: 1_000n }] },
        ],
        credentials: [
          { ...proving, id: 'crd_1', proof: { case: 'certificate', value: { identity: 'dns:ci.acme.test' } } },
        ],
      }),
    )
    const signing = { keyId: 'ci', key: { case: 'hmacSecret', value: 'env://SECRET' } } as const
    await applier.delta(
      create(DirectoryDeltaSchema, {
        environmentId: ENVIRONMENT,
        fromSequence: 1n,
        toSequence: 2n,
        credentials: [{ ...proving, id: 'crd_2', proof: { case: 'signingKey', value: signing } }],
        deletedCredentialIds: ['crd_1'],
      }),
    )
    const restarted = partsIn(stateDir)
    await restarted.applier.load()
    const store = restarted.live.directory(ENVIRONMENT)
    assert.deepEqual(store.toMessage(), live.directory(ENVIRONMENT).toMessage())
    assert.deepEqual(store.findConsumer('alice')?.roles, ['reader'])
    const key = store.findApiKey(sha256.toString('latin1'))
    assert.deepEqual([key?.decoy, key?.roles], [true, ['reader']])
    assert.equal(store.findCredential('certificate', 'dns:ci.acme.test'), null)
    assert.deepEqual(store.findCredential('signing_key', 'ci')?.key, {
      algorithm: 'hmac-sha256',
      secret: 'env://SECRET',
    })
  }))

// A full disk must not stop a release or, worse, a revocation.
test('a disk that takes nothing costs the restart and nothing else', () =>
  withAgent(async ({ applier, live, stateDir }) => {
    await rm(join(stateDir, 'environments'), { recursive: true, force: true })
    // A file where the folder should be: also root cannot write into that.
    await writeFile(join(stateDir, 'environments'), '')
    await chmod(join(stateDir, 'environments'), 0o400)
    assert.equal((await applier.release(signed(bytesOf(1n)))).accepted, true)
    assert.equal((await applier.directory(directory(1n))).accepted, true)
    assert.equal((await applier.delta(delta(1n))).accepted, true)
    assert.deepEqual(live.held(), [{ environmentId: ENVIRONMENT, releaseNumber: 1, directorySequence: 2n }])
  }))

// What is appended behind half an entry would not be read: a key that was revoked after that would be back.
test('after a disk that was full is free again, everything is on it with the next change', () =>
  withAgent(async ({ applier, disk, stateDir }) => {
    await applier.release(signed(bytesOf(1n)))
    await applier.directory(directory(5n))
    const { appendDelta } = disk
    disk.appendDelta = async () => {
      await writeFile(join(stateDir, 'environments', `${ENVIRONMENT}.deltas`), 'half an ent')
      throw new Error('ENOSPC')
    }
    assert.equal((await applier.delta(delta(5n, 'cns_lost'))).accepted, true)
    disk.appendDelta = appendDelta
    assert.equal((await applier.delta(delta(6n, 'cns_found'))).accepted, true)
    const restarted = partsIn(stateDir)
    await restarted.applier.load()
    const ids = restarted.live
      .directory(ENVIRONMENT)
      .toMessage()
      .consumers.map(({ id }) => id)
    assert.deepEqual(ids, ['cns_1', 'cns_found', 'cns_lost'])
    assert.equal(restarted.live.environments()[0]?.number, 1)
  }))

test('a release on disk that another key signed is refused at the start', () =>
  withAgent(async ({ applier, stateDir }) => {
    await applier.release(signed(bytesOf(1n)))
    const live = createLive()
    const disk = createDisk({ stateDir, privateKey: diskKey, log })
    const strangers = [{ keyId: 'sig_1', publicKey: randomBytes(32) }]
    await createApplier({ live, disk: () => disk, signingKeys: () => strangers, log }).load()
    assert.deepEqual(live.environments(), [])
  }))
