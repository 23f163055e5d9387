/**
 * Whether a request comes from inside: what a route with `exposure: internal` is meant for.
 *
 * Inside is every address that cannot be reached from the internet. The rule is the same everywhere, so that a route
 * is not opened by where it is served; an operator whose inside is elsewhere says so with `addresses` in the access
 * policy, which then counts instead.
 *
 * Sources: RFC 1918, RFC 6598, RFC 3927, RFC 1122 section 3.2.1.3 (loopback), RFC 4291 section 2.4 and 2.5.3, RFC 4193.
 *
 * @module
 */
import { parseAddressRanges, rangesContain } from '#core/credentials/addresses.ts'

const INTERNAL = parseAddressRanges([
  '127.0.0.0/8',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '::1',
  'fc00::/7',
  'fe80::/10',
])

/** What was needed, for people. */
export const internalRanges: readonly string[] = INTERNAL.map(({ text }) => text)

// Requests of a connection have one address, and reading it takes longer than finding it here.
const known = new Map<string, boolean>()

/** Addresses that are kept. */
const KNOWN_MAX = 10_000

/** @param address as in `Facts`. What is not an address is not inside. */
export function isInternal(address: string): boolean {
  let internal = known.get(address)
  if (internal === undefined) {
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(address, (internal = rangesContain(INTERNAL, address)))
  }
  return internal
}
