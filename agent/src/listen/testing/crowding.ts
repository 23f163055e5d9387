/**
 * A thread that takes places for sources and gives them back as fast as it can, together with others.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type AdmissionMemory, AdmissionTable, REFUSED } from '#agent/listen/admission-table.ts'

export interface CrowdingData {
  readonly memory: AdmissionMemory
  readonly thread: number
  /** Not 0: go. */
  readonly start: Int32Array
  /** What each source has by the count of all threads themselves, and the most that was ever seen. */
  readonly held: Int32Array
  readonly sources: number
  readonly most: number
  readonly times: number
}

const { memory, thread, start, held, sources, most, times } = workerData as CrowdingData
const table = new AdmissionTable(memory, thread)
parentPort?.postMessage('ready')
Atomics.wait(start, 0, 0)
let exceeded = 0
const mine: [source: number, place: number][] = []
for (let time = 0; time < times; time++) {
  const source = (time * 7 + thread) % sources
  const place = table.enter(`192.0.2.${source}`, most)
  if (place !== REFUSED) {
    // Counted after it was let in and before it leaves: never more than are really in.
    if (Atomics.add(held, source, 1) + 1 > most) exceeded += 1
    mine.push([source, place])
  }
  if (mine.length < most && time < times - 1) continue
  for (const [left, at] of mine.splice(0)) {
    Atomics.sub(held, left, 1)
    table.leave(at)
  }
}
parentPort?.postMessage(exceeded)
