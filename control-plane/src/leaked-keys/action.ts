/**
 * What may be done with a key that was found in public.
 *
 * @module
 */

/** `alert`: nothing but telling. */
export const leakActions = ['alert', 'disable', 'revoke'] as const
export type LeakAction = (typeof leakActions)[number]
