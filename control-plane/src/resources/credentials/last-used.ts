/**
 * When, where and from where a credential was used last, as agents told.
 *
 * @module
 */
import type { Answered } from '@headgate/admin-api'

interface Used {
  readonly lastUsedAt: Date | null
  readonly lastUsedAgent: string | null
  readonly lastUsedAddress: string | null
}

export function lastUsedView({ lastUsedAt, lastUsedAgent, lastUsedAddress }: Used): Answered<'getKey'>['last_used'] {
  if (lastUsedAt === null) return null
  return { at: lastUsedAt.toISOString(), agent: lastUsedAgent ?? '', address: lastUsedAddress ?? '' }
}
