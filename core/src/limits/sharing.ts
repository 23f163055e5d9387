/**
 * How agents of a group divide what a shared limit has: what one takes ahead, and what is its own while the store is
 * away. The error bound follows from these numbers, so they are here, and nowhere else.
 *
 * @module
 */
import type { CompiledLimit } from '#core/compile.ts'

/** Leases of all agents together are one part of so many of a limit. */
const LEASES_OF_LIMIT = 20

/** A lease lives as long as the window, and no shorter than this, in milliseconds. */
const LEASE_MS_MIN = 1_000

type Counted = Pick<CompiledLimit, 'algorithm' | 'amount' | 'burst' | 'windowMs'>

/**
 * Units that an agent has taken ahead at a time, at most. Places are not taken ahead.
 *
 * @param agents of the group, at least 1.
 */
export function leaseUnits({ algorithm, amount, burst }: Counted, agents: number): number {
  if (algorithm === 'concurrency') return 0
  return Math.max(1, Math.floor(Math.min(amount, burst) / (agents * LEASES_OF_LIMIT)))
}

/**
 * How long an agent may keep what it has taken ahead, in milliseconds: then a window sees the end of two leases of an
 * agent at most. What is left of a quota ends with the period.
 */
export function leaseMs({ windowMs }: Counted): number {
  return Math.max(LEASE_MS_MIN, windowMs)
}

/** What an agent admits by itself while the store is away: its part of the limit, and one at least. */
export function localShare(limit: CompiledLimit, agents: number): CompiledLimit {
  const part = (units: number): number => Math.max(1, Math.floor(units / agents))
  return { ...limit, amount: part(limit.amount), burst: part(limit.burst) }
}
