/**
 * Limits of a key itself, as they are stored, and which agents know them.
 *
 * @module
 */
import type { EnvironmentScope, Tx } from '#control-plane/db.ts'
import { checkCapabilities } from '#control-plane/releases/capabilities.ts'

/** The first capability number of an agent that counts limits of a key. An older one would let everything pass. */
const CAPABILITY_LIMITS = 2

/** How much a key may call. The window is in milliseconds. */
export interface KeyLimit {
  readonly requests: number
  readonly window_ms: number
  readonly burst?: number
}

/** @param stored as the column holds it; what is no limit there becomes one that agents refuse. */
export function readLimits(stored: unknown): KeyLimit[] {
  if (!Array.isArray(stored)) return []
  return stored.map((item: Partial<Record<keyof KeyLimit, unknown>> | null) => ({
    requests: count(item?.requests),
    window_ms: count(item?.window_ms),
    ...(item?.burst === undefined ? {} : { burst: count(item.burst) }),
  }))
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}

/** @throws Refusal `agents_too_old` when an agent of the environment would not count them. */
export async function checkLimitsCounted(tx: Tx, scope: EnvironmentScope, limits: readonly KeyLimit[]): Promise<void> {
  if (limits.length > 0) await checkCapabilities(tx, scope, CAPABILITY_LIMITS, 'a key with limits')
}
