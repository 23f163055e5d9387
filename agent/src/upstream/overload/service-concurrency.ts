/**
 * What one service has waiting for an answer in this thread, and who is let through when that is as much as it can do.
 *
 * Counted from the decision to the head of the response: a body that is sent for hours holds no place. A request that
 * waits for longer than 10 s waits for something to happen, as in a long poll, and not for its turn: it gives its place
 * back, and counts as an answer that took so long. So a service of long polls has such a baseline, and among others they
 * change nothing unless they are most.
 *
 * The threads share nothing here: each sees a part of the traffic like that of the others, and needs no atomics.
 *
 * @module
 */
import { priorities, type PriorityRank } from '@headgate/core'
import type { ServiceReference } from '#agent/http/exchange.ts'
import { AdaptiveLimit } from './adaptive-limit.ts'
import { type ConcurrencyState, shedCounts } from './concurrency-state.ts'

/**
 * Parts of the limit up to which requests of a rank are let through, from `low` to `critical`. What is above is kept for
 * those that are more important.
 */
export const SHARES = [0.5, 0.7, 0.9, 1] as const satisfies Record<PriorityRank, number>

/** Longest time that a request holds a place, in seconds. */
const HELD_S_MAX = 10
/** Seconds that are told apart. More than a request holds its place. */
const SECONDS = 16

export class ServiceConcurrency {
  #waiting = 0
  #limit = Infinity
  /** That of the adaptive limit which `#limit` was made with. */
  #followed = Infinity
  /** From so many on, it matters who asks. */
  #crowdedFrom = Infinity
  #bounds: ServiceReference['overload']
  readonly #adaptive: AdaptiveLimit
  readonly #shed: [number, number, number, number] = [0, 0, 0, 0]
  /** Of those that hold a place, by the second in which they came. */
  readonly #came = new Int32Array(SECONDS)
  /** Who came up to this second holds no place any more. */
  #releasedS = -1

  constructor(bounds: ServiceReference['overload']) {
    this.#bounds = bounds
    this.#adaptive = new AdaptiveLimit(bounds.concurrencyMin)
    this.#follow()
  }

  set bounds(bounds: ServiceReference['overload']) {
    this.#bounds = bounds
    this.#adaptive.floor = bounds.concurrencyMin
    this.#follow()
  }

  get waiting(): number {
    return this.#waiting
  }

  /** Whether somebody would be refused now. */
  get isCrowded(): boolean {
    return this.#waiting >= this.#crowdedFrom
  }

  /** Whether a request is let through. A refusal is counted. */
  admits(rank: PriorityRank): boolean {
    if (this.#waiting < this.#limit * SHARES[rank]) return true
    this.#shed[rank] += 1
    this.#adaptive.refused += 1
    return false
  }

  /** @param startedMs when the request came, in milliseconds of the monotonic clock; it is said again when it leaves. */
  enter(startedMs: number): void {
    const second = Math.trunc(startedMs / 1_000)
    if (second > this.#releasedS + HELD_S_MAX) this.#release(second - HELD_S_MAX, startedMs)
    // Its decision took so long that it is none of those that count.
    if (second <= this.#releasedS) return
    this.#came[second % SECONDS] = (this.#came[second % SECONDS] ?? 0) + 1
    this.#waiting += 1
    if (this.#waiting > this.#adaptive.peak) this.#adaptive.peak = this.#waiting
  }

  /** The request waits no more: it is answered, or is over. */
  leave(startedMs: number): void {
    const second = Math.trunc(startedMs / 1_000)
    if (second <= this.#releasedS) return
    this.#came[second % SECONDS] = (this.#came[second % SECONDS] ?? 0) - 1
    this.#waiting -= 1
  }

  /** What an answer took, once its request was sent. */
  answered(ms: number, nowMs: number): void {
    if (!this.#bounds.isAdaptive) return
    this.#adaptive.answered(Math.min(ms, HELD_S_MAX * 1_000), nowMs, this.#waiting)
    if (this.#adaptive.limit !== this.#followed) this.#follow()
  }

  /** An answer did not come in time. */
  timedOut(nowMs: number): void {
    if (!this.#bounds.isAdaptive) return
    this.#adaptive.answered(HELD_S_MAX * 1_000, nowMs, this.#waiting, true)
    if (this.#adaptive.limit !== this.#followed) this.#follow()
  }

  state(): ConcurrencyState {
    const limit = this.#limit
    return {
      state: this.#adaptive.state,
      limit: limit === Infinity ? null : Math.floor(limit),
      waiting: this.#waiting,
      baseline_ms: this.#adaptive.baselineMs,
      shed: shedCounts((priority) => this.#shed[priorities.indexOf(priority)] ?? 0),
    }
  }

  /** The limit is another one. */
  #follow(): void {
    const { isAdaptive, concurrencyMax } = this.#bounds
    this.#followed = this.#adaptive.limit
    this.#limit = Math.min(isAdaptive ? this.#followed : Infinity, concurrencyMax ?? Infinity)
    this.#crowdedFrom = this.#limit * SHARES[0]
  }

  /** Who came up to a second has waited too long. */
  #release(throughS: number, nowMs: number): void {
    const fromS = Math.max(this.#releasedS, throughS - SECONDS) + 1
    this.#releasedS = throughS
    for (let second = fromS; second <= throughS; second++) {
      const late = this.#came[second % SECONDS] ?? 0
      this.#came[second % SECONDS] = 0
      this.#waiting -= late
      for (let one = 0; one < late; one++) this.timedOut(nowMs)
    }
  }
}
