import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThreadLoad } from './thread-load.ts'

/** A thread that is looked at by hand: by how much each look is late, in milliseconds, and how full the heap is. */
function loadOf(t: { after: (end: () => void) => void }, delayMs = 100) {
  let nowMs = 0
  let heap = 0.1
  const load = new ThreadLoad({ delayMs, monotonic: () => nowMs, heapShare: () => heap })
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
      heap = share
      for (let look = 0; look < 5; look++) {
        nowMs += 50
        load.look()
      }
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
