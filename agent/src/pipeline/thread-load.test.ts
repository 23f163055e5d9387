import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { ThreadLoad, type ThreadLoadState } from './thread-load.ts'

/** A thread that is looked at by hand: by how much each look is late, in milliseconds, and how full the heap is. */
function loadOf(t: { after: (end: () => void) => void }, delayMs = 100) {
  let nowMs = 0
  const heap = { share: 0.1, [Symbol.dispose]: () => {} }
  const load = new ThreadLoad({ delayMs, monotonic: () => nowMs, heap })
  t.after(() => load[Symbol.dispose]())
  return {
    load,
    late: (...looks: readonly number[]): number => {
      for (const lateMs of looks) {
        nowMs += 50 + lateMs
        load.look()
      }
      return load.refusedBelow
    },
    fill: (share: number): number => {
      heap.share = share
      nowMs += 50
      load.look()
      return load.refusedBelow
    },
  }
}

test('one long turn of the event loop refuses nobody', (t) => {
  const { late } = loadOf(t)
  assert.equal(late(0, 0, 1_500, 0, 0), 0)
  assert.equal(late(900, 900, 0, 900, 900, 0), 0)
})

test('each priority has its bound, and it ends below half of it', (t) => {
  const { load, late } = loadOf(t)
  assert.equal(late(101, 101, 101), 1)
  assert.equal(late(201, 300, 250), 2)
  assert.equal(late(401, 401, 401), 3)
  assert.equal(late(801, 900, 801), 4)
  assert.equal(Math.round(load.delayMs), 801)
  assert.equal(late(410), 4)
  assert.equal(late(390), 3)
  assert.equal(late(60), 1)
  assert.equal(late(40), 0)
})

test('0 as the bound: lateness does not matter', (t) => {
  assert.equal(loadOf(t, 0).late(5_000, 5_000, 5_000), 0)
})

test('a heap that is nearly full refuses by priority before there is no room left, and recovers by itself', (t) => {
  const { fill } = loadOf(t, 0)
  assert.deepEqual([0.8, 0.86, 0.91, 0.95, 0.98].map(fill), [0, 1, 2, 3, 4])
  // Not at the first byte that was freed.
  assert.equal(fill(0.96), 4)
  assert.equal(fill(0.84), 1)
  assert.equal(fill(0.5), 0)
})

// A real heap: 128 MiB of a thread of its own.
test('a thread refuses before its heap is full, and takes everything again once it has room', async () => {
  const thread = new Worker(new URL('testing/full-heap.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 },
  })
  const [said] = (await once(thread, 'message')) as [readonly ThreadLoadState[]]
  await thread.terminate()
  assert.deepEqual(
    said.map(({ refusedBelow }) => refusedBelow > 0),
    [false, true, false],
  )
  assert.ok((said[1]?.heapShare ?? 0) > 0.85)
})
