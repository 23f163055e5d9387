/**
 * What a credential may do, in the form in which requests are decided. Read once for all credentials that share it.
 *
 * @module
 */
import { type AddressRange, apiKeyLimit, type CompiledLimit, parseAddressRanges } from '@headgate/core'
import { grantAt } from './entries.ts'
import type { DirectoryMemory } from './memory.ts'

export interface Grant {
  readonly scopes: readonly string[]
  readonly addresses: readonly AddressRange[]
  /** Null: one of them admits nothing, or cannot be read. */
  readonly limits: readonly CompiledLimit[] | null
}

export function readGrant(memory: DirectoryMemory, place: number): Grant {
  const { scopes, addresses, limits } = grantAt(memory, place)
  const compiled = limits.map((limit, index) => apiKeyLimit(index, limit))
  return {
    scopes: Object.freeze(scopes),
    addresses: parseAddressRanges(addresses),
    limits: compiled.includes(null) ? null : compiled.filter((limit) => limit !== null),
  }
}
