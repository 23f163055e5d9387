/**
 * Whether this thread has more to do than it can: how late its event loop is, and how full its heap is.
 *
 * A timer that should fire every 50 ms is late by what the loop works on in one go, and so long waits everything that has
 * arrived meanwhile. One long turn is a collection of garbage or a large release; that the last three were all late is a
 * queue. The lateness that all of them had is what every request has to wait, so that is compared with the bounds.
 *
 * @module
 */
import type { PriorityRank } from '@headgate/core'
import { HeapWatch } from './heap-watch.ts'

/** Pause between two looks, in milliseconds. */
const LOOK_MS = 50
/** Looks of which the earliest counts. */
const LOOKS = 3

/** By how much the bound of a rank is above that of the least important, from `low` to `critical`. */
const DELAY_STEPS = [1, 2, 4, 8] as const satisfies Record<PriorityRank, number>
/** Part of the largest heap above which a rank is refused. */
const HEAP_SHARES = [0.85, 0.9, 0.94, 0.97] as const satisfies Record<PriorityRank, number>
/** Below this part of a bound it counts no more, so that nobody is refused and let through in turn. */
const RELIEF = 0.5
const HEAP_RELIEF = 0.95

/** Ranks below this are refused; 0: nobody is, 4: all are. */
export type RefusedBelow = 0 | 1 | 2 | 3 | 4

export interface ThreadLoadState {
  /** By how much everything is late, in milliseconds. */
  readonly delayMs: number
  /** Part of the largest heap that was left after its last collection; 0: there was none lately. */
  readonly heapShare: number
  readonly refusedBelow: RefusedBelow
  /** Requests that were refused, in all. */
  readonly shed: number
}

export interface ThreadLoadOptions {
  /** Lateness above which the least important are refused, in milliseconds; 0: it does not matter. */
  readonly delayMs: number
  readonly monotonic: () => number
  /** For tests. */
  readonly heap?: { readonly share: number } & Disposable
}

export class ThreadLoad implements Disposable {
  refusedBelow: RefusedBelow = 0
  /** Requests that were refused, in all. Whoever refuses keeps it. */
  shed = 0
  readonly #delayMs: number
  readonly #monotonic: () => number
  readonly #heap: { readonly share: number } & Disposable
  readonly #timer: NodeJS.Timeout
  readonly #late: number[] = Array.from({ length: LOOKS }, () => 0)
  #looks = 0
  #lastMs: number

  constructor({ delayMs, monotonic, heap = new HeapWatch(monotonic) }: ThreadLoadOptions) {
    this.#delayMs = delayMs
    this.#monotonic = monotonic
    this.#heap = heap
    this.#lastMs = monotonic()
    this.#timer = setInterval(() => this.look(), LOOK_MS).unref()
  }

  /** What every request has to wait, in milliseconds. */
  get delayMs(): number {
    return Math.min(...this.#late)
  }

  look(): void {
    const nowMs = this.#monotonic()
    this.#late[this.#looks % LOOKS] = Math.max(0, nowMs - this.#lastMs - LOOK_MS)
    this.#lastMs = nowMs
    this.#looks += 1
    const { delayMs } = this
    const heapShare = this.#heap.share
    const before = this.refusedBelow
    let below = 0
    for (const [rank, step] of DELAY_STEPS.entries()) {
      const isRefused = rank < before
      const delayBoundMs = this.#delayMs * step * (isRefused ? RELIEF : 1)
      const heapBound = (HEAP_SHARES[rank] ?? 1) * (isRefused ? HEAP_RELIEF : 1)
      if ((this.#delayMs > 0 && delayMs > delayBoundMs) || heapShare > heapBound) below = rank + 1
    }
    this.refusedBelow = below as RefusedBelow
  }

  state(): ThreadLoadState {
    const { delayMs, refusedBelow, shed } = this
    return { delayMs, heapShare: this.#heap.share, refusedBelow, shed }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#heap[Symbol.dispose]()
  }
}
