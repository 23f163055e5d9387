/**
 * Threads that read a directory while it is changed under their hands.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import { create } from '@bufbuild/protobuf'
import {
  ApiKeySchema,
  type Consumer,
  ConsumerSchema,
  CredentialSchema,
  CredentialState,
  type DirectoryDelta,
  DirectoryDeltaSchema,
  DirectorySchema,
} from '@headgate/proto'
import { postMemory } from './hand-over.ts'
import { createDirectoryStore } from './store.ts'
import type { RacingReaderData } from './testing/racing-reader.ts'

const KEYS = 40
const READERS = 2
/** The race goes on until so much has happened, however long a busy machine takes for it. */
const LOOK_UPS = 10_000
const CHANGES = 2_000
const MEMORIES = 10
/** A reader that does not come this far in this time hangs. */
const RACE_MS_MAX = 60_000

// Guards against a reader that mixes two versions, and against one that admits what was revoked before it asked.
test('no thread ever sees half a key, or one that was changed or deleted before it looked', async () => {
  const floor = new Int32Array(new SharedArrayBuffer((KEYS + 1) * 4))
  const looked = new Int32Array(new SharedArrayBuffer(READERS * 4))
  const channels = Array.from({ length: READERS }, () => new MessageChannel())
  let memories = 0
  const store = createDirectoryStore('env_1', (handle) => {
    memories += 1
    for (const { port1 } of channels) postMemory(port1, 'env_1', handle)
  })
  store.replace(create(DirectorySchema, { consumers: [shop(0)] }))
  const answers = channels.map(async ({ port2 }, reader) => {
    const workerData: RacingReaderData = { port: port2, floor, keys: KEYS, looked, reader }
    const worker = new Worker(new URL('testing/racing-reader.ts', import.meta.url), {
      workerData,
      transferList: [port2],
    })
    const { promise, resolve, reject } = Promise.withResolvers<readonly string[]>()
    worker.once('message', resolve)
    worker.once('error', reject)
    const problems = await promise
    await worker.terminate()
    return problems
  })

  const end = performance.now() + RACE_MS_MAX
  const lookUps = (): number => Math.min(...Array.from(looked.keys(), (reader) => Atomics.load(looked, reader)))
  const isOver = (): boolean => lookUps() > LOOK_UPS && changes > CHANGES && memories > MEMORIES
  let changes = 0
  for (let version = 1; !isOver() && performance.now() < end; version++) {
    for (let index = 0; index < KEYS; index++) {
      store.apply(change(store.sequence, index, version))
      Atomics.store(floor, index, version)
      changes += 1
    }
    await turn()
  }
  Atomics.store(floor, KEYS, 1)
  for (const problems of await Promise.all(answers)) assert.deepEqual(problems, [])
  assert.ok(isOver(), `${lookUps()} look-ups, ${memories} memories, ${changes} changes`)
  for (const { port1 } of channels) port1.close()
})

const shop = (version: number): Consumer => create(ConsumerSchema, { id: 'cns_1', name: 'shop', roles: [`${version}`] })

function change(sequence: bigint, index: number, version: number): DirectoryDelta {
  const base = {
    consumerId: 'cns_1',
    state: CredentialState.ACTIVE,
    scopes: [`${version}`],
    expiresAtMs: BigInt(version),
  }
  const sha256 = hash('sha256', `key ${index}`, 'buffer')
  const key = create(ApiKeySchema, { ...base, id: `key_${index}`, sha256, last4: 'abcd' })
  const proof = { case: 'certificate', value: { identity: `dns:${index}` } } as const
  const certificate = create(CredentialSchema, { ...base, id: `certificate_${index}`, proof })
  return create(DirectoryDeltaSchema, {
    fromSequence: sequence,
    toSequence: sequence + 1n,
    consumers: index === 0 ? [shop(version)] : [],
    ...(version % 3 === 0
      ? { deletedApiKeyIds: [key.id], deletedCredentialIds: [certificate.id] }
      : { apiKeys: [key], credentials: [certificate] }),
  })
}
