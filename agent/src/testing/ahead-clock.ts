/**
 * A clock that can be put ahead: what is to be old becomes so at once. Nobody who sleeps is woken.
 *
 * @module
 */
import { type Clock, systemClock } from '@headgate/kit/clock.ts'

/** Longer than the pause between two looks of the engine at its clock (`http/wheel.ts`), in milliseconds. */
const LOOK_MS = 100

export class AheadClock implements Clock {
  #aheadMs = 0
  now = (): number => systemClock.now() + this.#aheadMs
  monotonic = (): number => systemClock.monotonic() + this.#aheadMs
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => await systemClock.sleep(ms, signal)

  /** Puts it ahead, and resolves when the engine has seen that: connections that come later are not old at once. */
  async pass(ms: number): Promise<void> {
    this.#aheadMs += ms
    await systemClock.sleep(LOOK_MS)
  }
}
