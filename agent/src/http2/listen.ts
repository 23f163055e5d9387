/**
 * HTTP/2 on plain TCP, for clients that know that it is spoken (RFC 9113 section 3.3).
 *
 * @module
 */
import { createServer, type Socket } from 'node:net'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import { addressOf, listen, type Listener } from '#agent/listen/listeners.ts'
import type { Sessions } from './sessions.ts'

export interface H2cListenerOptions {
  readonly sessions: Sessions
  readonly connectionsMax: number
  /** As in `ListenerOptions`. */
  readonly reusePort: boolean
  readonly onMalformed: (reason: string) => void
}

/** @throws when the address cannot be listened on. */
export async function listenH2c(address: ListenAddress, options: H2cListenerOptions): Promise<Listener> {
  const { sessions, connectionsMax, reusePort, onMalformed } = options
  const server = createServer({ noDelay: true }, (socket) => accept(sessions, socket))
  server.maxConnections = connectionsMax
  server.on('drop', () => onMalformed('connections_full'))
  return await listen(server, address, 'http', reusePort)
}

/** For a listener of HTTP/1.1: takes over the connections that begin with HTTP/2 instead, within the same bound. */
export function takeHttp2(options: Omit<H2cListenerOptions, 'reusePort'>): (socket: Socket) => void {
  const { sessions, connectionsMax, onMalformed } = options
  return (socket) => {
    if (sessions.size < connectionsMax) return accept(sessions, socket)
    onMalformed('connections_full')
    socket.destroy()
  }
}

function accept(sessions: Sessions, socket: Socket): void {
  sessions.accept(socket, { scheme: 'http', address: addressOf(socket), tls: null, peer: null })
}
