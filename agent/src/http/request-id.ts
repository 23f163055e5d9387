/**
 * Request ids: `req_` and 26 characters of Crockford's base32, 48 bits of time and 80 of chance.
 *
 * The same form as every id of the product (`kit/ids.ts`), made without big numbers, because one is made for every
 * request. A caller's own id is not used: whoever may choose an id can make two requests look like one.
 *
 * @module
 */
import { randomFillSync } from 'node:crypto'

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Characters that stand for time, behind `req_`. */
const TIME_LENGTH = 10
const TIME_START = 4
const CHANCE_START = TIME_START + TIME_LENGTH
/** Characters that stand for chance: 5 bits each. */
const CHANCE_LENGTH = 16
/** Random bytes are fetched for this many ids at once: one call costs as much as the ids. */
const POOL_IDS = 256

/** Makes the ids of one process. */
export function createRequestIds(): (nowMs: number) => string {
  const pool = new Uint8Array(CHANCE_LENGTH * POOL_IDS)
  let next = pool.length
  // One text is made of one array of bytes: put together from letters it would be a tree of thirty texts.
  const bytes = Buffer.from(`req_${'0'.repeat(TIME_LENGTH + CHANCE_LENGTH)}`, 'latin1')
  let writtenMs = 0
  return (nowMs) => {
    if (next >= pool.length) {
      randomFillSync(pool)
      next = 0
    }
    if (nowMs !== writtenMs) {
      writtenMs = nowMs
      let rest = nowMs
      for (let index = CHANCE_START - 1; index >= TIME_START; index--) {
        bytes[index] = BASE32.charCodeAt(rest % 32)
        rest = Math.floor(rest / 32)
      }
    }
    // 32 divides 256: the low five bits of a random byte are as random as the byte.
    for (let index = CHANCE_START; index < bytes.length; index++) {
      bytes[index] = BASE32.charCodeAt((pool[next++] ?? 0) & 31)
    }
    return bytes.toString('latin1')
  }
}
