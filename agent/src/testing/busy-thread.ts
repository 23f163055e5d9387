/**
 * A serving thread that has more to do than it can when a test says so, over the broadcast channel `busy`: each turn of
 * its event loop takes that long. 0: it is as usual again.
 *
 * @module
 */
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads'
import type { ThreadData } from '#agent/workers/messages.ts'
import { startThread } from '#agent/workers/thread.ts'

let turnMs = 0

function turn(): void {
  if (turnMs === 0) return
  const endMs = performance.now() + turnMs
  while (performance.now() < endMs);
  setImmediate(turn)
}

const busy = new BroadcastChannel('busy')
busy.onmessage = ({ data }: { data: unknown }) => {
  const isIdle = turnMs === 0
  turnMs = data as number
  if (isIdle) turn()
}
busy.unref()
if (parentPort !== null) startThread(workerData as ThreadData, parentPort, () => process.hrtime.bigint())
