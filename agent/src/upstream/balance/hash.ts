/**
 * Numbers for consistent hashing: the same text gives the same number in every agent.
 *
 * Not for secrets: who wants to can find texts with the same number.
 *
 * Sources: the offset and prime of FNV-1a (draft-eastlake-fnv), the finaliser of MurmurHash3.
 *
 * @module
 */

/** @returns 32 bits, unsigned. */
export function hashText(text: string): number {
  let state = 0x811c9dc5
  for (let index = 0; index < text.length; index++) state = Math.imul(state ^ text.charCodeAt(index), 0x01000193)
  return mix(state)
}

/** Two numbers to one in which every bit depends on every bit. @returns 32 bits, unsigned. */
export function hashPair(one: number, other: number): number {
  return mix(Math.imul(one, 0x9e3779b1) ^ other)
}

function mix(value: number): number {
  let state = value
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 0
}
