/**
 * Ids and random texts.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'

// Crockford's base32 without I, L, O and U: sorts like the number it stands for and survives being read aloud.
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function base32(bits: bigint, length: number): string {
  let text = ''
  for (let shift = BigInt((length - 1) * 5); shift >= 0n; shift -= 5n)
    text += BASE32.charAt(Number((bits >> shift) & 31n))
  return text
}

/**
 * A new id: `prefix_` and 26 characters, 48 bits of time and 80 of chance, so ids sort by time of creation.
 *
 * @param nowMs milliseconds since 1970-01-01 UTC.
 */
export function newId(prefix: string, nowMs: number): string {
  const chance = BigInt(`0x${randomBytes(10).toString('hex')}`)
  return `${prefix}_${base32(BigInt(Math.trunc(nowMs)), 10)}${base32(chance, 16)}`
}

/** Whether a text has the form of an id with this prefix. */
export function isId(prefix: string, text: string): boolean {
  return (
    text.length === prefix.length + 27 &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9A-HJKMNP-TV-Z]{26}$/.test(text.slice(-26))
  )
}

/** Random letters and digits; 5.95 bits of chance each, without bias. */
export function randomBase62(length: number): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is the largest multiple of 62 in a byte: what lies above would favour the first letters.
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62)
    }
  }
  return text
}
