/**
 * Bounds what a client may send that gets it nothing: frames without requests or data in them.
 *
 * The library tells of few frames, so bytes are counted: what arrived, less what became a header section or data, less
 * what a client has to say when it is sent something (window updates, measurements of the round trip). A flood of PING,
 * SETTINGS, WINDOW_UPDATE, PRIORITY, empty DATA or padding is what is left over, whatever it is made of.
 *
 * Sources: RFC 9113 section 10.5 (denial of service), CVE-2019-9512, -9515, -9517, -9518.
 *
 * @module
 */

/** What may be left over at once, in bytes: 2,500 frames without content. */
const WASTE_BYTES_MAX = 32_768
/** How fast it is forgiven, in bytes a second. */
const FORGIVEN_BYTES_PER_S = 4_096
/** What a client may say to one header section or one piece of data that it is sent, in bytes: five small frames. */
const ANSWER_BYTES = 85
/** And once more for so many bytes of it. */
const ANSWER_EVERY_BYTES = 4_096
/** What surrounds one header section or one piece of data that it sends, in bytes: frame heads, window updates. */
const AROUND_BYTES = 64

export class Effort {
  /** How often the client had something to say to what it was sent, since the last look. */
  occasions = 0
  #allowed = WASTE_BYTES_MAX
  #read = 0
  #useful = 0
  #unread = 0
  #lastMs: number

  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  /** A header section or data arrived. */
  arrived(bytes: number): void {
    this.#useful += bytes + AROUND_BYTES
  }

  /** A header section or data was sent. */
  sent(bytes: number): void {
    const occasions = 1 + Math.floor(bytes / ANSWER_EVERY_BYTES)
    this.occasions += occasions
    this.#useful += occasions * ANSWER_BYTES
  }

  /**
   * @param readBytes that arrived on the connection since it began.
   * @param unreadBytes of data among them that were not told by `arrived` yet.
   * @returns whether too much of it was for nothing.
   */
  isWasted(readBytes: number, unreadBytes: number, nowMs: number): boolean {
    // Frames of a few bytes are surrounded by as much again.
    const unread = 2 * unreadBytes
    const waste = Math.max(0, readBytes - this.#read - this.#useful - Math.max(0, unread - this.#unread))
    const forgiven = ((nowMs - this.#lastMs) * FORGIVEN_BYTES_PER_S) / 1_000
    this.#allowed = Math.min(WASTE_BYTES_MAX, this.#allowed + forgiven) - waste
    this.#read = readBytes
    this.#useful = this.occasions = 0
    this.#unread = unread
    this.#lastMs = nowMs
    return this.#allowed < 0
  }
}
