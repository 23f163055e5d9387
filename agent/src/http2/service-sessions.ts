/**
 * HTTP/2 connections to services, shared by the requests to one address.
 *
 * A request gets a place on a session that has room for it, or on one that is being made; a new one is made only when
 * there is none. So there are never more sessions than requests at a time. A session is used once the service has sent
 * its settings: then it is known to speak HTTP/2, and how many streams it takes.
 *
 * @module
 */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ServiceAddress } from '#agent/http/io.ts'
import { Timed, type Wheel } from '#agent/http/wheel.ts'

/** Who waits for a place. */
export interface Seeker {
  /** There is a place; it is taken until `leave`. */
  placed(session: ServiceSession): void
  /** There is none. @param wasReady whether HTTP/2 was spoken on the session; false: it could not be made. */
  unplaced(wasReady: boolean): void
}

/** Streams of one session at a time, however many more a service takes. */
const STREAMS_MAX = 100
/** Fields of a response, in number and as HTTP/2 counts them. */
const HEADER_PAIRS_MAX = 500
const HEADER_LIST_BYTES_MAX = 65_536
/** What a service may send before it is read, in bytes: of one response, and of all on a session. */
const STREAM_WINDOW_BYTES = 262_144
const SESSION_WINDOW_BYTES = 1_048_576
/** Memory of one session, in MiB: what waits to be sent on its streams counts. */
const SESSION_MEMORY_MIB = 64
/** Streams that are reset on one session; then no more are begun on it, before the service takes it for an attack. */
const RESETS_MAX = 500
/** How often a session is looked at, in milliseconds. */
const CHECK_MS = 5_000
/** Looks at a session without streams until it is ended. */
const IDLE_CHECKS = 12

export class ServiceSession extends Timed {
  readonly #wheel: Wheel
  readonly #socket: Socket
  readonly #seekers: Set<Seeker> = new Set()
  readonly #onOver: (session: ServiceSession) => void
  #session: ClientHttp2Session | null = null
  #ready = false
  #over = false
  #places = 0
  #resets = 0
  #idleChecks = 0
  #pinged = false
  #readBytes = 0

  constructor(wheel: Wheel, address: ServiceAddress, onOver: (session: ServiceSession) => void) {
    super()
    this.#wheel = wheel
    this.#onOver = onOver
    this.#socket = open(address, () => this.#begin())
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      wheel.remove(this)
      this.#end()
    })
  }

  /** Whether one more stream may be begun, as far as is known. */
  get hasRoom(): boolean {
    if (this.#over) return false
    const streamsMax = this.#session?.remoteSettings?.maxConcurrentStreams ?? STREAMS_MAX
    return this.#places + this.#seekers.size < Math.min(STREAMS_MAX, this.#ready ? streamsMax : STREAMS_MAX)
  }

  /** Last stream that the service has looked at, or will; those above are as if they had not been. */
  lastStreamId = Number.MAX_SAFE_INTEGER

  /** The session itself. Only for who is placed. */
  get http2(): ClientHttp2Session | null {
    return this.#over ? null : this.#session
  }

  /** Takes a place now or once the session is there. `placed` is called later. */
  seek(seeker: Seeker): void {
    this.#seekers.add(seeker)
    if (this.#ready) queueMicrotask(() => this.#place(seeker))
  }

  /** Gives a place back, or the wait for it up. */
  leave(seeker: Seeker): void {
    if (this.#seekers.delete(seeker)) return
    this.#places -= 1
    this.#idleChecks = 0
  }

  /** A stream was reset because nobody waits for it any more. */
  countReset(): void {
    this.#resets += 1
    if (this.#resets < RESETS_MAX || this.#over) return
    this.#end()
    this.#session?.close()
  }

  override expired(): void {
    const session = this.#session
    if (session === null) return
    const { bytesRead } = this.#socket
    const isSilent = bytesRead === this.#readBytes
    this.#readBytes = bytesRead
    if (this.#places === 0) {
      this.#idleChecks += 1
      if (this.#idleChecks > IDLE_CHECKS) session.close()
    } else if (isSilent && this.#pinged) {
      // A connection that is gone without a word would hold its requests for ever.
      session.destroy()
      return
    }
    this.#pinged = isSilent && this.#places > 0
    if (this.#pinged) session.ping(() => (this.#pinged = false))
    this.#wheel.set(this, CHECK_MS)
  }

  /** Ends it at once. */
  destroy(): void {
    this.#session?.destroy()
    this.#socket.destroy()
  }

  #begin(): void {
    const options = {
      createConnection: () => this.#socket,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: HEADER_LIST_BYTES_MAX,
      },
      maxHeaderListPairs: HEADER_PAIRS_MAX,
      maxSessionMemory: SESSION_MEMORY_MIB,
      strictSingleValueFields: false,
    }
    const session = connectHttp2('http://service', options)
    this.#session = session
    session.on('connect', () => session.setLocalWindowSize(SESSION_WINDOW_BYTES))
    session.on('error', () => {})
    session.once('remoteSettings', () => {
      this.#ready = true
      for (const seeker of this.#seekers) this.#place(seeker)
    })
    // Nothing new on it; what was begun and is among what the service has seen goes on.
    session.on('goaway', (_code, lastStreamId: number) => {
      this.lastStreamId = lastStreamId
      this.#end()
    })
    session.on('close', () => this.#socket.destroy())
    this.#wheel.set(this, CHECK_MS)
  }

  #place(seeker: Seeker): void {
    if (!this.#seekers.delete(seeker)) return
    if (this.#over) return seeker.unplaced(this.#ready)
    this.#places += 1
    seeker.placed(this)
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#onOver(this)
    for (const seeker of this.#seekers) {
      this.#seekers.delete(seeker)
      seeker.unplaced(this.#ready)
    }
  }
}

export class ServiceSessions {
  readonly #wheel: Wheel
  readonly #sessions = new Map<ServiceAddress, Set<ServiceSession>>()

  constructor(wheel: Wheel) {
    this.#wheel = wheel
  }

  /** @param except a session that has just refused a stream. @returns the session on which a place is sought. */
  seek(address: ServiceAddress, seeker: Seeker, except: ServiceSession | null): ServiceSession {
    const sessions = this.#sessions.get(address) ?? new Set()
    for (const session of sessions) {
      if (session === except || !session.hasRoom) continue
      session.seek(seeker)
      return session
    }
    const session = new ServiceSession(this.#wheel, address, (over) => {
      sessions.delete(over)
      if (sessions.size === 0) this.#sessions.delete(address)
    })
    this.#sessions.set(address, sessions.add(session))
    session.seek(seeker)
    return session
  }

  /** Ends all at once. */
  destroy(): void {
    for (const sessions of this.#sessions.values()) for (const session of sessions) session.destroy()
  }
}

/** @param opened called when HTTP/2 can be spoken. */
function open({ host, port, serverName, tls }: ServiceAddress, opened: () => void): Socket {
  if (serverName === null) return connect({ host, port, noDelay: true }, opened)
  const named = isIP(serverName) === 0 ? { servername: serverName } : {}
  const secured = tls === null ? {} : { secureContext: tls }
  const socket = connectTls({ host, port, ...named, ...secured, ALPNProtocols: ['h2'] }, () => {
    if (socket.alpnProtocol === 'h2') opened()
    else socket.destroy()
  })
  socket.setNoDelay(true)
  return socket
}
