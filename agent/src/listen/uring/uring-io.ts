/**
 * Plain TCP connections on a ring, behind the engine's port.
 *
 * Connections to services that speak TLS are left to sockets of Node.js, in the same thread.
 *
 * @module
 */
import { lookup } from 'node:dns'
import { isIP, Socket } from 'node:net'
import type { Arena } from '#agent/http/arena.ts'
import type { Connection, Connector, OutgoingConnection, ServiceAddress } from '#agent/http/io.ts'
import { packAddress } from './address.ts'
import { RingMemory } from './memory.ts'
import type { Native } from './native.ts'
import type { Ring } from './ring.ts'
import { type RingParts, RingSocket } from './ring-socket.ts'

const SOCK_STREAM_CLOEXEC = 1 | 0x80000
const [IPPROTO_TCP, TCP_NODELAY] = [6, 1]

/** How long one of several addresses is tried before the next, in milliseconds: as Node.js does it. */
const ATTEMPT_MS = 250

export class UringIo implements Connector, Disposable {
  readonly streams = false
  readonly #native: Native
  readonly #secure: Connector
  readonly #parts: RingParts
  #later: RingSocket[] = []

  /** @param secure opens connections that are to be TLS. */
  constructor(native: Native, ring: Ring, arena: Arena, secure: Connector) {
    this.#native = native
    this.#secure = secure
    const memory = new RingMemory(native, ring, arena)
    this.#parts = { ring, memory, arena, later: (socket) => void this.#later.push(socket) }
  }

  /** Takes over an accepted descriptor. @param onGone called when it is over, unless it was let go. */
  accept(connection: Connection, fd: number, onGone: () => void): void {
    const socket = new RingSocket(this.#parts, connection, fd, onGone)
    connection.socket = socket
    socket.read()
  }

  /** Lets go of a connection, of which `first` was read. @param taken is given a socket that reads these bytes first. */
  letGo(connection: Connection, first: Buffer, taken: (socket: Socket) => void): void {
    socketOf(connection).letGo((fd, read) => {
      this.#native.closing(fd)
      const socket = new Socket({ fd, readable: true, writable: true })
      socket.unshift(Buffer.concat([first, ...read]))
      taken(socket)
    })
  }

  connect(connection: OutgoingConnection, address: ServiceAddress): void {
    if (address.serverName !== null) {
      this.#secure.connect(connection, address)
      return
    }
    const { host, port } = address
    connection.socket = new RingSocket(this.#parts, connection, -1)
    if (isIP(host) !== 0) {
      this.#try(connection, [host], port)
      return
    }
    // In the order of the system, as Node.js does it.
    lookup(host, { all: true, order: 'verbatim' }, (error, found) => {
      if (connection.closed) return
      if (error === null)
        this.#try(
          connection,
          found.map((each) => each.address),
          port,
        )
      else this.destroy(connection)
    })
  }

  write(connection: Connection, start: number, end: number): void {
    if (connection.copies) this.#secure.write(connection, start, end)
    else if (!connection.closed) socketOf(connection).write(start, end)
  }

  pause(connection: Connection): void {
    if (connection.copies) this.#secure.pause(connection)
    else socketOf(connection).pause()
  }

  resume(connection: Connection): void {
    if (connection.copies) this.#secure.resume(connection)
    else socketOf(connection).resume()
  }

  end(connection: Connection): void {
    if (connection.copies) this.#secure.end(connection)
    else socketOf(connection).end()
  }

  destroy(connection: Connection): void {
    if (connection.copies) this.#secure.destroy(connection)
    else socketOf(connection).destroy()
  }

  /** Whether something is to be done before the ring is waited for. */
  get hasLater(): boolean {
    return this.#later.length > 0
  }

  /** Does what could not be done in the middle of something else. */
  finishTurn(): void {
    if (this.#later.length === 0) return
    const later = this.#later
    this.#later = []
    for (const socket of later) socket.readHeld()
  }

  [Symbol.dispose](): void {
    this.#parts.memory[Symbol.dispose]()
  }

  /** Tries the first address, and the others after it. */
  #try(connection: OutgoingConnection, [host, ...others]: readonly string[], port: number): void {
    const socket = socketOf(connection)
    if (host === undefined) return socket.destroy()
    const { family, bytes } = packAddress(host, port)
    let fd: number
    try {
      fd = this.#native.socket(family, SOCK_STREAM_CLOEXEC)
    } catch {
      // Too many open files, or a family that this machine does not have.
      this.#try(connection, others, port)
      return
    }
    this.#native.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1)
    const timer = others.length === 0 ? undefined : setTimeout(() => socket.giveUp(), ATTEMPT_MS)
    const done = (result: number): void => {
      clearTimeout(timer)
      if (connection.closed) return
      if (result < 0) {
        socket.dropDescriptor()
        this.#try(connection, others, port)
        return
      }
      socket.read()
      connection.opened()
    }
    socket.connect(fd, { address: bytes, done }, this.#native.addressOf(bytes))
  }
}

function socketOf(connection: Connection): RingSocket {
  return connection.socket as RingSocket
}
