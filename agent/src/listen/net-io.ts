/**
 * Sockets of `node:net` and `node:tls` behind the engine's port.
 *
 * Sockets read into the engine's own memory (`onread`), so a read makes no object. Accepted ones have to be wrapped for
 * that (`handles.ts`); where that does not work, `data` events are used.
 *
 * What TLS is given is encrypted or copied when `write` returns, unless an earlier write is not done: then it waits as
 * it is. A plain socket holds what the system does not take at once. What is held must not change.
 *
 * @module
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type { Arena } from '#agent/http/arena.ts'
import { INPUT_BYTES } from '#agent/http/arena.ts'
import type { Connection, Connector, OutgoingConnection, ServiceAddress } from '#agent/http/io.ts'
import { type OnRead, unwrap, wrapAccepted, wrapSecured } from './handles.ts'

const NOTHING = Buffer.alloc(0)

/** Longest range of which a view is kept, in bytes: most heads, and short bodies with them. */
const VIEW_BYTES_MAX = 4_096

export class NetIo implements Connector {
  readonly streams = false
  readonly #arena: Arena
  readonly #input: Buffer
  readonly #wraps: boolean
  /** Where output is written nearly always, and views of it by length: making one costs more than finding it. */
  readonly #home: number
  readonly #views: (Buffer | null)[] = Array.from({ length: VIEW_BYTES_MAX + 1 }, () => null)

  /** @param wraps whether handles of accepted sockets may be wrapped again: see `canWrapHandles`. */
  constructor(arena: Arena, wraps: boolean) {
    this.#arena = arena
    this.#input = arena.bytes.subarray(arena.input, arena.input + INPUT_BYTES)
    this.#wraps = wraps
    this.#home = arena.out
  }

  /**
   * Takes over an accepted socket that was not read yet (`pauseOnConnect`).
   *
   * @returns what ends with the connection.
   */
  accept(connection: Connection, accepted: Socket): Socket {
    const socket = this.#wraps ? wrapAccepted(accepted, this.#onread(connection)) : null
    if (socket === null) this.#useEvents(connection, accepted)
    else this.#watch(connection, socket)
    // A socket that was paused from the beginning is not set going by a listener.
    return socketOf(connection).resume()
  }

  /** Takes over a socket on which the TLS handshake is done. */
  /** @returns what ends with the connection, and ends it. */
  acceptSecure(connection: Connection, secured: TLSSocket): Socket {
    connection.copies = true
    const socket = this.#wraps ? wrapSecured(secured, this.#onread(connection)) : null
    if (socket === null) this.#useEvents(connection, secured)
    else this.#watch(connection, socket)
    this.#awaitDrain(connection)
    return socketOf(connection).resume()
  }

  /**
   * Lets go of a plain connection, of which `first` was read.
   *
   * @returns what a session of `node:http2` can take over at once, which reads these bytes first. Nobody else: what
   *   reads through Node's own streams would read into our memory.
   */
  letGo(connection: Connection, first: Buffer): Socket {
    const known = socketOf(connection)
    connection.closed = true
    known.removeAllListeners('data').pause()
    const socket = this.#wraps ? unwrap(known) : known
    socket.allowHalfOpen = false
    socket.unshift(first)
    return socket
  }

  connect(connection: OutgoingConnection, { host, port, serverName, tls }: ServiceAddress): void {
    const onread = this.#onread(connection)
    if (serverName === null) {
      const socket = connect({ host, port, noDelay: true, allowHalfOpen: true, onread })
      this.#watch(connection, socket)
      socket.once('connect', () => {
        if (!connection.closed) connection.opened()
      })
      return
    }
    const named = isIP(serverName) === 0 ? { servername: serverName } : {}
    const secured = tls === null ? {} : { secureContext: tls }
    // The types do not know that these sockets take `onread` too.
    const options = { host, port, ...named, ...secured, ALPNProtocols: ['http/1.1'], allowHalfOpen: true, onread }
    const socket = connectTls(options)
    socket.setNoDelay(true)
    connection.copies = true
    this.#watch(connection, socket)
    this.#awaitDrain(connection)
    socket.once('secureConnect', () => {
      if (!connection.closed) connection.opened()
    })
  }

  write(connection: Connection, start: number, end: number): void {
    if (connection.closed) return
    const socket = connection.socket as Socket
    const arena = this.#arena
    if (connection.copies) {
      const range = this.#range(start, end)
      // A socket without a handle has ended, and keeps nothing.
      if (!socket.write(socket.writableLength > 0 ? Buffer.from(range) : range)) connection.blocked = true
      return
    }
    const isLent = arena.canLend
    const range = this.#range(start, end)
    socket.write(isLent ? range : Buffer.from(range))
    // Nearly always the system has taken it by now, and the memory is free again.
    if (socket.writableLength > 0) this.#awaitWritten(connection, socket, isLent ? arena.lend() : -1)
  }

  #range(start: number, end: number): Buffer {
    const length = end - start
    if (start !== this.#home || length > VIEW_BYTES_MAX) return this.#arena.bytes.subarray(start, end)
    return (this.#views[length] ??= this.#arena.bytes.subarray(start, end))
  }

  pause(connection: Connection): void {
    connection.paused = true
    socketOf(connection).pause()
  }

  resume(connection: Connection): void {
    connection.paused = false
    socketOf(connection).resume()
  }

  end(connection: Connection): void {
    socketOf(connection).end()
  }

  destroy(connection: Connection): void {
    connection.closed = true
    socketOf(connection).destroy()
  }

  #awaitWritten(connection: Connection, socket: Socket, lent: number): void {
    connection.blocked = true
    // Called when everything in front of it is written, or when the socket has ended.
    socket.write(NOTHING, () => {
      if (lent !== -1) this.#arena.giveBack(lent)
      if (connection.closed || socket.writableLength > 0) return
      connection.blocked = false
      connection.drained()
    })
  }

  #onread(connection: Connection): OnRead {
    const { input } = this.#arena
    const callback = (bytes: number): boolean => {
      if (!connection.closed) connection.received(input, input + bytes)
      return true
    }
    return { buffer: this.#input, callback }
  }

  #useEvents(connection: Connection, socket: Socket): void {
    const { bytes, input } = this.#arena
    this.#watch(connection, socket)
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length && !connection.closed; at += INPUT_BYTES) {
        const length = chunk.copy(bytes, input, at, at + INPUT_BYTES)
        connection.received(input, input + length)
      }
    })
  }

  #awaitDrain(connection: Connection): void {
    socketOf(connection).on('drain', () => {
      connection.blocked = false
      if (!connection.closed) connection.drained()
    })
  }

  #watch(connection: Connection, socket: Socket): void {
    connection.socket = socket
    // TLS tells about what it cannot read, and stays open.
    socket.on('error', () => socket.destroy())
    socket.on('end', () => {
      if (!connection.closed) connection.ended()
    })
    socket.on('close', () => {
      connection.closed = true
      connection.gone()
    })
  }
}

function socketOf(connection: Connection): Socket {
  return connection.socket as Socket
}
