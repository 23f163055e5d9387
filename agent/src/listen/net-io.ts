/**
 * Sockets of `node:net` and `node:tls` behind the engine's port.
 *
 * Plain sockets read into the engine's own memory (`onread`), so a read makes no object. For sockets that we open that
 * is a documented option; an accepted socket gets it by wrapping its handle again, which is not documented: whether it
 * works is tried once at start, and where it does not, `data` events are used, as with TLS.
 *
 * @module
 */
import { connect, createServer, isIP, Socket, type AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Arena } from '#agent/http/arena.ts'
import { INPUT_BYTES } from '#agent/http/arena.ts'
import type { Connection, Connector, OutgoingConnection, ServiceAddress } from '#agent/http/io.ts'

/** Longest wait for the trial of wrapped handles, in milliseconds. */
const TRIAL_MS_MAX = 1_000

const NOTHING = Buffer.alloc(0)

export class NetIo implements Connector {
  readonly streams = false
  readonly #arena: Arena
  readonly #input: Buffer
  readonly #wraps: boolean

  /** @param wraps whether handles of accepted sockets may be wrapped again: see `canWrapHandles`. */
  constructor(arena: Arena, wraps: boolean) {
    this.#arena = arena
    this.#input = arena.bytes.subarray(arena.input, arena.input + INPUT_BYTES)
    this.#wraps = wraps
  }

  /** Takes over an accepted socket that was not read yet (`pauseOnConnect`). */
  accept(connection: Connection, accepted: Socket): void {
    const handle = this.#wraps ? takeHandle(accepted) : null
    if (handle === null) {
      this.#useEvents(connection, accepted)
      return
    }
    const onread = { buffer: this.#input, callback: this.#reader(connection) }
    // The types do not know that a handle may be given.
    const options: object = { handle, allowHalfOpen: true, onread }
    const socket = new Socket(options)
    this.#watch(connection, socket)
    // What began with the first socket ends with it: its server counts it.
    accepted.destroy()
    socket.resume()
  }

  /** Takes over a socket on which the TLS handshake is done. */
  acceptSecure(connection: Connection, socket: Socket): void {
    this.#useEvents(connection, socket)
  }

  connect(connection: OutgoingConnection, { host, port, serverName, tls }: ServiceAddress): void {
    if (serverName === null) {
      const onread = { buffer: this.#input, callback: this.#reader(connection) }
      const socket = connect({ host, port, noDelay: true, onread })
      this.#watch(connection, socket)
      socket.once('connect', () => {
        if (!connection.closed) connection.opened()
      })
      return
    }
    const named = isIP(serverName) === 0 ? { servername: serverName } : {}
    const secured = tls === null ? {} : { secureContext: tls }
    const socket = connectTls({ host, port, ...named, ...secured, ALPNProtocols: ['http/1.1'] })
    socket.setNoDelay(true)
    socket.once('secureConnect', () => {
      if (!connection.closed) connection.opened()
    })
    this.#useEvents(connection, socket)
  }

  write(connection: Connection, start: number, end: number): void {
    if (connection.closed) return
    const socket = connection.socket as Socket
    const arena = this.#arena
    if (connection.copies) {
      // TLS keeps what it is given until it is encrypted and sent.
      if (!socket.write(Buffer.from(arena.bytes.subarray(start, end)))) connection.blocked = true
      return
    }
    const isLent = arena.canLend
    const range = arena.bytes.subarray(start, end)
    socket.write(isLent ? range : Buffer.from(range))
    // Nearly always the system has taken it by now, and the memory is free again.
    if (socket.writableLength > 0) this.#awaitWritten(connection, socket, isLent ? arena.lend() : -1)
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

  #reader(connection: Connection): (bytes: number) => boolean {
    const { input } = this.#arena
    return (bytes) => {
      if (!connection.closed) connection.received(input, input + bytes)
      return true
    }
  }

  #useEvents(connection: Connection, socket: Socket): void {
    const { bytes, input } = this.#arena
    connection.copies = true
    this.#watch(connection, socket)
    socket.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length && !connection.closed; at += INPUT_BYTES) {
        const length = chunk.copy(bytes, input, at, at + INPUT_BYTES)
        connection.received(input, input + length)
      }
    })
    socket.on('drain', () => {
      connection.blocked = false
      if (!connection.closed) connection.drained()
    })
    // A socket that was paused from the beginning is not set going by a listener.
    socket.resume()
  }

  #watch(connection: Connection, socket: Socket): void {
    connection.socket = socket
    // An error is followed by `close`, which is what counts.
    socket.on('error', () => {})
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

/** Takes the handle out of an accepted socket; null when there is none where it used to be. */
function takeHandle(socket: Socket): object | null {
  const inside = socket as unknown as { _handle?: unknown }
  const { _handle: handle } = inside
  if (typeof handle !== 'object' || handle === null) return null
  inside._handle = null
  return handle
}

/** Tries over the loopback interface whether a wrapped handle reads into given memory, and writes. */
export async function canWrapHandles(): Promise<boolean> {
  const memory = Buffer.alloc(64)
  const server = createServer({ pauseOnConnect: true })
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), TRIAL_MS_MAX)
  const sockets: Socket[] = []
  server.on('error', () => resolve(false))
  server.on('connection', (accepted) => {
    try {
      const handle = takeHandle(accepted)
      if (handle === null) return resolve(false)
      const callback = (bytes: number): boolean => {
        wrapped.write(memory.subarray(0, bytes))
        return true
      }
      const options: object = { handle, allowHalfOpen: true, onread: { buffer: memory, callback } }
      const wrapped = new Socket(options)
      sockets.push(wrapped)
      wrapped.on('error', () => resolve(false))
      wrapped.resume()
      accepted.destroy()
    } catch {
      resolve(false)
    }
  })
  server.listen(0, '127.0.0.1', () => {
    // A server that listens on TCP has such an address.
    const { port } = server.address() as AddressInfo
    const client = connect({ host: '127.0.0.1', port })
    sockets.push(client)
    client.on('error', () => resolve(false))
    client.on('data', (echo) => resolve(echo.toString() === 'trial' && memory.toString('latin1', 0, 5) === 'trial'))
    client.write('trial')
  })
  const works = await promise
  clearTimeout(timer)
  for (const socket of sockets) socket.destroy()
  server.close()
  return works
}
