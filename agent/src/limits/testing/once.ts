/**
 * A thread that notes the same names as others, and says how often it was the first.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type SeenMemory, SeenTable } from '#agent/limits/seen.ts'

export interface OnceData {
  readonly memory: SeenMemory
  /** Not 0: go. */
  readonly start: Int32Array
  readonly names: number
}

const { memory, start, names } = workerData as OnceData
const seen = new SeenTable(memory, () => 1_000)
parentPort?.postMessage('ready')
Atomics.wait(start, 0, 0)
const first: number[] = []
for (let name = 0; name < names; name++) if (seen.once(`name ${name}`, 60_000)) first.push(name)
parentPort?.postMessage(first)
