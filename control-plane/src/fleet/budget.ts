/**
 * Bounds the bytes that are on their way to agents and not yet answered, over all streams.
 *
 * When a thousand agents connect at once, each needs everything: this is what keeps the copies of it within memory.
 *
 * @module
 */

export interface Budget {
  /**
   * Waits for room; in the order of asking.
   *
   * @returns gives the room back; the second call does nothing.
   */
  take(bytes: number): Promise<() => void>
}

/** @param bytesMax what may be out at once. Something larger than that goes out alone. */
export function createBudget(bytesMax: number): Budget {
  let out = 0
  const queue: { bytes: number; start: () => void }[] = []

  function admit(): void {
    for (let next = queue[0]; next !== undefined && (out === 0 || out + next.bytes <= bytesMax); next = queue[0]) {
      queue.shift()
      out += next.bytes
      next.start()
    }
  }

  return {
    take: (bytes) =>
      new Promise((resolve) => {
        let given = false
        const giveBack = (): void => {
          if (given) return
          given = true
          out -= bytes
          admit()
        }
        queue.push({ bytes, start: () => resolve(giveBack) })
        admit()
      }),
  }
}
