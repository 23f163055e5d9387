/**
 * Base64url without padding, in its one canonical form.
 *
 * Two texts for the same bytes would be two names for one token: a cache or a list of revoked tokens could be walked
 * around. So padding, other alphabets, white space and unused bits that are not zero are refused.
 *
 * Sources: RFC 7515 section 2 and appendix C, RFC 4648 section 3.5 (canonical encoding) and 5.
 *
 * @module
 */

const ALPHABET = /^[A-Za-z0-9_-]*$/

/** Last digits whose low four (of two digits) or two bits (of three) are zero. */
const LAST_OF_TWO = 'AQgw'
const LAST_OF_THREE = 'AEIMQUYcgkosw048'

const BASE64URL = { alphabet: 'base64url' } as const

/** Room for the bytes of any token; made once, because what a look needs no longer is not worth memory of its own. */
const scratch = new Uint8Array(8_192)

/** @returns null for every text that is not the canonical form of some bytes. Never throws. */
export function decodeBase64url(text: string): Uint8Array | null {
  return lookAtBase64url(text)?.slice() ?? null
}

/** The same for who reads the bytes at once: the next call writes over them. */
export function lookAtBase64url(text: string): Uint8Array | null {
  if (!isCanonical(text)) return null
  if (text.length > scratch.length) return Uint8Array.fromBase64(text, BASE64URL)
  return scratch.subarray(0, scratch.setFromBase64(text, BASE64URL).written)
}

/** The one text that these bytes have. */
export function encodeBase64url(bytes: Uint8Array): string {
  return bytes.toBase64({ ...BASE64URL, omitPadding: true })
}

function isCanonical(text: string): boolean {
  const rest = text.length % 4
  const last = text.charAt(text.length - 1)
  if (rest === 1 || !ALPHABET.test(text)) return false
  if (rest === 2 && !LAST_OF_TWO.includes(last)) return false
  return rest !== 3 || LAST_OF_THREE.includes(last)
}
