/**
 * Time as a parameter, so that tests do not wait and logic never asks the machine.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

export interface Clock {
  /** Wall clock, in milliseconds since 1970-01-01 UTC. May jump. */
  now(): number
  /** Milliseconds since some fixed moment of this process. Never goes back. */
  monotonic(): number
  /**
   * Waits.
   *
   * @throws `AbortError` when the signal fires first.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? undefined : { signal })
  },
}
