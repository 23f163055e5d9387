/**
 * Reads what a proxy calls the one that asked it: an address, perhaps with a port, or a word that hides it.
 *
 * Addresses are given the one form that connections have, so that the same caller is counted once however a proxy
 * spells it. An address that two readers could read differently is refused.
 *
 * Sources: RFC 7239 section 6 (node identifiers), RFC 5952 section 4 (one text for an IPv6 address), RFC 4291 section
 * 2.5.5.2 (IPv4-mapped addresses).
 *
 * @module
 */
import { parseAddress } from '#core/credentials/addresses.ts'

export type Node =
  /** In the form of `Facts`: lower case, the shortest, IPv4-mapped IPv6 as IPv4. */
  | { readonly kind: 'address'; readonly address: string }
  /** `unknown`, or a name that means something to the proxy only. */
  | { readonly kind: 'hidden' }

const HIDDEN: Node = { kind: 'hidden' }

/** Longest text that is looked at: an address in brackets with a port has 47 characters. */
const NODE_LENGTH_MAX = 64

const HIDDEN_NAME = /^(?:unknown|_[0-9A-Za-z._-]+)$/i
const PORT = /^(?::(?:[0-9]{1,5}|_[0-9A-Za-z._-]+))?$/

/**
 * @param bareIpv6 whether an IPv6 address may stand without brackets, as in `X-Forwarded-For`; it has no port then.
 * @returns null: it is none of these.
 */
export function readNode(text: string, bareIpv6: boolean): Node | null {
  if (text.length > NODE_LENGTH_MAX) return null
  if (text.startsWith('[')) {
    const end = text.indexOf(']')
    return end !== -1 && PORT.test(text.slice(end + 1)) ? ipv6Node(text.slice(1, end)) : null
  }
  const colon = text.indexOf(':')
  if (bareIpv6 && colon !== text.lastIndexOf(':')) return ipv6Node(text)
  const name = colon === -1 ? text : text.slice(0, colon)
  if (colon !== -1 && !PORT.test(text.slice(colon))) return null
  if (HIDDEN_NAME.test(name)) return HIDDEN
  // Its own text is the one form: leading zeros are refused.
  return parseAddress(name) === null ? null : { kind: 'address', address: name }
}

function ipv6Node(text: string): Node | null {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(text)?.[1]
  if (mapped !== undefined && mapped.includes('.')) {
    return parseAddress(mapped) === null ? null : { kind: 'address', address: mapped }
  }
  if (!text.includes(':')) return null
  const words = parseAddress(text)
  return words === null ? null : { kind: 'address', address: ipv6Text(words) }
}

/** @param words four of 32 bits, the highest first. */
function ipv6Text(words: readonly number[]): string {
  const groups = words.flatMap((word) => [(word >>> 16) & 0xffff, word & 0xffff])
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.')
  }
  // The longest run of zeros is left out, the first of several; a single one is not (RFC 5952 section 4.2).
  let [from, length] = [-1, 1]
  for (let start = 0; start < 8; start++) {
    let end = start
    while (groups[end] === 0) end++
    if (end - start > length) [from, length] = [start, end - start]
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return from === -1 ? hex(groups) : `${hex(groups.slice(0, from))}::${hex(groups.slice(from + length))}`
}
