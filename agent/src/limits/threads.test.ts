/**
 * Limits that several threads take from at once.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type CompiledLimit, type LimitDemand, plainLimit } from '@headgate/core'
import { createLocalLimits } from './local.ts'
import { createLocalMemory, type LocalMemory, watchLocalMemory } from './memory.ts'
import type { HammerData } from './testing/hammer.ts'

const THREADS = 3
/** That of the threads. */
const CLOCK = { now: () => 1_800_014_400_000, monotonic: () => 1_000 }

function limit(policy: string, burst: number): CompiledLimit {
  return plainLimit({ policy, id: `acme/production/${policy}`, amount: burst, windowMs: 3_600_000, burst, key: [] })
}

interface Answer {
  readonly taken: readonly number[]
  readonly unavailable: number
}

/** @returns what was let through in all, for each of the demands. */
async function hammer(
  memory: LocalMemory,
  demands: readonly (readonly LimitDemand[])[],
  times: number,
): Promise<readonly number[]> {
  const start = new Int32Array(new SharedArrayBuffer(4))
  const workerData: HammerData = { memory, start, demands, times }
  const workers = Array.from(
    { length: THREADS },
    () => new Worker(new URL('testing/hammer.ts', import.meta.url), { workerData }),
  )
  await Promise.all(workers.map(async (worker) => await once(worker, 'message')))
  const answers = workers.map(async (worker) => {
    const [answer] = (await once(worker, 'message')) as [Answer]
    await worker.terminate()
    return answer
  })
  Atomics.store(start, 0, 1)
  Atomics.notify(start, 0)
  const all = await Promise.all(answers)
  for (const { unavailable } of all) assert.equal(unavailable, 0)
  return demands.map((_, index) => all.reduce((sum, { taken }) => sum + (taken[index] ?? 0), 0))
}

test('threads that hammer one limit are let through exactly as often as its burst', async () => {
  const one = { limit: limit('burst', 5_000), key: 'a', cost: 1 }
  assert.deepEqual(await hammer(createLocalMemory(1_000), [[one]], 20_000), [5_000])
})

test('threads that hammer many keys are let through exactly as often as each burst', async () => {
  const demands = Array.from({ length: 200 }, (_, index) => [{ limit: limit('many', 50), key: `${index}`, cost: 1 }])
  assert.deepEqual(
    await hammer(createLocalMemory(1_000), demands, 300),
    demands.map(() => 50),
  )
})

// Guards against a limit that loses what another one refused: its caller would wait for nothing.
test('with two limits no thread passes too much, and what the narrow one refuses costs the wide one nothing', async () => {
  const memory = createLocalMemory(1_000)
  const [wide, narrow] = [
    { limit: limit('wide', 4_000), key: 'a', cost: 1 },
    { limit: limit('narrow', 1_000), key: 'a', cost: 1 },
  ]
  assert.deepEqual(await hammer(memory, [[wide, narrow]], 5_000), [1_000])
  const after = createLocalLimits({ memory, clock: CLOCK }).take('env_1', [wide])
  assert.equal(after.kind === 'taken' && after.states[0]?.remaining, 2_999)
})

test('in a table that is far too small, threads end, and every counter has one owner', async () => {
  const memory = createLocalMemory(1)
  const demands = Array.from({ length: 64 }, (_, index) => [{ limit: limit('many', 10), key: `${index}`, cost: 1 }])
  const taken = await hammer(memory, demands, 200)
  // A counter that is taken over at the moment in which it is counted is inherited as it is: fewer may pass than a burst.
  for (const count of taken) assert.ok(count > 0, `${count}`)
  assert.ok((watchLocalMemory(memory, CLOCK)()[0]?.inUse ?? 99) <= 16)
})

for (const [name, changed] of [
  ['sliding windows', { algorithm: 'sliding_window' }],
  ['quotas', { algorithm: 'quota', calendar: { period: 'day', zone: 'UTC' } }],
  ['places', { algorithm: 'concurrency', windowMs: 0 }],
] as const) {
  test(`threads that hammer ${name} are let through exactly as often as each limit says`, async () => {
    const demands = Array.from({ length: 20 }, (_, index) => [
      { limit: { ...limit('many', 500), ...changed }, key: `${index}`, cost: 1 },
    ])
    assert.deepEqual(
      await hammer(createLocalMemory(1_000), demands, 1_000),
      demands.map(() => 500),
    )
  })
}
