import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createSeenMemory, SeenTable } from './seen.ts'
import type { OnceData } from './testing/once.ts'

test('a name counts once, until its time is over', () => {
  let nowMs = 5
  const seen = new SeenTable(createSeenMemory(1_000), () => nowMs)
  assert.ok(seen.once('a', 60_000))
  assert.ok(!seen.once('a', 60_000))
  assert.ok(seen.once('b', 60_000))
  nowMs += 60_000
  assert.ok(!seen.once('a', 60_000))
  nowMs += 300
  assert.ok(seen.once('a', 60_000))
})

test('threads that note the same names at once are the first exactly once for each', async () => {
  const names = 20_000
  const start = new Int32Array(new SharedArrayBuffer(4))
  const workerData: OnceData = { memory: createSeenMemory(names), start, names }
  const entry = new URL('testing/once.ts', import.meta.url)
  const workers = Array.from({ length: 3 }, () => new Worker(entry, { workerData }))
  await Promise.all(workers.map(async (worker) => await once(worker, 'message')))
  const answers = workers.map(async (worker) => {
    const [first] = (await once(worker, 'message')) as [number[]]
    await worker.terminate()
    return first
  })
  Atomics.store(start, 0, 1)
  Atomics.notify(start, 0)
  const all = (await Promise.all(answers)).flat().toSorted((a, b) => a - b)
  assert.deepEqual(
    all,
    Array.from({ length: names }, (_, name) => name),
  )
})

// Closed: what cannot be remembered could come again.
test('a full memory refuses names that are new, counts that, and still knows those that it has', () => {
  let nowMs = 5
  const seen = new SeenTable(createSeenMemory(1), () => nowMs)
  const noted = Array.from({ length: 100 }, (_, index) => seen.once(`${index}`, 60_000))
  const kept = noted.filter(Boolean).length
  assert.equal(kept, 32)
  assert.equal(seen.overflowed, 68)
  for (const [index, was] of noted.entries()) if (was) assert.ok(!seen.once(`${index}`, 60_000))
  nowMs += 60_300
  assert.ok(seen.once('new', 60_000))
})

test('a place that a thread left locked when it was ended is used again after a second, and refuses until then', () => {
  const memory = createSeenMemory(1)
  let nowMs = 10_000
  const seen = new SeenTable(memory, () => nowMs)
  const words = new Int32Array(memory.buffer)
  words[words.length - 2] = 10_000
  assert.ok(!seen.once('a', 60_000))
  nowMs += 1_001
  assert.ok(seen.once('a', 60_000))
})
