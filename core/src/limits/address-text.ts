/**
 * An address as limits count it: the bits of its prefix, written in one way only.
 *
 * Pure but for a cache: the same few callers come again and again.
 *
 * Source: RFC 4291 section 2.2 (the ways in which one address can be written).
 *
 * @module
 */
import { parseAddress } from '#core/credentials/addresses.ts'

// By address, for each length of a prefix.
const known = new Map<number, Map<string, string>>()

/** Addresses that are kept for each length. */
const KNOWN_MAX = 4_096

/**
 * @param address as in `Facts`. What is not an address is as it is.
 * @returns `10.1.2.3` or, with a shorter prefix, `10.1.0.0/16`; `2001:db8:0:1::/64`: the groups that reach into the
 *   prefix, without zeros in front.
 */
export function addressText(address: string, ipv4Prefix: number, ipv6Prefix: number): string {
  const isIpv6 = address.includes(':')
  if (!isIpv6 && ipv4Prefix === 32) return address
  const prefix = isIpv6 ? ipv6Prefix : ipv4Prefix
  // Prefixes of both kinds in one table: an address is of one kind.
  let texts = known.get(prefix)
  if (texts === undefined) known.set(prefix, (texts = new Map<string, string>()))
  const text = texts.get(address)
  if (text !== undefined) return text
  const made = written(address, prefix)
  if (texts.size >= KNOWN_MAX) texts.clear()
  texts.set(address, made)
  return made
}

function written(address: string, prefix: number): string {
  const words = parseAddress(address)
  if (words === null) return address
  const masked = words.map((word, index) => kept(word, prefix - 32 * index))
  const [ipv4] = masked
  if (masked.length === 1 && ipv4 !== undefined) {
    return `${[24, 16, 8, 0].map((shift) => (ipv4 >>> shift) & 255).join('.')}/${prefix}`
  }
  const groups = masked.flatMap((word) => [word >>> 16, word & 0xffff]).slice(0, Math.ceil(prefix / 16))
  return `${groups.map((group) => group.toString(16)).join(':')}${groups.length < 8 ? '::' : ''}/${prefix}`
}

/** A word without what is behind so many bits. Shifts count modulo 32. */
function kept(word: number, bits: number): number {
  if (bits <= 0) return 0
  return bits >= 32 ? word : word & (-1 << (32 - bits))
}
