/**
 * What may be done with a key that was found in public.
 *
 * @module
 */
import type { KeyLimit } from '#control-plane/resources/keys/limits.ts'

/** `alert`: nothing but telling. `throttle`: it works on, so slowly that its owner notices and a thief has little of it. */
export const leakActions = ['alert', 'throttle', 'disable', 'revoke'] as const
export type LeakAction = (typeof leakActions)[number]

/** What a key that is throttled may call: one request every ten seconds. */
export const THROTTLED: KeyLimit = { requests: 6, window_ms: 60_000, burst: 1 }
