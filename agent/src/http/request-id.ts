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

/** Characters that stand for chance: 5 bits each. */
const CHANCE_LENGTH = 16
/** Random bytes are fetched for this many ids at once: one call costs as much as the ids. */
const POOL_IDS = 256

/** Makes the ids of one process. */
export function createRequestIds(): (nowMs: number) => string {
  const pool = new Uint8Array(CHANCE_LENGTH * POOL_IDS)
  let next = pool.length
  return (nowMs) => {
    if (next >= pool.length) {
      randomFillSync(pool)
      next = 0
    }
    let text = 'req_'
    for (let power = 32 ** 9; power >= 1; power /= 32) text += BASE32.charAt(Math.floor(nowMs / power) % 32)
    // 32 divides 256: the low five bits of a random byte are as random as the byte.
    for (let index = 0; index < CHANCE_LENGTH; index++) text += BASE32.charAt((pool[next++] ?? 0) & 31)
    return text
  }
}
