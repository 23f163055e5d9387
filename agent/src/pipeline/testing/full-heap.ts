/**
 * A thread whose heap is filled until the least important requests are refused, and then let go: it says what its load
 * was before, when full, and afterwards.
 *
 * @module
 */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import { ThreadLoad, type ThreadLoadState } from '#agent/pipeline/thread-load.ts'

/** Numbers of a piece: some 4 KiB, as much of what requests need is. */
const PIECE = 512
/** Pieces between two turns of the event loop. */
const STEP = 64
const STEPS_MAX = 5_000
/** Longest wait for its recovery, in milliseconds. */
const RECOVERED_MS_MAX = 30_000

const load = new ThreadLoad({ delayMs: 0, monotonic: () => performance.now() })
const said: ThreadLoadState[] = []

async function step(): Promise<number[][]> {
  await turn()
  return Array.from({ length: STEP }, () => Array.from({ length: PIECE }, (_, index) => index + 0.5))
}

await step()
said.push(load.state())
let held: number[][][] = []
while (load.refusedBelow === 0 && held.length < STEPS_MAX) held.push(await step())
said.push(load.state())
held = []
// Refusals make garbage too.
const endMs = performance.now() + RECOVERED_MS_MAX
while (load.refusedBelow > 0 && performance.now() < endMs) {
  await sleep(20)
  await step()
}
said.push(load.state())
load[Symbol.dispose]()
parentPort?.postMessage(said)
