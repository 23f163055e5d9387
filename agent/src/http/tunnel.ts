/**
 * Two connections that have become one: bytes of either go to the other as they come.
 *
 * Nothing is changed here; where frames end is noted, so that the agent can say goodbye between two of them. Back pressure,
 * half closing and abrupt ends cross to the other side; a tunnel in which nothing moves, or which somebody holds up, does
 * not stay.
 *
 * @module
 */
import { copyWithin, putBytes } from './bytes.ts'
import type { SharedParts } from './engine-parts.ts'
import type { Connection } from './io.ts'
import { closeFrame, FrameReader } from './websocket-frames.ts'

/** How long a goodbye may take: the end of a frame that has begun, and what is on its way. In milliseconds. */
const GOODBYE_MS = 1_000

/** What both sides are told before the end. */
interface Goodbye {
  readonly code: number
  readonly why: string
  /** Sides that have been told, or have said it themselves. */
  readonly told: Set<Connection>
}

export class Tunnel {
  readonly #parts: SharedParts
  readonly #client: Connection
  readonly #service: Connection
  readonly #onEnd: () => void
  readonly #endsMs: number
  /** Who sends nothing more. */
  #ended: Connection | null = null
  #isOver = false
  readonly #fromClient = new FrameReader()
  readonly #fromService = new FrameReader()
  /** Bytes that have passed, of both directions. */
  bytes = 0
  /** Null: nobody wants it to end. */
  #goodbye: Goodbye | null = null

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
    if (this.#goodbye !== null) return this.#finishFrame(this.#goodbye, from, start, end)
    this.bytes += end - start
    const { bytes, out } = this.#parts.arena
    this.#framesFrom(from).take(bytes, start, end)
    // What the system does not take at once must not lie where the next read comes.
    to.io.write(to, out, copyWithin(bytes, out, start, end))
    if (to.blocked && !from.paused && !from.closed) from.io.pause(from)
    this.#watch()
  }

  /** One side takes more. */
  drained(side: Connection): void {
    const from = this.#across(side)
    if (from.paused && !from.closed) from.io.resume(from)
    if (this.#goodbye !== null) this.#say(this.#goodbye, side)
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

  /** Ends both sides between two frames, and tells them so. @param why ASCII. */
  close(code: number, why: string): void {
    if (this.#isOver || this.#goodbye !== null) return
    const goodbye: Goodbye = { code, why, told: new Set() }
    this.#goodbye = goodbye
    this.#parts.wheel.set(this.#client, GOODBYE_MS)
    for (const side of [this.#client, this.#service]) this.#say(goodbye, side)
  }

  /** Ends both sides at once. */
  cut(): void {
    for (const side of [this.#client, this.#service]) if (!side.closed) side.io.destroy(side)
    this.#end()
  }

  /** Tells one side, when it is between two frames and takes something. */
  #say({ code, why, told }: Goodbye, to: Connection): void {
    const frames = this.#framesFrom(this.#across(to))
    if (to.closed || to.blocked || told.has(to) || !frames.isBetween) return
    told.add(to)
    const { bytes, out } = this.#parts.arena
    // Whoever has sent a close frame already has said goodbye.
    if (!frames.closes) to.io.write(to, out, putBytes(bytes, out, closeFrame(code, why, to === this.#service)))
    if (!to.closed) to.io.end(to)
  }

  /** Lets the rest of a frame pass, and nothing behind it. */
  #finishFrame(goodbye: Goodbye, from: Connection, start: number, end: number): void {
    const to = this.#across(from)
    const { bytes, out } = this.#parts.arena
    if (goodbye.told.has(to)) return
    const at = this.#framesFrom(from).takeFrame(bytes, start, end)
    this.bytes += at - start
    if (at > start) to.io.write(to, out, copyWithin(bytes, out, start, at))
    this.#say(goodbye, to)
  }

  #framesFrom(side: Connection): FrameReader {
    return side === this.#client ? this.#fromClient : this.#fromService
  }

  #across(side: Connection): Connection {
    return side === this.#client ? this.#service : this.#client
  }

  /** Somebody who takes nothing, or has ended, is waited for like any client; else silence is what sockets are for. */
  #watch(): void {
    if (this.#isOver || this.#goodbye !== null) return
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
