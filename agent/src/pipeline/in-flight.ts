/**
 * The requests of one thread that are being forwarded for somebody, looked at again and again as long as they last.
 *
 * Nearly all of them are over before they are looked at, and cost two assignments. The others are gone through in
 * slices, so that a hundred thousand streams hold nobody up.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'

/** How long it takes to go through all of them, in milliseconds. */
const PASS_MS = 2_000
/** Pause between two slices, in milliseconds. */
const SLICE_MS = 200
/** What began so lately is not looked at, in milliseconds. */
const YOUNG_MS = 1_000

/** A request that is being forwarded. A link of the ring. */
export abstract class Watched {
  /** Belong to the ring; null: it is in none. */
  next: Watched | null = null
  previous: Watched | null = null

  /** When it began, in milliseconds of the monotonic clock. */
  abstract readonly startedMs: number
  /** Ends it, when what allowed it counts no more. Never throws. */
  abstract look(nowMs: number): void
}

export class InFlight implements Disposable {
  readonly #clock: Clock
  readonly #timer: NodeJS.Timeout
  /** The next to be looked at; null: there are none. */
  #at: Watched | null = null
  #size = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#timer = setInterval(() => this.lookOn(), SLICE_MS).unref()
  }

  get size(): number {
    return this.#size
  }

  add(watched: Watched): void {
    const at = this.#at
    this.#size += 1
    if (at === null) {
      watched.next = watched.previous = watched
      this.#at = watched
      return
    }
    // As far away as there is.
    const last = at.previous ?? at
    watched.next = at
    watched.previous = last
    last.next = watched
    at.previous = watched
  }

  remove(watched: Watched): void {
    const { next, previous } = watched
    if (next === null || previous === null) return
    this.#size -= 1
    if (this.#at === watched) this.#at = next === watched ? null : next
    next.previous = previous
    previous.next = next
    watched.next = watched.previous = null
  }

  /** Looks at the next slice. */
  lookOn(): void {
    const nowMs = this.#clock.now()
    const youngMs = this.#clock.monotonic() - YOUNG_MS
    for (let left = Math.ceil((this.#size * SLICE_MS) / PASS_MS); left > 0 && this.#at !== null; left--) {
      const watched = this.#at
      this.#at = watched.next
      if (watched.startedMs <= youngMs) watched.look(nowMs)
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
