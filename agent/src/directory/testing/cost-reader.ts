/**
 * A thread that looks keys up as serving threads do: of the old directory until a new one is there, and then all of it.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createMemories } from '#agent/directory/hand-over.ts'
import { createDirectoryReader } from '#agent/directory/reader.ts'

export interface ReaderData {
  readonly port: MessagePort
  readonly environmentId: string
  readonly keys: number
  /** The first becomes 1 when the whole directory is there, the second when this thread looks. */
  readonly control: Int32Array
}

export interface ReaderResult {
  readonly pausedMs: number
  readonly rememberedBytes: number
  readonly anyNs: number
  readonly sameNs: number
  readonly unknownNs: number
}

/** Look-ups between two looks at the clock. */
const BATCH = 100
const LOOK_UPS = 500_000
/** Look-ups that are timed together: some hundred microseconds. */
const HASHES = 500
/** A step through all keys that meets each once and none after its neighbour. */
const STRIDE = 514_229

const { port, environmentId, keys, control } = workerData as ReaderData
const memories = createMemories(port)
const reader = createDirectoryReader(() => memories(environmentId))
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const hashOf = (index: number): string => hash('sha256', `key ${index}`, 'latin1')
const first = hashOf(0)

let pausedMs = 0
let lastMs = performance.now()
while (Atomics.load(control, 0) === 0) {
  for (let count = 0; count < BATCH; count++) {
    if (reader.findApiKey(first) === null) throw new Error('a key was not found while the directory was loaded')
  }
  const nowMs = performance.now()
  // The first looks compile.
  if (Atomics.load(control, 1) > 1) pausedMs = Math.max(pausedMs, nowMs - lastMs)
  else if (nowMs > 500) Atomics.add(control, 1, 1)
  lastMs = nowMs
}

/** The thread's own heap, in bytes. */
function heapBytes(): number {
  collect()
  return getHeapStatistics().used_heap_size
}

const known = (count: number): string => hashOf((count * STRIDE) % keys)
const before = heapBytes()
timed(known, true)
timed(known, true)
const rememberedBytes = heapBytes() - before
const anyNs = timed(known, true)
const sameNs = timed(() => first, true)
const unknownNs = timed((count) => hash('sha256', `nobody ${count}`, 'latin1'), false)
const result: ReaderResult = { pausedMs, rememberedBytes, anyNs, sameNs, unknownNs }
parentPort?.postMessage(result)

/** Nanoseconds of CPU time for each. The hashes of a batch are made right before, as that of a request is. */
function timed(hashAt: (count: number) => string, isThere: boolean): number {
  let us = 0
  for (let done = 0; done < LOOK_UPS; done += HASHES) {
    const hashes = Array.from({ length: HASHES }, (_, index) => hashAt(done + index))
    const start = process.threadCpuUsage()
    for (const sha256 of hashes) {
      if ((reader.findApiKey(sha256) !== null) !== isThere) throw new Error('a look-up went wrong')
    }
    const { user, system } = process.threadCpuUsage(start)
    us += user + system
  }
  return (us * 1e3) / LOOK_UPS
}
