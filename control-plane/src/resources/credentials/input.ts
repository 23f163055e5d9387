/**
 * Checks of what is given for a credential that a schema cannot say.
 *
 * @module
 */
import { parseAddressRange } from '@headgate/core'
import { refuseInput } from '#control-plane/rest/refusal.ts'

/** Agents take ranges strictly: what they would not understand is refused here. @throws Refusal `input_invalid`. */
export function checkAddresses(addresses: readonly string[]): void {
  for (const [index, address] of addresses.entries()) {
    if (parseAddressRange(address) !== null) continue
    const fix = 'Give an address or a range without bits behind the prefix, such as 10.0.0.0/8'
    refuseInput(`/addresses/${index}`, 'value_invalid', `${address} is not a range of addresses`, fix)
  }
}

/** @param text RFC 3339; undefined: it never ends. @throws Refusal `input_invalid` for a moment that has passed. */
export function readExpiry(text: string | undefined, nowMs: number): Date | null {
  if (text === undefined) return null
  const expiresAt = new Date(text)
  if (expiresAt.getTime() <= nowMs) {
    refuseInput('/expires_at', 'value_invalid', 'It has passed', 'Give an instant in the future')
  }
  return expiresAt
}

/** Sorted, each once. */
export function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted()
}
