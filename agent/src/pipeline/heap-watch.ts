/**
 * How much of this thread's heap is really needed: what is left after a collection of all of it.
 *
 * What is used in between is mostly garbage that nobody has looked at, up to nearly the whole heap, and says nothing. While
 * a heap is full, it is collected all the time. When it has not been for a while, it does not grow, whatever it held
 * the last time, so what was seen then counts no more: else those who are refused for it would be refused for ever, as
 * refusing them needs no memory that would bring the next collection.
 *
 * @module
 */
import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'

/** How long what was seen after a collection counts, in milliseconds. */
const FRESH_MS = 5_000

export class HeapWatch implements Disposable {
  readonly #monotonic: () => number
  readonly #observer: PerformanceObserver
  #share = 0
  #seenMs = -Infinity

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
    this.#observer = new PerformanceObserver((list) => {
      if (list.getEntries().some(isOfAll)) this.#look()
    })
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  /** Part of the largest heap, from 0 to 1. */
  get share(): number {
    return this.#monotonic() - this.#seenMs > FRESH_MS ? 0 : this.#share
  }

  #look(): void {
    const { used_heap_size, heap_size_limit } = getHeapStatistics()
    this.#share = used_heap_size / heap_size_limit
    this.#seenMs = this.#monotonic()
  }

  [Symbol.dispose](): void {
    this.#observer.disconnect()
  }
}

function isOfAll(entry: PerformanceEntry): boolean {
  // Its type says nothing of what Node.js adds to it.
  const { detail } = entry as { readonly detail?: { readonly kind?: number } }
  return detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}
