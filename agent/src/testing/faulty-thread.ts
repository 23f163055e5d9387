/**
 * A serving thread that fails when a test says so, over the broadcast channel `faults`.
 *
 * @module
 */
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads'
import type { ThreadData } from '#agent/workers/messages.ts'
import { startThread } from '#agent/workers/thread.ts'

export interface Fault {
  /** Which thread. */
  readonly worker: number
  /** `block`: its event loop, for ever. */
  readonly what: 'throw' | 'reject' | 'block' | 'exit'
}

const { worker } = workerData as ThreadData
const faults = new BroadcastChannel('faults')
faults.onmessage = ({ data }: { data: unknown }) => {
  const fault = data as Fault
  if (fault.worker !== worker) return
  switch (fault.what) {
    case 'throw':
      throw new Error('a bug outside of a request')
    case 'reject':
      void Promise.reject(new Error('a promise that nobody awaits'))
      break
    case 'block':
      for (;;);
    case 'exit':
      process.exit(3)
  }
}
faults.unref()
if (parentPort !== null) startThread(workerData as ThreadData, parentPort, () => process.hrtime.bigint())
