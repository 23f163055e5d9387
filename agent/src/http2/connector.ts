/**
 * Opens streams on shared HTTP/2 sessions, for services that speak it: by ALPN over TLS, by prior knowledge without.
 *
 * @module
 */
import type { Arena } from '#agent/http/arena.ts'
import type { Connection, Connector, OutgoingConnection, ServiceAddress } from '#agent/http/io.ts'
import type { Wheel } from '#agent/http/wheel.ts'
import { OutgoingHead } from './outgoing-head.ts'
import { ServiceSessions } from './service-sessions.ts'
import { ServiceStream } from './service-stream.ts'

export class Http2Connector implements Connector, Disposable {
  readonly streams = true
  readonly #arena: Arena
  readonly #sessions: ServiceSessions
  /** The engine's own is in use while it writes. */
  readonly #head: OutgoingHead

  constructor(arena: Arena, wheel: Wheel) {
    this.#arena = arena
    this.#sessions = new ServiceSessions(wheel)
    this.#head = new OutgoingHead(arena.bytes)
  }

  connect(connection: OutgoingConnection, address: ServiceAddress): void {
    const [arena, sessions, head] = [this.#arena, this.#sessions, this.#head]
    connection.socket = new ServiceStream({ connection, address, arena, sessions, head })
  }

  write(connection: Connection, start: number, end: number): void {
    if (!connection.closed) streamOf(connection).write(start, end)
  }

  pause(connection: Connection): void {
    streamOf(connection).pause()
  }

  resume(connection: Connection): void {
    streamOf(connection).resume()
  }

  end(connection: Connection): void {
    streamOf(connection).destroy()
  }

  destroy(connection: Connection): void {
    streamOf(connection).destroy()
  }

  /** Ends all sessions at once. */
  [Symbol.dispose](): void {
    this.#sessions.destroy()
  }
}

function streamOf(connection: Connection): ServiceStream {
  return connection.socket as ServiceStream
}
