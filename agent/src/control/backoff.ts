/**
 * How long to wait before the next attempt: longer each time, and never at the same moment as everybody else.
 *
 * @module
 */

export interface Backoff {
  /** Milliseconds until the next attempt; the following one is twice as long, up to the most. */
  next(): number
  /** It worked. */
  reset(): void
}

/** @param random from 0 to 1; a parameter for tests. */
export function createBackoff(msMin: number, msMax: number, random: () => number = Math.random): Backoff {
  let ms = msMin
  return {
    next: () => {
      const wait = ms / 2 + (ms / 2) * random()
      ms = Math.min(ms * 2, msMax)
      return wait
    },
    reset: () => {
      ms = msMin
    },
  }
}
