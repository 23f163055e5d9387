/**
 * Threads that read a directory while it is changed under their hands.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { MessageChannel, Worker } from 'node:worker_threads'
import { create } from '@bufbuild/protobuf'
import { ApiKeySchema, ConsumerSchema, DirectoryDeltaSchema, DirectorySchema } from '@headgate/proto'
import { postMemory } from './hand-over.ts'
import { createDirectoryStore } from './store.ts'
import type { RacingReaderData } from './testing/racing-reader.ts'

const KEYS = 40
const READERS = 2
const RACE_MS = 800

interface Answer {
  readonly problems: readonly string[]
  readonly lookUps: number
}

// Guards against a reader that mixes two versions, and against one that admits what was revoked before it asked.
test('no thread ever sees half a key, or one that was changed or deleted before it looked', async () => {
  const floor = new Int32Array(new SharedArrayBuffer((KEYS + 1) * 4))
  const channels = Array.from({ length: READERS }, () => new MessageChannel())
  let memories = 0
  const store = createDirectoryStore('env_1', (handle) => {
    memories += 1
    for (const { port1 } of channels) postMemory(port1, 'env_1', handle)
  })
  store.replace(create(DirectorySchema, { consumers: [create(ConsumerSchema, { id: 'cns_1', name: 'name 0' })] }))
  const answers = channels.map(async ({ port2 }) => {
    const workerData: RacingReaderData = { port: port2, floor, keys: KEYS }
    const worker = new Worker(new URL('testing/racing-reader.ts', import.meta.url), {
      workerData,
      transferList: [port2],
    })
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    worker.once('message', resolve)
    worker.once('error', reject)
    const answer = await promise
    await worker.terminate()
    return answer
  })

  const end = performance.now() + RACE_MS
  let changes = 0
  for (let version = 1; performance.now() < end; version++) {
    for (let index = 0; index < KEYS; index++) {
      const last4 = `${version}`
      const key = create(ApiKeySchema, {
        id: `key_${index}`,
        consumerId: 'cns_1',
        sha256: hash('sha256', `key ${index}`, 'buffer'),
        state: 1,
        last4,
        scopes: [last4],
        expiresAtMs: BigInt(version),
      })
      const sequence = { fromSequence: store.sequence, toSequence: store.sequence + 1n }
      const what = version % 3 === 0 ? { deletedApiKeyIds: [key.id] } : { apiKeys: [key] }
      const consumers = index === 0 ? [create(ConsumerSchema, { id: 'cns_1', name: `name ${version}` })] : []
      store.apply(create(DirectoryDeltaSchema, { ...sequence, ...what, consumers }))
      Atomics.store(floor, index, version)
      changes += 1
    }
    await turn()
  }
  Atomics.store(floor, KEYS, 1)
  for (const { problems, lookUps } of await Promise.all(answers)) {
    assert.deepEqual(problems, [])
    assert.ok(lookUps > 10_000, `${lookUps}`)
  }
  assert.ok(memories > 10 && changes > 1_000, `${memories} memories, ${changes} changes`)
  for (const { port1 } of channels) port1.close()
})
