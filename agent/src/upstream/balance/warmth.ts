/**
 * Slow start: an address that comes, or comes back, gets a share that grows.
 *
 * @module
 */
import type { Wheel } from '#agent/http/wheel.ts'

/** Share of its weight with which it begins. */
const WARMTH_MIN = 0.1
/** How often shares grow, in milliseconds. */
const STEP_MS = 100

/** What gets warm. */
interface Warmable {
  /** Since when its share grows, in milliseconds of the wheel; -Infinity: it does not. */
  warmSinceMs: number
}

export class Warmth {
  /** How long it takes; 0: none. */
  slowStartMs: number
  readonly #wheel: Wheel
  /** Until when shares grow, and when they did so last, in milliseconds of the wheel. */
  #untilMs = 0
  #grownMs = 0

  constructor(wheel: Wheel, slowStartMs: number) {
    this.#wheel = wheel
    this.slowStartMs = slowStartMs
  }

  /** Its share grows from now on. */
  begin(one: Warmable): void {
    if (this.slowStartMs === 0) return
    one.warmSinceMs = this.#wheel.nowMs
    this.#untilMs = this.#wheel.nowMs + this.slowStartMs
  }

  /** @returns from the smallest share to 1. */
  of({ warmSinceMs }: Warmable): number {
    if (this.slowStartMs === 0) return 1
    return Math.min(1, Math.max(WARMTH_MIN, (this.#wheel.nowMs - warmSinceMs) / this.slowStartMs))
  }

  /** Whether shares are to be looked at again. */
  get isDue(): boolean {
    return this.#grownMs < this.#untilMs && this.#wheel.nowMs - this.#grownMs >= STEP_MS
  }

  /** Shares have been looked at. */
  grown(): void {
    this.#grownMs = this.#wheel.nowMs
  }
}
