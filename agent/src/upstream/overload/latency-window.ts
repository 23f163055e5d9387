/**
 * How long answers took lately: counts in buckets whose bounds grow by a ninth, so that an answer costs one addition
 * whatever the service, and a quantile is right within that.
 *
 * @module
 */

/** Buckets that a doubling has. */
const PER_OCTAVE = 8
/** Lower bound of the first bucket, as a power of 2 in milliseconds: a sixteenth. What is faster is in it too. */
const FIRST_OCTAVE = -4
/** The last bucket ends at 32 s. */
const OCTAVES = 19

/** The quarters of the answers: the slowest of the fastest quarter, of the faster half, of three quarters. */
export type Quartiles = readonly [number, number, number]

export class LatencyWindow {
  readonly #counts = new Uint32Array(OCTAVES * PER_OCTAVE)
  size = 0

  add(ms: number): void {
    const bucket = Math.trunc((Math.log2(Math.max(ms, 0.001)) - FIRST_OCTAVE) * PER_OCTAVE)
    const index = Math.min(Math.max(bucket, 0), this.#counts.length - 1)
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.size += 1
  }

  clear(): void {
    this.#counts.fill(0)
    this.size = 0
  }

  /** In milliseconds. Only where there is at least one answer. */
  quartiles(): Quartiles {
    return [this.#quantile(0.25), this.#quantile(0.5), this.#quantile(0.75)]
  }

  #quantile(share: number): number {
    let left = this.size * share
    let index = 0
    for (const count of this.#counts) {
      if (left <= count) return 2 ** ((index + left / count) / PER_OCTAVE + FIRST_OCTAVE)
      left -= count
      index += 1
    }
    return 2 ** (OCTAVES + FIRST_OCTAVE)
  }
}
