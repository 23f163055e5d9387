/**
 * The body of a request on its way through: how much of it is there, how fast it comes, and whether it is still owed.
 *
 * A body that does not come holds a connection to a service, so one is asked for only when the beginning of the body is
 * there, and whoever sends less than a rate or for too long does not stay.
 *
 * @module
 */
import { BodyReader } from './body.ts'
import type { EngineParts } from './engine-parts.ts'
import { framings } from './head.ts'
import type { RequestHead } from './request-head.ts'

export class ClientBody extends BodyReader {
  /** Whether the client waits for `100 Continue`. */
  expectsContinue = false
  /** Longest body that passes, in bytes. */
  bytesMax = Infinity
  readonly #parts: EngineParts
  #deadlineMs = 0
  /** What has come since the last look. */
  #windowBytes = 0
  #flowMs = 0
  #flowBytes = 0

  constructor(parts: EngineParts) {
    super()
    this.#parts = parts
  }

  /** The body of a request whose head was just read. */
  take(head: RequestHead): void {
    this.begin(head.framing, head.length)
    this.bytesMax = Infinity
    this.expectsContinue = head.expectsContinue
  }

  /** Looks at bytes that are not read yet. @param scratch a place of output. @returns whether enough of it is there. */
  isEnough(start: number, end: number, scratch: number): boolean {
    const { arena, carried, settings } = this.#parts
    this.#windowBytes += end - start
    // Without room to gather, a body is passed on as it comes: stalling is looked at then, too.
    return this.sees(arena.bytes, start, end, scratch, settings.gatherBytes) || carried.bytes >= carried.bytesMax
  }

  /** The body is awaited from now on. @param startedMs when its head was read. */
  expect(startedMs: number): void {
    const { requestTimeoutMs } = this.#parts.settings
    this.#deadlineMs = requestTimeoutMs === 0 ? 0 : startedMs + requestTimeoutMs
    this.watch()
  }

  /** Whether more of it has come than may, or is to come by its length. */
  get isTooLarge(): boolean {
    return this.passed > this.bytesMax || (this.framing === framings.length && this.passed + this.left > this.bytesMax)
  }

  /** Begins to measure anew, as after a pause. */
  watch(): void {
    this.#windowBytes = this.#flowBytes = 0
    this.#flowMs = this.#parts.wheel.nowMs
  }

  /** Reads a part of the body and writes it again, in chunks where it came in chunks. @returns the place behind it. */
  relay(start: number, end: number, to: number): number {
    const at = this.transfer(this.#parts.arena.bytes, start, end, to, true)
    this.#windowBytes += this.at - start
    this.#flowBytes += this.at - start
    if (this.#flowBytes >= this.#parts.settings.bodyBytesPerSMin) {
      this.#flowBytes = 0
      this.#flowMs = this.#parts.wheel.nowMs
    }
    return at
  }

  /** Reads a part of a body that nobody wants. @returns whether there may be more of it. */
  discard(start: number, end: number): boolean {
    const { arena, settings } = this.#parts
    this.transfer(arena.bytes, start, end, arena.out, false)
    this.#windowBytes += this.at - start
    return this.#windowBytes <= settings.discardBytesMax
  }

  /** Since when less has come than must come in a second, in milliseconds of the wheel. */
  get slowSinceMs(): number {
    return this.#flowMs
  }

  /** Whether more time has passed than a whole body may take. */
  get isLate(): boolean {
    return this.#deadlineMs !== 0 && this.#parts.clock.monotonic() > this.#deadlineMs
  }

  /** Whether less has come since the last look than must come in that time; a stream must only show that it lives. */
  cameTooSlowly(isStream: boolean): boolean {
    const { bodyBytesPerSMin, clientIdleMs } = this.#parts.settings
    const least = isStream ? 1 : (bodyBytesPerSMin * clientIdleMs) / 1_000
    const isTooSlow = this.#windowBytes < least
    this.#windowBytes = 0
    return isTooSlow
  }
}
