/**
 * Keeps one caller of the admin API from taking it away from the others. Counts in this process alone.
 *
 * @module
 */
import { gcra } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'

/** Callers that are remembered. Above it the oldest is forgotten, which lets it start anew. */
const KEYS_MAX = 10_000

interface LimiterOptions {
  readonly clock: Clock
  /** Per window, evenly. */
  readonly requests: number
  readonly windowMs: number
  /** At once. */
  readonly burst: number
}

export interface Limiter {
  /** Takes one request. @returns 0 when it passes, else milliseconds until one would. */
  take(key: string): number
}

export function createLimiter({ clock, requests: amount, windowMs, burst }: LimiterOptions): Limiter {
  const rate = { amount, windowMs, burst }
  const tats = new Map<string, number>()
  return {
    take: (key) => {
      const result = gcra(tats.get(key) ?? 0, clock.monotonic(), rate)
      // Deleted first, so that the map is in order of use.
      tats.delete(key)
      tats.set(key, result.tatMs)
      if (tats.size > KEYS_MAX)
        for (const oldest of tats.keys()) {
          tats.delete(oldest)
          break
        }
      return result.allowed ? 0 : Math.max(1, result.retryAfterMs)
    },
  }
}
