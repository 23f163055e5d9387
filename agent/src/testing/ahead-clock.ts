/**
 * A clock that can be put ahead: what is to be old becomes so at once. Nobody who sleeps is woken.
 *
 * @module
 */
import { type Clock, systemClock } from '@headgate/kit/clock.ts'

export class AheadClock implements Clock {
  /** In milliseconds; only to be raised. */
  aheadMs = 0
  now = (): number => systemClock.now() + this.aheadMs
  monotonic = (): number => systemClock.monotonic() + this.aheadMs
  sleep = async (ms: number, signal?: AbortSignal): Promise<void> => await systemClock.sleep(ms, signal)
}
