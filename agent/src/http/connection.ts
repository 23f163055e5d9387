/**
 * One client connection: how many of its requests are being worked on, and how it ends.
 *
 * A client may send many requests without reading one answer (pipelining). At most `ACTIVE_MAX` are worked on at once;
 * the next ones wait unstarted while the socket is not read, and a connection with far too many is ended.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { NodeExchange } from './node-exchange.ts'

/** Requests of one connection that are worked on at once. */
const ACTIVE_MAX = 8
/** Requests that may wait: one read from the socket can hold many small ones, and they cannot be unread. */
const WAITING_MAX = 256

/** One request, ready to be started. */
export interface Start {
  readonly exchange: NodeExchange
  /** Whether a body follows: then the socket is read on, and the body's reader is what slows it down. */
  readonly hasBody: boolean
  readonly run: () => void
}

export class ClientConnection {
  readonly socket: Socket
  /** Source address without port; IPv4 also where it arrived as IPv4-mapped IPv6. */
  readonly address: string
  readonly tls: string | null
  readonly #active = new Set<NodeExchange>()
  readonly #waiting: Start[] = []
  /** Set once nothing more will be read: what to say before the end. */
  #last: string | null = null

  constructor(socket: Socket) {
    this.socket = socket
    this.address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=[0-9.]+$)/, '')
    this.tls = socket instanceof TLSSocket ? socket.getProtocol() : null
    socket.on('close', () => {
      this.#waiting.length = 0
      for (const exchange of this.#active) exchange.leave()
      this.#active.clear()
    })
  }

  get active(): number {
    return this.#active.size
  }

  /** Starts a request, now or when its turn comes. */
  add(start: Start): void {
    if (this.#active.size < ACTIVE_MAX && this.#waiting.length === 0) {
      this.#begin(start)
      return
    }
    this.#waiting.push(start)
    if (this.#waiting.length > WAITING_MAX) this.socket.destroy()
    else if (!start.hasBody) this.socket.pause()
  }

  /** A request has been answered. */
  done(exchange: NodeExchange): void {
    this.#active.delete(exchange)
    while (this.#active.size < ACTIVE_MAX) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#begin(next)
    }
    if (this.#waiting.length === 0 && this.socket.isPaused()) this.socket.resume()
    if (this.#last !== null && this.#active.size === 0) this.#endWith(this.#last)
  }

  /**
   * Reads nothing more, because what came last cannot be understood: answers what is being worked on, then says a last
   * thing and ends. When it is the body of a request that cannot be understood, that request is given up; the service
   * must not get what looks like the whole of it.
   */
  endAfter(text: string): void {
    const [newest] = [...this.#active].slice(-1)
    if (newest === undefined) this.#endWith(text)
    else if (!newest.owesBody) this.#last ??= text
    else {
      newest.leave()
      if (this.#active.size === 1 && !newest.answering) this.#endWith(text)
      else this.socket.destroy()
    }
  }

  #begin(start: Start): void {
    this.#active.add(start.exchange)
    start.run()
  }

  #endWith(text: string): void {
    if (this.socket.destroyed) return
    if (this.socket.writable) this.socket.end(text)
    // What the client still sends is read and thrown away for a moment: closing at once would reset the connection,
    // and a reset can overtake the answer.
    this.socket.resume()
    const timer = setTimeout(() => this.socket.destroy(), LINGER_MS)
    timer.unref()
  }
}

const LINGER_MS = 500
