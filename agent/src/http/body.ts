/**
 * The body of a request as a stream that may be thrown away without taking the client's connection along.
 *
 * Node's own request destroys its socket when it is destroyed, and the sender of a body destroys it when a service
 * fails: the client would see a reset instead of a 502. This stream stands between the two. It reads only while
 * somebody wants data, gives up when the client owes data for too long, and asks for the body (100 Continue) only when
 * the first byte is wanted.
 *
 * @module
 */
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

interface BodyOptions {
  readonly request: IncomingMessage
  /** Longest silence of a client that owes data, in milliseconds. */
  readonly idleMs: number
  /** Called before the first read; sends 100 Continue when the client waits for it. */
  readonly onFirstRead: () => void
}

export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #onFirstRead: () => void
  readonly #idle: NodeJS.Timeout
  readonly #listeners: readonly (readonly [event: string, listener: (chunk: Buffer) => void])[]
  #clientGone = false
  #started = false
  #ended = false
  #waiting = false

  constructor({ request, idleMs, onFirstRead }: BodyOptions) {
    super({ highWaterMark: 65_536 })
    this.#request = request
    this.#onFirstRead = onFirstRead
    this.#idle = setTimeout(() => {
      if (this.#waiting) this.#giveUp('the client sent nothing for too long')
    }, idleMs)
    // Whoever sends the body hears of it as well; without a listener a late error would end the process.
    this.on('error', () => {})
    this.#listeners = [
      ['data', (chunk) => this.#take(chunk)],
      ['end', () => this.#finish()],
      ['error', () => this.#giveUp('the body broke off')],
      ['close', () => this.#giveUp('the client left')],
    ]
  }

  /** Whether the body ended early, and by the client's doing. */
  get clientGone(): boolean {
    return this.#clientGone
  }

  /** Whether the next step is the client's: it owes data, and there is room for it. */
  get waitingForClient(): boolean {
    return this.#waiting
  }

  override _read(): void {
    if (!this.#started) {
      this.#started = true
      this.#onFirstRead()
      for (const [event, listener] of this.#listeners) this.#request.on(event, listener)
    }
    this.#waiting = !this.#ended
    this.#idle.refresh()
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    clearTimeout(this.#idle)
    this.#waiting = false
    for (const [event, listener] of this.#listeners) this.#request.off(event, listener)
    // Whoever discards the rest resumes it, with a bound.
    this.#request.pause()
    callback(error)
  }

  #take(chunk: Buffer): void {
    this.#idle.refresh()
    if (this.push(chunk)) return
    this.#waiting = false
    this.#request.pause()
  }

  #giveUp(why: string): void {
    if (this.#ended || this.destroyed) return
    this.#clientGone = true
    this.destroy(new Error(why))
  }

  #finish(): void {
    this.#ended = true
    this.#waiting = false
    clearTimeout(this.#idle)
    this.push(null)
  }
}
