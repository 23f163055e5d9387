import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createRandom } from '#agent/testing/random.ts'
import {
  type AdmissionMemory,
  AdmissionTable,
  createAdmissionMemory,
  forgetThread,
  REFUSED,
  UNCOUNTED,
} from './admission-table.ts'
import type { CrowdingData } from './testing/crowding.ts'

const THREADS = 3
const tablesOf = (memory: AdmissionMemory): AdmissionTable[] =>
  Array.from({ length: THREADS }, (_, thread) => new AdmissionTable(memory, thread))

test('a source has as many as it may over all threads, and not one more', () => {
  const [first, second] = tablesOf(createAdmissionMemory(1_000, THREADS))
  assert.ok(first !== undefined && second !== undefined)
  const places = [first.enter('a', 3), second.enter('a', 3), first.enter('a', 3)]
  assert.ok(places.every((place) => place >= 0))
  assert.equal(second.enter('a', 3), REFUSED)
  assert.equal(second.countOf('a'), 3)
  assert.ok(second.enter('b', 3) >= 0)
  first.leave(places[0] ?? UNCOUNTED)
  assert.ok(second.enter('a', 3) >= 0)
  assert.equal(first.enter('a', 3), REFUSED)
})

test('what a thread held that has ended is given back, and nothing of the others', () => {
  const memory = createAdmissionMemory(1_000, THREADS)
  const [first, second] = tablesOf(memory)
  assert.ok(first !== undefined && second !== undefined)
  for (let index = 0; index < 5; index++) first.enter('a', 10)
  second.enter('a', 10)
  forgetThread(memory, 0)
  assert.equal(second.countOf('a'), 1)
  // Whoever comes in its place counts from nothing.
  const next = new AdmissionTable(memory, 0)
  next.leave(next.enter('a', 10))
  assert.equal(next.countOf('a'), 1)
})

test('any order of coming, leaving and ending counts as a plain list does', () => {
  const random = createRandom(20_261_124)
  for (let schedule = 0; schedule < 10_000; schedule++) {
    const memory = createAdmissionMemory(64, THREADS)
    const tables = tablesOf(memory)
    const most = 1 + random(4)
    // What is open, in a plain list: thread, source, place.
    let open: { thread: number; source: string; place: number }[] = []
    const countOf = (source: string): number => open.filter((one) => one.source === source).length
    for (let step = 0; step < 30; step++) {
      const thread = random(THREADS)
      const source = `s${random(3)}`
      const table = tables[thread]
      assert.ok(table !== undefined)
      switch (random(8)) {
        case 0:
          forgetThread(memory, thread)
          open = open.filter((one) => one.thread !== thread)
          break
        case 1:
        case 2:
        case 3: {
          const mine = open.filter((one) => one.thread === thread)
          const left = mine[random(Math.max(1, mine.length))]
          if (left === undefined) break
          table.leave(left.place)
          open = open.filter((one) => one !== left)
          break
        }
        default: {
          const before = countOf(source)
          const place = table.enter(source, most)
          assert.equal(place === REFUSED, before >= most, `schedule ${schedule}, step ${step}`)
          if (place !== REFUSED) open.push({ thread, source, place })
        }
      }
      assert.equal(table.countOf(source), countOf(source), `schedule ${schedule}, step ${step}`)
    }
  }
})

test('threads that crowd in at once never hold more for a source than it may have', async () => {
  const memory = createAdmissionMemory(1_000, THREADS)
  const start = new Int32Array(new SharedArrayBuffer(4))
  const [sources, most] = [4, 8]
  const held = new Int32Array(new SharedArrayBuffer(4 * sources))
  const workers = Array.from({ length: THREADS }, (_, thread) => {
    const workerData: CrowdingData = { memory, thread, start, held, sources, most, times: 50_000 }
    return new Worker(new URL('testing/crowding.ts', import.meta.url), { workerData })
  })
  await Promise.all(workers.map(async (worker) => await once(worker, 'message')))
  const answers = workers.map(async (worker) => {
    const [exceeded] = (await once(worker, 'message')) as [number]
    await worker.terminate()
    return exceeded
  })
  Atomics.store(start, 0, 1)
  Atomics.notify(start, 0)
  assert.deepEqual(await Promise.all(answers), [0, 0, 0])
  const table = new AdmissionTable(memory, 0)
  for (let source = 0; source < sources; source++) assert.equal(table.countOf(`192.0.2.${source}`), 0)
})

test('a flood of sources takes no memory, and none of them is refused or counted for another', () => {
  const table = new AdmissionTable(createAdmissionMemory(16, 1), 0)
  for (let index = 0; index < 20_000; index++) {
    const place = table.enter(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, 1)
    assert.notEqual(place, REFUSED)
    table.leave(place)
  }
})

test('where every entry is in use, a source is not counted rather than counted for another', () => {
  const table = new AdmissionTable(createAdmissionMemory(1, 1), 0)
  const places = Array.from({ length: 40 }, (_, index) => table.enter(`10.0.0.${index}`, 1))
  assert.equal(places.filter((place) => place === UNCOUNTED).length, 24)
  assert.ok(!places.includes(REFUSED))
  assert.equal(new Set(places.filter((place) => place >= 0)).size, 16)
})

/** Plain words for GCRA: how much is used up, which runs out with time. */
class Bucket {
  #used = 0
  #lastMs = 0
  take(everyMs: number, burst: number, nowMs: number): boolean {
    this.#used = Math.max(0, this.#used - (nowMs - this.#lastMs) / everyMs)
    this.#lastMs = nowMs
    if (this.#used + 1 > burst) return false
    this.#used += 1
    return true
  }
}

test('handshakes of a source come at their rate and burst, as those of a plain bucket do', () => {
  const random = createRandom(11)
  for (let schedule = 0; schedule < 10_000; schedule++) {
    const [first, second] = tablesOf(createAdmissionMemory(64, THREADS))
    assert.ok(first !== undefined && second !== undefined)
    // Powers of two, so that neither side rounds.
    const [everyMs, burst] = [2 ** random(6), 1 + random(5)]
    const buckets = new Map<string, Bucket>()
    let nowMs = 1_024
    for (let step = 0; step < 30; step++) {
      nowMs += random(2) * random(everyMs * 2)
      const source = `s${random(2)}`
      const bucket = buckets.get(source) ?? new Bucket()
      buckets.set(source, bucket)
      const table: AdmissionTable = random(2) === 0 ? first : second
      assert.equal(table.take(source, everyMs, burst, nowMs), bucket.take(everyMs, burst, nowMs), `${schedule} ${step}`)
    }
  }
})
