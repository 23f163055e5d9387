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
  let crc = -1
  for (let index = 0; index < end; index++) {
    crc = (crc >>> 8) ^ (table[(crc ^ text.charCodeAt(index)) & 0xff] ?? 0)
  }
  return ~crc >>> 0
}
