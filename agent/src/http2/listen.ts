/**
 * HTTP/2 on plain TCP, for clients that know that it is spoken (RFC 9113 section 3.3).
 *
 * @module
 */
import { createServer, type Socket } from 'node:net'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import type { Admission, Place } from '#agent/listen/admission.ts'
import { addressOf, listen, type Listener, turnAway } from '#agent/listen/listeners.ts'
import type { Sessions } from './sessions.ts'

export interface H2cListenerOptions {
  readonly sessions: Sessions
  readonly admission: Admission
  readonly connectionsMax: number
  /** As in `ListenerOptions`. */
  readonly reusePort: boolean
  readonly onMalformed: (reason: string) => void
}

/** @throws when the address cannot be listened on. */
export async function listenH2c(address: ListenAddress, options: H2cListenerOptions): Promise<Listener> {
  const { sessions, admission, connectionsMax, reusePort, onMalformed } = options
  const server = createServer({ noDelay: true }, (socket) => {
    const place = admission.enter(addressOf(socket))
    if (place === null) return turnAway(socket)
    socket.once('close', () => admission.leave(place))
    accept(sessions, socket, place)
  })
  server.maxConnections = connectionsMax
  server.on('drop', () => onMalformed('connections_full'))
  return await listen(server, address, 'http', reusePort)
}

/** For a listener of HTTP/1.1: takes over the connections that begin with HTTP/2 instead, within the same bound. */
export function takeHttp2(
  options: Omit<H2cListenerOptions, 'reusePort' | 'admission'>,
): (socket: Socket, place: Place) => void {
  const { sessions, connectionsMax, onMalformed } = options
  return (socket, place) => {
    if (sessions.size < connectionsMax) return accept(sessions, socket, place)
    onMalformed('connections_full')
    socket.destroy()
  }
}

function accept(sessions: Sessions, socket: Socket, place: Place): void {
  sessions.accept(socket, { scheme: 'http', address: addressOf(socket), tls: null, peer: null, place })
}
