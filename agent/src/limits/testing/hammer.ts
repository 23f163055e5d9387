/**
 * A thread that takes from limits as fast as it can, together with others, and says how often it was let through.
 *
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { LimitDemand } from '@headgate/core'
import { createLocalLimits } from '#agent/limits/local.ts'
import type { LocalMemory } from '#agent/limits/memory.ts'

export interface HammerData {
  readonly memory: LocalMemory
  /** Not 0: go. */
  readonly start: Int32Array
  /** One after the other, again and again. */
  readonly demands: readonly (readonly LimitDemand[])[]
  readonly times: number
}

/** Some noon, in milliseconds since 1970-01-01 UTC. */
const NOW_MS = 1_800_014_400_000

const { memory, start, demands, times } = workerData as HammerData
// Time stands still, so that what is let through is the burst and nothing else.
const limits = createLocalLimits({ memory, clock: { now: () => NOW_MS, monotonic: () => 1_000 } })
parentPort?.postMessage('ready')
Atomics.wait(start, 0, 0)
const taken = demands.map(() => 0)
let unavailable = 0
for (let time = 0; time < times; time++) {
  for (const [index, each] of demands.entries()) {
    const { kind } = limits.take('env_1', each)
    if (kind === 'taken') taken[index] = (taken[index] ?? 0) + 1
    if (kind === 'unavailable') unavailable += 1
  }
}
parentPort?.postMessage({ taken, unavailable })
