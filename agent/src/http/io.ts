/**
 * The port between the engine and what carries its bytes, and what both know of a connection.
 *
 * The engine knows no sockets: it is handed bytes in its arena and writes bytes from its arena. Whoever owns the
 * sockets implements `Io` and calls the four methods of `Connection`. Every connection knows its own `Io`, so that
 * connections of different kinds (plain, TLS, one stream of HTTP/2) meet in one engine.
 *
 * @module
 */
import type { SecureContext } from 'node:tls'
import { Timed } from './wheel.ts'

export interface Io {
  /** Writes a range of the arena. What the system does not take at once leaves `connection.blocked` set. */
  write(connection: Connection, start: number, end: number): void
  /** Reads nothing more until `resume`. */
  pause(connection: Connection): void
  resume(connection: Connection): void
  /** Ends the connection when everything is written; reading goes on until the other side ends it too. */
  end(connection: Connection): void
  /** Ends the connection at once. `gone` is called later, once. */
  destroy(connection: Connection): void
}

/** An `Io` that opens connections to services. */
export interface Connector extends Io {
  /** Whether what it opens are streams of connections that many share. */
  readonly streams: boolean
  /** Opens a connection; calls `opened` later, or `gone`. */
  connect(connection: OutgoingConnection, address: ServiceAddress): void
}

/** By what is spoken to a service. */
export interface Connectors {
  readonly http1: Connector
  readonly http2: Connector
}

/** Where a service is. One object for as long as it is used. */
export interface ServiceAddress {
  /** IP address. */
  readonly host: string
  readonly port: number
  /** Name that its certificate must have; null: plain TCP. */
  readonly serverName: string | null
  /** Whom it must be vouched for by, and what we present; null for plain TCP. */
  readonly tls: SecureContext | null
}

/** One connection, as long as it lives. Always with the same fields. */
export abstract class Connection extends Timed {
  readonly io: Io
  /** Belongs to the `Io`. */
  socket: unknown = null
  /** Belongs to the `Io`: whether what is written is copied first. */
  copies = false
  /** Written bytes wait for the system: nothing more is to be written until `drained`. */
  blocked = false
  paused = false
  closed = false

  constructor(io: Io) {
    super()
    this.io = io
  }

  /** Bytes arrived, in the arena at this range. They are gone when this returns. */
  abstract received(start: number, end: number): void
  /** The other side sends nothing more. */
  abstract ended(): void
  /** There is room again after `blocked`. */
  abstract drained(): void
  /** The connection is over. Called once. */
  abstract gone(): void
}

export abstract class OutgoingConnection extends Connection {
  /** The connection can be used. */
  abstract opened(): void
}
