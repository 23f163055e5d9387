/**
 * How HTTP/2 begins on a connection on which HTTP/1.1 could come as well.
 *
 * The preface was chosen so that it is no request of HTTP/1.1: it is looked for only where one was refused, and costs
 * requests nothing.
 *
 * Source: RFC 9113 section 3.3 (prior knowledge) and 3.4 (preface).
 *
 * @module
 */
import { bytesOf } from './bytes.ts'

const PREFACE = bytesOf('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
/** So much of it is no beginning of anything else: `PRI * HTTP/2`. */
const CERTAIN_BYTES = 12

/** Whether the first bytes of a connection are the preface, as far as it has arrived: who speaks HTTP/2 reads the rest. */
export function isPreface(bytes: Uint8Array, start: number, end: number): boolean {
  const length = Math.min(end - start, PREFACE.length)
  if (length < CERTAIN_BYTES) return false
  for (let index = 0; index < length; index++) if (bytes[start + index] !== PREFACE[index]) return false
  return true
}
