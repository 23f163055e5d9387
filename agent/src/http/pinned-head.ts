/**
 * A request's head that outlives the read that brought it, because its decision is awaited.
 *
 * The usual decision is made at once, while the head is still where it was read, and nothing is copied.
 *
 * @module
 */
import { Head } from './head.ts'
import type { RequestHead } from './request-head.ts'

export class PinnedHead extends Head {
  readonly #targetStart: number
  readonly #targetEnd: number
  readonly #framing: number
  readonly #options: ReadonlySet<string> | null
  readonly #takesTrailers: boolean
  readonly #asksWebsocket: boolean

  constructor(head: RequestHead) {
    const start = head.headStart
    super(Buffer.from(head.bytes.subarray(start, head.end)), head.count)
    this.count = head.count
    this.end = head.end - start
    for (let index = 0; index < this.offsets.length; index++) this.offsets[index] = (head.offsets[index] ?? 0) - start
    for (let field = 0; field < head.count; field++) this.kinds[field] = head.kinds[field] ?? 0
    this.#targetStart = head.targetStart - start
    this.#targetEnd = head.targetEnd - start
    this.#framing = head.framing
    this.#options = head.options
    this.#takesTrailers = head.takesTrailers
    this.#asksWebsocket = head.asksWebsocket
  }

  /** Puts the fields back where the engine writes them from. */
  restore(into: RequestHead, at: number): void {
    this.bytes.copy(into.bytes, at)
    for (let index = 0; index < this.offsets.length; index++) into.offsets[index] = (this.offsets[index] ?? 0) + at
    into.kinds.set(this.kinds)
    into.count = this.count
    into.end = this.end + at
    into.targetStart = this.#targetStart + at
    into.targetEnd = this.#targetEnd + at
    into.framing = this.#framing
    into.options = this.#options
    into.takesTrailers = this.#takesTrailers
    into.asksWebsocket = this.#asksWebsocket
  }
}
