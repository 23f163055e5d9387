/**
 * Signatures by ECDSA between the two forms that they have: two numbers of fixed length in tokens, a sequence of two
 * integers in X.509.
 *
 * Only for curves of 256 bits, with which the sequence has one byte of length. Each pair of numbers has one form.
 *
 * Sources: RFC 7518 section 3.4, RFC 3279 section 2.2.3 (`Ecdsa-Sig-Value`), X.690 section 8.3 and 10.1 (DER).
 *
 * @module
 */

/** Bytes of one number. */
const NUMBER_BYTES = 32
/** Bytes of a signature in the form of tokens. */
export const SHORT_ECDSA_BYTES = 2 * NUMBER_BYTES

const [SEQUENCE, INTEGER] = [0x30, 0x02]
/** In front of the sequence, and in front of each number. */
const HEAD_BYTES = 2
/** A number whose first bit is set has a zero in front, or it would be below zero. */
const LENGTH_MAX = HEAD_BYTES + 2 * (HEAD_BYTES + 1 + NUMBER_BYTES)

const der = new Uint8Array(LENGTH_MAX)
/** Its beginnings, by length: there are few lengths. */
const beginnings = Array.from({ length: LENGTH_MAX + 1 }, (_, length) => der.subarray(0, length))

/**
 * @param signature of `SHORT_ECDSA_BYTES`.
 * @returns the form of X.509, in memory that the next call writes over.
 */
export function derOfShortEcdsa(signature: Uint8Array): Uint8Array {
  const end = writeInteger(signature, NUMBER_BYTES, writeInteger(signature, 0, HEAD_BYTES))
  der[0] = SEQUENCE
  der[1] = end - HEAD_BYTES
  return beginnings[end] ?? der
}

/** @returns the place behind it. */
function writeInteger(from: Uint8Array, start: number, place: number): number {
  const end = start + NUMBER_BYTES
  let first = start
  while (first < end - 1 && from[first] === 0) first++
  const sign = (from[first] ?? 0) > 0x7f ? 1 : 0
  der[place] = INTEGER
  der[place + 1] = sign + end - first
  let at = place + HEAD_BYTES
  if (sign === 1) der[at++] = 0
  while (first < end) der[at++] = from[first++] ?? 0
  return at
}
