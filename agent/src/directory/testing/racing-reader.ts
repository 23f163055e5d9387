/**
 * A thread that looks keys up as fast as it can while another one changes them, and says what it must not see.
 *
 * Version `v` of a key, and of the certificate that is written right after it, has `v` in every field. `workerData.floor` holds the version that was written last of each key:
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
  /** How often this thread has looked, for whoever ends the race. */
  readonly looked: Int32Array
  /** Its place there. */
  readonly reader: number
}

const { port, floor, keys, looked, reader: place } = workerData as RacingReaderData
const memories = createMemories(port)
const reader = createDirectoryReader(() => memories('env_1'))
const hashes = Array.from({ length: keys }, (_, index) => hash('sha256', `key ${index}`, 'latin1'))

const problems: string[] = []
while (Atomics.load(floor, keys) === 0 && problems.length === 0) {
  for (const [index, sha256] of hashes.entries()) {
    check(index, 'key', () => reader.findApiKey(sha256))
    check(index, 'certificate', () => reader.findCredential('certificate', `dns:${index}`))
    Atomics.add(looked, place, 1)
  }
  const consumer = reader.findConsumer('shop')
  if (consumer === null || consumer.roles.length !== 1) problems.push(`consumer: ${JSON.stringify(consumer)}`)
}
parentPort?.postMessage(problems)

interface Found {
  readonly id: string
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly expiresAtMs: number
  readonly consumer: string
}

function check(index: number, what: string, find: () => Found | null): void {
  const atLeast = Atomics.load(floor, index)
  const record = find()
  // Each third version is a deletion, which may be under way already.
  if (record === null) {
    const now = Atomics.load(floor, index)
    if (atLeast === now && now % 3 === 1) problems.push(`${what} ${index} is missing at ${now}`)
    return
  }
  const { id, scopes, roles, expiresAtMs, consumer } = record
  const version = Number(scopes[0])
  if (version < atLeast) problems.push(`${what} ${index}: ${version} after ${atLeast}`)
  if (id !== `${what}_${index}` || expiresAtMs !== version || consumer !== 'shop' || roles.length !== 1) {
    problems.push(`${what} ${index} is half: ${JSON.stringify(record)}`)
  }
}
