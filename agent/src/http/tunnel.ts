/**
 * Two connections that have become one: bytes of either go to the other as they come.
 *
 * Nothing is read here, so nothing here can be read in two ways. Back pressure, half closing and abrupt ends cross to the
 * other side; a tunnel in which nothing moves, or which somebody holds up, does not stay.
 *
 * @module
 */
import { copyWithin } from './bytes.ts'
import type { SharedParts } from './engine-parts.ts'
import type { Connection } from './io.ts'

export class Tunnel {
  readonly #parts: SharedParts
  readonly #client: Connection
  readonly #service: Connection
  readonly #onEnd: () => void
  readonly #endsMs: number
  /** Who sends nothing more. */
  #ended: Connection | null = null
  #isOver = false

  /** @param client its deadline is that of the tunnel. @param onEnd called once. */
  constructor(parts: SharedParts, client: Connection, service: Connection, onEnd: () => void) {
    const { websocketMsMax } = parts.settings
    this.#parts = parts
    this.#client = client
    this.#service = service
    this.#onEnd = onEnd
    this.#endsMs = websocketMsMax === 0 ? Number.POSITIVE_INFINITY : parts.wheel.nowMs + websocketMsMax
    this.#watch()
  }

  received(from: Connection, start: number, end: number): void {
    const to = this.#across(from)
    if (to.closed) return
    const { bytes, out } = this.#parts.arena
    // What the system does not take at once must not lie where the next read comes.
    to.io.write(to, out, copyWithin(bytes, out, start, end))
    if (to.blocked && !from.paused && !from.closed) from.io.pause(from)
    this.#watch()
  }

  /** One side takes more. */
  drained(side: Connection): void {
    const from = this.#across(side)
    if (from.paused && !from.closed) from.io.resume(from)
    this.#watch()
  }

  /** One side sends nothing more. */
  ended(side: Connection): void {
    const other = this.#across(side)
    if (!other.closed) other.io.end(other)
    if (this.#ended === other) this.#end()
    this.#ended = side
    this.#watch()
  }

  /** One side is over. After an end in good order, what it has sent may still be on its way. */
  gone(side: Connection): void {
    const other = this.#across(side)
    if (this.#ended === side && !other.closed) return
    if (!other.closed) other.io.destroy(other)
    this.#end()
  }

  /** Ends both sides when everything that has come is written. */
  close(): void {
    for (const side of [this.#client, this.#service]) if (!side.closed) side.io.end(side)
  }

  /** Ends both sides at once. */
  cut(): void {
    for (const side of [this.#client, this.#service]) if (!side.closed) side.io.destroy(side)
    this.#end()
  }

  #across(side: Connection): Connection {
    return side === this.#client ? this.#service : this.#client
  }

  /** Somebody who takes nothing, or has ended, is waited for like any client; else silence is what sockets are for. */
  #watch(): void {
    if (this.#isOver) return
    const { wheel, settings } = this.#parts
    const isHeldUp = this.#client.blocked || this.#service.blocked || this.#ended !== null
    const idleMs = isHeldUp ? settings.clientIdleMs : settings.websocketIdleMs
    wheel.set(this.#client, Math.max(0, Math.min(idleMs, this.#endsMs - wheel.nowMs)))
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    const { wheel, settings } = this.#parts
    for (const side of [this.#client, this.#service]) if (!side.closed) wheel.set(side, settings.clientIdleMs)
    this.#onEnd()
  }
}
