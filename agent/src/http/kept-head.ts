/**
 * Heads of requests that may have to be sent later, or again.
 *
 * A head is kept while its request waits for a connection, and while a request that may be repeated has no response.
 * The places are used again, so keeping a head costs a copy and no memory of its own.
 *
 * @module
 */

/** Most heads fit. */
const BYTES = 2_048
/** Larger places are not kept for the next one. */
const BYTES_KEPT_MAX = 8_192
/** Places that wait to be used. */
const SPARE_MAX = 256

export interface KeptHead {
  bytes: Buffer
  /** End of the request line, of `Host` behind it, and of the whole. */
  lineEnd: number
  hostEnd: number
  end: number
}

export class KeptHeads {
  readonly #spare: KeptHead[] = []

  /** @param start where the head is; all other places are offsets into `bytes` as well. */
  keep(bytes: Buffer, start: number, lineEnd: number, hostEnd: number, end: number): KeptHead {
    const kept = this.#spare.pop() ?? { bytes: Buffer.allocUnsafeSlow(BYTES), lineEnd: 0, hostEnd: 0, end: 0 }
    const length = end - start
    if (kept.bytes.length < length) kept.bytes = Buffer.allocUnsafeSlow(length)
    bytes.copy(kept.bytes, 0, start, end)
    kept.lineEnd = lineEnd - start
    kept.hostEnd = hostEnd - start
    kept.end = length
    return kept
  }

  release(kept: KeptHead): void {
    if (this.#spare.length < SPARE_MAX && kept.bytes.length <= BYTES_KEPT_MAX) this.#spare.push(kept)
  }
}

/** Writes a kept head, with another `Host`. @returns the place behind it. */
export function writeKept(kept: KeptHead, into: Buffer, to: number, hostLine: Uint8Array): number {
  kept.bytes.copy(into, to, 0, kept.lineEnd)
  let at = to + kept.lineEnd
  into.set(hostLine, at)
  at += hostLine.length
  kept.bytes.copy(into, at, kept.hostEnd, kept.end)
  return at + kept.end - kept.hostEnd
}
