/**
 * One HTTP/2 connection of a client: how long it may be idle, and what it may send for nothing.
 *
 * @module
 */
import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { EngineSettings, SharedParts } from '#agent/http/engine-parts.ts'
import { Timed, type Wheel } from '#agent/http/wheel.ts'
import { Effort } from './effort.ts'
import type { ClientOrigin } from './sessions.ts'

/** How often a session is looked at, in milliseconds. */
const CHECK_MS = 250
/**
 * PING and SETTINGS frames between two looks, beside one for each thing that the client was sent: gRPC clients measure the
 * round trip while they are sent data. Each is answered, so they are the dearest.
 */
const ANSWERED_MAX = 100

export class ClientSession extends Timed {
  readonly session: ServerHttp2Session
  readonly origin: ClientOrigin
  readonly effort: Effort
  /** Whether a stream has come to a good end. */
  hasServed = false
  readonly #socket: Socket
  readonly #wheel: Wheel
  readonly #settings: EngineSettings
  readonly #onMalformed: (reason: string) => void
  readonly #streams = new Set<ServerHttp2Stream>()
  #answered = 0
  /** When it is over unless a stream begins. */
  #idleUntilMs: number

  constructor(
    { wheel, settings }: SharedParts,
    session: ServerHttp2Session,
    socket: Socket,
    origin: ClientOrigin,
    onMalformed: (reason: string) => void,
  ) {
    super()
    this.session = session
    this.origin = origin
    this.effort = new Effort(wheel.nowMs)
    this.#socket = socket
    this.#wheel = wheel
    this.#settings = settings
    this.#onMalformed = onMalformed
    // A connection on which no request comes is no better than a head that does not come.
    this.#idleUntilMs = wheel.nowMs + settings.headTimeoutMs
    wheel.set(this, CHECK_MS)
    session.on('ping', () => this.#count())
    session.on('remoteSettings', () => this.#count())
  }

  /** A stream has begun. */
  opened(stream: ServerHttp2Stream): void {
    this.#streams.add(stream)
    stream.once('close', () => {
      this.#streams.delete(stream)
      if (stream.rstCode === constants.NGHTTP2_NO_ERROR) this.hasServed = true
      if (this.#streams.size === 0) this.#idleUntilMs = this.#wheel.nowMs + this.#settings.keepAliveMs
    })
  }

  override expired(): void {
    if (this.session.destroyed) return
    const { nowMs } = this.#wheel
    this.#answered = 0
    if (this.effort.isWasted(this.#socket.bytesRead, this.#unreadBytes(), nowMs)) this.calm()
    else if (this.#streams.size === 0 && nowMs > this.#idleUntilMs) this.#endIdle()
    else this.#wheel.set(this, CHECK_MS)
  }

  forget(): void {
    this.#wheel.remove(this)
  }

  /** Data that arrived and waits until the engine reads on. */
  #unreadBytes(): number {
    let bytes = 0
    for (const { readableLength } of this.#streams) bytes += readableLength
    return bytes
  }

  #count(): void {
    this.#answered += 1
    if (this.#answered > ANSWERED_MAX + this.effort.occasions) this.calm()
  }

  /** Ends it, because what it sends is a flood. */
  calm(): void {
    if (this.session.destroyed) return
    this.#onMalformed('http2_flood')
    this.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  /** In good order; a client that does not end its side meanwhile is cut off. */
  #endIdle(): void {
    if (this.session.closed) this.session.destroy()
    else this.session.close()
    if (!this.session.destroyed) this.#wheel.set(this, CHECK_MS)
  }
}
