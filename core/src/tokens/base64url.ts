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

/** @returns null for every text that is not the canonical form of some bytes. Never throws. */
export function decodeBase64url(text: string): Uint8Array | null {
  const rest = text.length % 4
  const last = text.charAt(text.length - 1)
  if (rest === 1 || !ALPHABET.test(text)) return null
  if (rest === 2 && !LAST_OF_TWO.includes(last)) return null
  if (rest === 3 && !LAST_OF_THREE.includes(last)) return null
  return Uint8Array.fromBase64(text, { alphabet: 'base64url' })
}
