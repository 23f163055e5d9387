/**
 * Waits for something that a process does by itself, by asking often and with a bound.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'

interface Bounds {
  /** Longest wait, in milliseconds. */
  readonly timeoutMs?: number
  /** Pause between two questions, in milliseconds. */
  readonly everyMs?: number
}

/** Thrown by a question that can have no other answer any more: a process has ended. */
export class Hopeless extends Error {
  override readonly name = 'Hopeless'
}

/**
 * Asks until the answer is neither `undefined` nor `false`.
 *
 * @param what completes the sentence "waited ... ms for".
 * @param ask may throw; the last error is the cause of the one that is thrown at the end.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 60_000, everyMs = 20 }: Bounds = {},
): Promise<T> {
  const end = performance.now() + timeoutMs
  let cause: unknown
  for (;;) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
      cause = undefined
    } catch (thrown) {
      if (thrown instanceof Hopeless) throw thrown
      cause = thrown
    }
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`, { cause })
    await sleep(everyMs)
  }
}
