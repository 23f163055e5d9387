/**
 * Whether a request comes from where it may.
 *
 * @module
 */
import { parseAddressRanges, rangesContain } from '#core/credentials/addresses.ts'
import type { CompiledAddresses } from '#core/release.ts'
import { named } from './named.ts'

/**
 * @param address as in `Facts`. What is not an address is allowed nowhere.
 * @returns the ranges that were needed; null: nothing is lacking. What is denied is no answer to what is needed.
 */
export function lackingAddress({ allow, deny }: CompiledAddresses, address: string): readonly string[] | null {
  if (allow !== null && !rangesContain(allow, address)) return named(allow.map(({ text }) => text))
  // An address that cannot be read is in no range, which must not be a way around the list.
  if (deny.length > 0 && (rangesContain(deny, address) || !rangesContain(EVERYWHERE, address))) return NONE
  return null
}

const NONE: readonly string[] = []
const EVERYWHERE = parseAddressRanges(['0.0.0.0/0', '::/0'])
