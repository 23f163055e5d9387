/**
 * A clock that stands still until it is told to go on.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'

export interface StillClock extends Clock {
  /** How long those sleep who sleep now, in milliseconds. */
  readonly sleeping: readonly number[]
  /** Resolves when somebody sleeps. */
  asleep(): Promise<void>
  /** Lets this time pass, and wakes whoever has slept long enough. */
  pass(ms: number): void
}

export function createStillClock(): StillClock {
  let nowMs = 0
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>()
  let told = (): void => {}
  return {
    now: () => 1_750_000_000_000 + nowMs,
    monotonic: () => nowMs,
    sleep: async (ms, signal) =>
      await new Promise<void>((resolve, reject) => {
        const sleeper = { untilMs: nowMs + ms, wake: resolve }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers.delete(sleeper)
          reject(new Error('aborted'))
        })
        told()
      }),
    get sleeping() {
      return Array.from(sleepers, ({ untilMs }) => untilMs - nowMs)
    },
    asleep: async () => {
      if (sleepers.size > 0) return
      await new Promise<void>((resolve) => {
        told = resolve
      })
    },
    pass: (ms) => {
      nowMs += ms
      for (const sleeper of sleepers) {
        if (sleeper.untilMs > nowMs) continue
        sleepers.delete(sleeper)
        sleeper.wake()
      }
    },
  }
}
