/**
 * A thread that looks keys up as fast as it can while another one changes them, and says what it must not see.
 *
 * Version `v` of a key has `v` in every field. `workerData.floor` holds the version that was written last of each key:
 * a look-up that begins after that must not find an older one.
 *
 * @module
 */
import { hash } from 'node:crypto'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { createMemories } from '#agent/directory/hand-over.ts'
import { createDirectoryReader } from '#agent/directory/reader.ts'

export interface RacingReaderData {
  readonly port: MessagePort
  /** Newest version of each key; behind them: not 0 ends the race. */
  readonly floor: Int32Array
  readonly keys: number
}

const { port, floor, keys } = workerData as RacingReaderData
const memories = createMemories(port)
const reader = createDirectoryReader(() => memories('env_1'))
const hashes = Array.from({ length: keys }, (_, index) => hash('sha256', `key ${index}`, 'latin1'))

const problems: string[] = []
let lookUps = 0
while (Atomics.load(floor, keys) === 0 && problems.length === 0) {
  for (const [index, sha256] of hashes.entries()) {
    const atLeast = Atomics.load(floor, index)
    const record = reader.findApiKey(sha256)
    lookUps += 1
    // Each third version is a deletion, which may be under way already.
    if (record === null) {
      const now = Atomics.load(floor, index)
      if (atLeast === now && now % 3 === 1) problems.push(`key ${index} is missing at ${now}`)
      continue
    }
    const { id, last4, scopes, expiresAtMs, consumer } = record
    const version = Number(last4)
    if (version < atLeast) problems.push(`key ${index}: ${version} after ${atLeast}`)
    if (id !== `key_${index}` || scopes[0] !== last4 || expiresAtMs !== version || !consumer.startsWith('name ')) {
      problems.push(`key ${index} is half: ${JSON.stringify(record)}`)
    }
  }
}
parentPort?.postMessage({ problems, lookUps })
