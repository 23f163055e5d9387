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
const PAIRS = DIGITS / 2
/** Value of each digit by its character code; -1 for all other characters below U+0080. */
const values = Int8Array.from({ length: 128 }, (_, code) => BASE32.indexOf(String.fromCharCode(code)))

/** Made once: an id is written here, two characters at a time, and read out at once. */
const scratch = Buffer.from(new ArrayBuffer(LENGTH))
scratch.write(PREFIX, 'latin1')
const scratchPairs = new Uint16Array(scratch.buffer)
/** Two characters, as they lie in memory, by the ten bits that they stand for. */
const pairs = Uint16Array.from({ length: 1024 }, (_, value) => {
  const text = `${BASE32.charAt(value >> 5)}${BASE32.charAt(value & 31)}`
  return new Uint16Array(new Uint8Array(Buffer.from(text, 'latin1')).buffer)[0] ?? 0
})

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
  for (let pair = 0; pair < PAIRS; pair++) {
    const value = (digitAt(id, pair * 2) << 5) | digitAt(id, pair * 2 + 1)
    const [word, shift] = [at + wordOf(pair), shiftOf(pair)]
    words[word] = (words[word] ?? 0) | (value << shift)
    if (shift > 22 && word > at) words[word - 1] = (words[word - 1] ?? 0) | (value >>> (32 - shift))
  }
}

export function readCompactId(words: Int32Array, at: number): string {
  for (let pair = 0; pair < PAIRS; pair++) {
    const [word, shift] = [at + wordOf(pair), shiftOf(pair)]
    let value = (words[word] ?? 0) >>> shift
    if (shift > 22 && word > at) value |= (words[word - 1] ?? 0) << (32 - shift)
    scratchPairs[PREFIX.length / 2 + pair] = pairs[value & 1023] ?? 0
  }
  return scratch.toString('latin1', 0, LENGTH)
}

// Two digits have ten bits, counted from the high end of the first word, where two bits are missing.
const lastBitOf = (pair: number): number => pair * 10 + 7
const wordOf = (pair: number): number => lastBitOf(pair) >> 5
const shiftOf = (pair: number): number => 31 - (lastBitOf(pair) & 31)
