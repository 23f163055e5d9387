/**
 * CRC-32 as in ISO-HDLC (reflected polynomial 0xEDB88320, as zip and Ethernet use it), of ASCII text.
 *
 * It finds typing errors and lets scanners tell keys from other text; it proves nothing.
 *
 * @module
 */

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** @param text of characters below U+0100; each is taken as one byte. */
export function crc32(text: string): number {
  let crc = 0xffffffff
  for (let index = 0; index < text.length; index++) {
    crc = (crc >>> 8) ^ (table[(crc ^ text.charCodeAt(index)) & 0xff] ?? 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
