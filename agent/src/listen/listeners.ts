/**
 * The sockets on which requests arrive: HTTP, and HTTPS with the certificates of the live releases.
 *
 * @module
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { TlsPeer } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import type { Engine } from '#agent/http/engine.ts'
import type { Connection } from '#agent/http/io.ts'
import type { Admission, Place } from './admission.ts'
import { UNCOUNTED } from './admission-table.ts'
import type { Certificates } from './certificates.ts'
import { createHandshakes, type HandshakeCause } from './handshakes.ts'
import type { NetIo } from './net-io.ts'
import { createProvenClients } from './proven-clients.ts'
import { chainOf } from './revocation-lists.ts'
import type { TicketKeys } from './ticket-keys.ts'
import { readTlsPeer } from './tls-peer.ts'

export interface ListenerOptions {
  readonly engine: Engine
  readonly io: NetIo
  readonly clock: Clock
  readonly log: Log
  readonly admission: Admission
  /** Bound of the connections of one listener, those in a handshake included. */
  readonly connectionsMax: number
  /** Other threads listen on the same address, and the kernel deals connections out. Default: nobody does. */
  readonly reusePort?: boolean
  readonly onMalformed: (reason: string) => void
}

export interface HttpListenerOptions {
  /**
   * Takes over the connections that begin with the preface of HTTP/2. Without it they are refused as bad requests.
   *
   * @param place of the connection, which is given back with it.
   */
  readonly onPreface?: ((socket: Socket, place: Place) => void) | undefined
}

export interface HttpsListenerOptions {
  readonly certificates: Certificates
  readonly tickets: TicketKeys
  /** Longest TLS handshake, in milliseconds. */
  readonly headTimeoutMs: number
  /** Handshakes at a time; above, the oldest gives way. */
  readonly handshakesMax: number
  readonly onHandshakeRefused: (cause: HandshakeCause) => void
  /** A connection was ended because its client certificate is revoked. */
  readonly onRevoked: (environmentId: string) => void
  /**
   * Takes over the connections on which HTTP/2 was agreed in the handshake (RFC 7301). Without it HTTP/2 is not offered.
   *
   * @param address source address without port; IPv4-mapped IPv6 is given as IPv4.
   * @param peer client certificate; null: none.
   * @param place of the connection, which is given back with it.
   */
  readonly onHttp2?: (socket: TLSSocket, address: string, peer: TlsPeer | null, place: Place) => void
}

export interface Listener {
  /** Such as `http://127.0.0.1:8080`, with the port that the system chose. */
  readonly url: string
  /** Connections that were taken so far. */
  readonly accepted: number
  /** Takes no new connections. What is open stays open. */
  close(): void
}

/** @throws when the address cannot be listened on. */
export async function listenHttp(
  address: ListenAddress,
  options: ListenerOptions & HttpListenerOptions,
): Promise<Listener> {
  const { engine, io, admission, onPreface } = options
  const server = createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    const address = addressOf(socket)
    const place = admission.enter(address)
    if (place === null) return turnAway(socket)
    const connection = engine.accept(io, 'http', address, null)
    if (connection === null) {
      admission.leave(place)
      return turnAway(socket)
    }
    if (onPreface !== undefined) {
      connection.onPreface = (from: Connection, first: Buffer) => onPreface(io.letGo(from, first), place)
    }
    io.accept(connection, socket).once('close', () => admission.leave(place))
  })
  return await listen(server, address, 'http', options.reusePort)
}

/**
 * Without a certificate for the name that a client asks for, the handshake fails: nothing is presented in its place.
 * A client that names no server is refused in the same way.
 *
 * @throws when the address cannot be listened on.
 */
export async function listenHttps(
  address: ListenAddress,
  options: ListenerOptions & HttpsListenerOptions,
): Promise<Listener> {
  const { engine, io, clock, log, admission, certificates, tickets, headTimeoutMs, handshakesMax, onHttp2 } = options
  const { connectionsMax, onMalformed, onHandshakeRefused, onRevoked } = options
  let told = 0
  const places = new WeakMap<Socket, Place>()
  const proven = createProvenClients({
    certificates,
    now: () => clock.now(),
    onEnded: ({ environmentId, name }) => {
      onRevoked(environmentId)
      log.info({ environment_id: environmentId, certificate: name }, 'a connection ended with its client certificate')
    },
  })
  const handshakes = createHandshakes({
    certificates,
    tickets,
    clock,
    alpn: onHttp2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'],
    timeoutMs: headTimeoutMs,
    handshakesMax,
    onSecure: (socket, presented, accepted) => {
      const peer = readTlsPeer(socket, presented)
      // Read before the socket is taken over.
      const leaf = peer?.kind === 'verified' ? socket.getPeerX509Certificate() : undefined
      const chain = leaf === undefined ? [] : chainOf(leaf)
      // Nobody could say whether it is revoked.
      if (chain === null) return void socket.destroy()
      const watch = (carrier: Socket): void => {
        if (leaf !== undefined) proven.watch(carrier, presented, chain)
      }
      if (peer?.kind === 'unverified')
        log.debug({ ...peer, address: addressOf(socket) }, 'a client certificate is not trusted')
      if (socket.alpnProtocol === 'h2' && onHttp2 !== undefined) {
        onHttp2(socket, addressOf(socket), peer, places.get(accepted) ?? UNCOUNTED)
        watch(socket)
        return
      }
      const connection = engine.accept(io, 'https', addressOf(socket), socket.getProtocol(), peer)
      if (connection === null) socket.destroy()
      else watch(io.acceptSecure(connection, socket))
    },
    onFailed: ({ cause, why, address: from }) => {
      onMalformed(cause === 'full' ? 'handshakes_full' : 'tls_failed')
      onHandshakeRefused(cause)
      const nowMs = clock.monotonic()
      // Anybody can make handshakes fail: one line every few seconds says enough.
      if (told !== 0 && nowMs - told < HANDSHAKE_LOG_PAUSE_MS) return
      told = nowMs
      log.warn({ why, address: from }, 'a TLS handshake failed')
    },
  })
  const server = createServer({ noDelay: true, pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    const address = addressOf(socket)
    const place = admission.enter(address)
    if (place === null) return turnAway(socket)
    if (!admission.mayShake(address)) {
      admission.leave(place)
      onHandshakeRefused('source')
      return turnAway(socket)
    }
    places.set(socket, place)
    socket.once('close', () => admission.leave(place))
    handshakes.take(socket)
  })
  server.maxConnections = connectionsMax
  server.on('drop', () => onMalformed('connections_full'))
  server.on('close', () => {
    handshakes[Symbol.dispose]()
    proven[Symbol.dispose]()
  })
  const listener = await listen(server, address, 'https', options.reusePort)
  return {
    url: listener.url,
    get accepted() {
      return listener.accepted
    },
    close: () => {
      listener.close()
      handshakes.hurry()
    },
  }
}

const HANDSHAKE_LOG_PAUSE_MS = 5_000

/** Connections that the system holds for us while the process is busy. */
const BACKLOG = 4_096

/** Ends a connection that was just accepted, with a reset: neither side has to remember it. */
export function turnAway(socket: Socket): void {
  // It may have ended by itself.
  socket.on('error', () => {})
  socket.resetAndDestroy()
}

/** Source address without port; IPv4 also where it arrived as IPv4-mapped IPv6. */
export function addressOf(socket: Socket): string {
  return (socket.remoteAddress ?? '').replace(/^::ffff:(?=[0-9.]+$)/, '')
}

export async function listen(
  server: Server,
  address: ListenAddress,
  scheme: string,
  reusePort = false,
): Promise<Listener> {
  const { host, port } = address
  let accepted = 0
  server.on('connection', () => (accepted += 1))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, reusePort, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // A server that listens on TCP has such an address.
  const { port: chosen } = server.address() as AddressInfo
  const name = host.includes(':') ? `[${host}]` : host
  return {
    url: `${scheme}://${name}:${chosen}`,
    get accepted() {
      return accepted
    },
    close: () => void server.close(),
  }
}
