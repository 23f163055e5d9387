/**
 * Ids of API keys in four words instead of thirty characters: a directory holds a million of them.
 *
 * `key_` and 26 digits of Crockford's base32 are 128 bits, because the time in front has 48. An id of any other form is
 * none of these, and is kept as text.
 *
 * @module
 */

export const ID_WORDS = 4

const PREFIX = 'key_'
const DIGITS = 26
const LENGTH = PREFIX.length + DIGITS
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const codes = Uint8Array.from(BASE32, (character) => character.charCodeAt(0))
/** Value of each digit by its character code; -1 for all other characters below U+0080. */
const values = Int8Array.from({ length: 128 }, (_, code) => BASE32.indexOf(String.fromCharCode(code)))

/** Made once: an id is written here and read out at once. */
const scratch = Buffer.from(PREFIX.padEnd(LENGTH, '0'), 'latin1')

export function isCompactId(id: string): boolean {
  if (id.length !== LENGTH || !id.startsWith(PREFIX)) return false
  // 26 digits have 130 bits.
  if (digitAt(id, 0) > 7) return false
  for (let index = 0; index < DIGITS; index++) if (digitAt(id, index) === -1) return false
  return true
}

function digitAt(id: string, index: number): number {
  return values[id.charCodeAt(PREFIX.length + index)] ?? -1
}

/** @param id for which `isCompactId` holds. */
export function writeCompactId(words: Int32Array, at: number, id: string): void {
  words.fill(0, at, at + ID_WORDS)
  for (let index = 0; index < DIGITS; index++) {
    const digit = digitAt(id, index)
    const [word, shift] = [at + wordOf(index), shiftOf(index)]
    words[word] = (words[word] ?? 0) | (digit << shift)
    if (shift > 27 && word > at) words[word - 1] = (words[word - 1] ?? 0) | (digit >>> (32 - shift))
  }
}

export function readCompactId(words: Int32Array, at: number): string {
  for (let index = 0; index < DIGITS; index++) {
    const [word, shift] = [at + wordOf(index), shiftOf(index)]
    let digit = (words[word] ?? 0) >>> shift
    if (shift > 27 && word > at) digit |= (words[word - 1] ?? 0) << (32 - shift)
    scratch[PREFIX.length + index] = codes[digit & 31] ?? 0
  }
  return scratch.toString('latin1', 0, LENGTH)
}

// A digit has five bits, counted from the high end of the first word, where two bits are missing.
const lastBitOf = (index: number): number => index * 5 + 2
const wordOf = (index: number): number => lastBitOf(index) >> 5
const shiftOf = (index: number): number => 31 - (lastBitOf(index) & 31)
