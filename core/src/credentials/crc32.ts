/**
 * CRC-32 as in ISO-HDLC (reflected polynomial 0xEDB88320, as zip and Ethernet use it), of ASCII text.
 *
 * It finds typing errors and lets scanners tell keys from other text; it proves nothing.
 *
 * @module
 */

// Signed, so that every step stays in 32-bit arithmetic.
const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/**
 * @param text of characters below U+0100; each is taken as one byte.
 * @param end index behind the last character that counts.
 */
export function crc32(text: string, end = text.length): number {
  let state = CRC32_START
  for (let index = 0; index < end; index++) state = crc32Next(state, text.charCodeAt(index))
  return crc32Of(state)
}

/** Before the first character. */
export const CRC32_START = -1

/** Goes on by one character, for who reads a text for something else as well. */
export function crc32Next(state: number, code: number): number {
  return (state >>> 8) ^ (table[(state ^ code) & 0xff] ?? 0)
}

/** The checksum of all characters so far. */
export function crc32Of(state: number): number {
  return ~state >>> 0
}
