/**
 * Address ranges in CIDR form, for IPv4 and IPv6.
 *
 * The parser is strict, because a range that two readers understand differently opens a door: no leading zeros
 * (octal to some), no host bits behind the prefix, no IPv4 in IPv6 clothes, no zone. A single address is a range
 * of its own.
 *
 * Sources: RFC 4632 section 3.1, RFC 4291 section 2.2 and 2.3.
 *
 * @module
 */

/** A parsed range. `text` is as it was written, for people. */
export type AddressRange =
  | { readonly kind: 'range'; readonly text: string; readonly words: Words; readonly prefix: number }
  /** Could not be parsed, and so contains no address: dropping it from a list could open that list. */
  | { readonly kind: 'none'; readonly text: string }

/** 32-bit words, the highest first: one for IPv4, four for IPv6. */
type Words = readonly number[]

/** @returns null when the text is not a range. */
export function parseAddressRange(text: string): AddressRange | null {
  const [address = '', length, ...rest] = text.split('/')
  const words = parseAddress(address)
  if (words === null || rest.length > 0) return null
  const bits = words.length * 32
  if (length === undefined) return { kind: 'range', text, words, prefix: bits }
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(length) || Number(length) > bits) return null
  const prefix = Number(length)
  // Host bits: `10.0.0.5/8` is ten million addresses to one reader and one to another.
  if (words.some((word, index) => (word & ~prefixMask(prefix, index)) !== 0)) return null
  return { kind: 'range', text, words, prefix }
}

/** Parses a list once. A text that is not a range becomes one that contains nothing: the list stays a restriction. */
export function parseAddressRanges(texts: readonly string[]): readonly AddressRange[] {
  return texts.map((text) => parseAddressRange(text) ?? { kind: 'none', text })
}

/**
 * Whether an address is in one of the ranges.
 *
 * @param address as in `Facts`. What is not an address is in no range.
 */
export function rangesContain(ranges: readonly AddressRange[], address: string): boolean {
  const words = parseAddress(address)
  return words !== null && ranges.some((range) => contains(range, words))
}

function contains(range: AddressRange, words: Words): boolean {
  if (range.kind === 'none' || range.words.length !== words.length) return false
  return range.words.every((word, index) => ((word ^ (words[index] ?? 0)) & prefixMask(range.prefix, index)) === 0)
}

/** Which bits of the word at `index` belong to a prefix. */
export function prefixMask(prefix: number, index: number): number {
  const bits = Math.min(32, Math.max(0, prefix - 32 * index))
  // Shifts count modulo 32.
  return bits === 0 ? 0 : -1 << (32 - bits)
}

/** @returns null when the text is not an address. */
export function parseAddress(text: string): Words | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): Words | null {
  const parts = text.split('.', 5)
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255))
    return null
  return [parts.reduce((word, part) => (word << 8) | Number(part), 0)]
}

function parseIpv6(text: string): Words | null {
  const halves = text.split('::', 3)
  if (halves.length > 2 || text.length > 39) return null
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  // `::` stands for one group at least; without it all eight are written.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return null
  const values = groups.map((group) => Number.parseInt(group, 16))
  return [0, 2, 4, 6].map((index) => ((values[index] ?? 0) << 16) | (values[index + 1] ?? 0))
}
