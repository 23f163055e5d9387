/**
 * TLS handshakes of one listener: finds the certificate by the name that the client asks for, and bounds what clients
 * can make it wait for and hold.
 *
 * Every certificate has a TLS server of its own, which listens nowhere and is handed connections. So everything that a
 * handshake settles holds by name: versions, ciphers, whether a client certificate is asked for, and whose tickets are
 * taken. The name is read from the first message (`client-hello.ts`); without a certificate for it nothing is presented.
 *
 * A TLS server of Node.js knows one ticket key. So clients whose tickets are under the key before go to a second one,
 * which differs in nothing else, for as long as that key counts.
 *
 * @module
 */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Certificates, Presented } from './certificates.ts'
import { type ClientHello, CLIENT_HELLO_BYTES_MAX, readClientHello } from './client-hello.ts'
import { KEY_NAME_BYTES, type TicketKeys } from './ticket-keys.ts'

export interface HandshakesOptions {
  readonly certificates: Certificates
  readonly tickets: TicketKeys
  readonly clock: Clock
  /** Protocols that are offered, the preferred one first (RFC 7301). */
  readonly alpn: readonly string[]
  /** Longest handshake, in milliseconds. */
  readonly timeoutMs: number
  /** Handshakes at a time. When there are more, the oldest gives way: an honest one does not take long. */
  readonly handshakesMax: number
  /** @param accepted the socket that was taken over, which ends with it. */
  readonly onSecure: (socket: TLSSocket, presented: Presented, accepted: Socket) => void
  readonly onFailed: (failed: FailedHandshake) => void
}

/** Why a handshake was refused, in words that can be counted. */
export type HandshakeCause =
  | 'full'
  | 'source'
  | 'slow'
  | 'name_missing'
  | 'name_unknown'
  | 'malformed'
  | 'not_tls'
  | 'client_certificate'
  | 'other'

export interface FailedHandshake {
  readonly cause: HandshakeCause
  /** For people. */
  readonly why: string
  readonly address: string | undefined
}

export interface Handshakes extends Disposable {
  /** Takes over an accepted socket that was not read yet. */
  take(socket: Socket): void
  /** No more will come: those that go on are not waited for as long as usual. */
  hurry(): void
  /** Handshakes that are going on. */
  readonly size: number
}

interface Waiting {
  readonly sinceMs: number
  /** Whether the TLS library has it, which tells about its failure by itself. */
  isHandedOver: boolean
}

/** The TLS servers of one certificate. */
interface Servers {
  readonly newest: Server
  /** Takes tickets under the key before; null: nobody has brought one yet. */
  before: Server | null
  keyBefore: Buffer | null
  /** Of the secret that the keys come from; 0: they have none yet. */
  ticketNumber: number
}

/** How often it is looked for handshakes that take too long, in milliseconds. */
const CHECK_MS = 250

/** Longest handshake once the process stops, in milliseconds. */
const HURRIED_MS = 500

/** RFC 8446 section 6: fatal alerts, in a record of their own. */
const alertRecord = (description: number): Buffer => Buffer.from([21, 3, 3, 0, 2, 2, description])
const UNRECOGNIZED_NAME = alertRecord(112)
const DECODE_ERROR = alertRecord(50)

export function createHandshakes(options: HandshakesOptions): Handshakes {
  const { certificates, tickets, clock, alpn, timeoutMs, handshakesMax, onSecure, onFailed } = options
  // The oldest first.
  const waiting = new Map<Socket, Waiting>()
  const servers = new WeakMap<Presented, Servers>()
  let longestMs = timeoutMs

  /** @param ticket what the client brings. */
  function serverOf(presented: Presented, ticket: Uint8Array | null): Server {
    let known = servers.get(presented)
    if (known === undefined) {
      known = { newest: makeServer(presented), before: null, keyBefore: null, ticketNumber: 0 }
      servers.set(presented, known)
    }
    const { ticketPurpose } = presented
    if (ticketPurpose === null) return known.newest
    if (known.ticketNumber !== tickets.number) {
      known.ticketNumber = tickets.number
      known.newest.setTicketKeys(tickets.keyOf(ticketPurpose))
      known.before = null
      known.keyBefore = tickets.keyBeforeOf(ticketPurpose)
    }
    const { keyBefore } = known
    if (ticket === null || keyBefore === null || !isUnder(keyBefore, ticket)) return known.newest
    if (known.before === null) {
      known.before = makeServer(presented)
      known.before.setTicketKeys(keyBefore)
    }
    return known.before
  }

  function makeServer(presented: Presented): Server {
    const server = createServer({ ...presented.options, ALPNProtocols: [...alpn], handshakeTimeout: timeoutMs })
    server.on('tlsClientError', (error, socket) => {
      onFailed({ ...whyFailed(error, socket), address: socket.remoteAddress })
    })
    server.on('secureConnection', (socket) => {
      const accepted = carrierOf(socket)
      waiting.delete(accepted)
      // Empty when a session of TLS 1.2 is taken up again: then the ticket says whose certificate it was.
      const { servername } = socket as { servername?: string | false | null }
      if (typeof servername === 'string' && !isFor(presented, servername.toLowerCase())) {
        const why = 'the server name was read in two ways'
        onFailed({ cause: 'malformed', why, address: socket.remoteAddress })
        socket.destroy()
        return
      }
      onSecure(socket, presented, accepted)
    })
    return server
  }

  function drop(socket: Socket, { isHandedOver }: Waiting, cause: 'full' | 'slow'): void {
    waiting.delete(socket)
    const why = cause === 'slow' ? 'the handshake takes too long' : 'too many handshakes at a time'
    if (cause === 'full' || !isHandedOver) onFailed({ cause, why, address: socket.remoteAddress })
    socket.destroy()
  }

  function begin(socket: Socket, entry: Waiting, hello: ClientHello, bytes: Buffer): void {
    if (hello.kind === 'named') {
      const presented = certificates.find(hello.serverName)
      if (presented !== null) {
        entry.isHandedOver = true
        socket.unshift(bytes)
        serverOf(presented, hello.ticket).emit('connection', socket)
        return
      }
    }
    const [cause, why] = refusals[hello.kind]
    onFailed({ cause, why, address: socket.remoteAddress })
    if (hello.kind === 'foreign') socket.destroy()
    else {
      const alert = hello.kind === 'named' || hello.kind === 'nameless' ? UNRECOGNIZED_NAME : DECODE_ERROR
      socket.end(alert, () => socket.destroy())
    }
  }

  const timer = setInterval(
    () => {
      const nowMs = clock.monotonic()
      for (const [socket, entry] of waiting) {
        if (nowMs - entry.sinceMs < longestMs) break
        drop(socket, entry, 'slow')
      }
    },
    Math.min(CHECK_MS, timeoutMs),
  ).unref()

  return {
    get size() {
      return waiting.size
    },
    take: (socket) => {
      for (const [oldest, entry] of waiting) {
        if (waiting.size < handshakesMax) break
        drop(oldest, entry, 'full')
      }
      const entry: Waiting = { sinceMs: clock.monotonic(), isHandedOver: false }
      waiting.set(socket, entry)
      let bytes: Buffer | null = null
      const read = (chunk: Buffer): void => {
        bytes = bytes === null ? chunk : Buffer.concat([bytes, chunk])
        const hello = readClientHello(bytes)
        if (hello.kind === 'more' && bytes.length <= CLIENT_HELLO_BYTES_MAX) return
        socket.off('data', read)
        socket.off('end', left)
        socket.pause()
        begin(socket, entry, hello, bytes)
      }
      const left = (): void => void socket.destroy()
      // An error is followed by `close`, which is what counts.
      socket.on('error', () => {})
      socket.on('close', () => waiting.delete(socket))
      socket.on('end', left)
      socket.on('data', read)
      socket.resume()
    },
    hurry: () => void (longestMs = Math.min(timeoutMs, HURRIED_MS)),
    [Symbol.dispose]: () => {
      clearInterval(timer)
      for (const socket of waiting.keys()) socket.destroy()
    },
  }
}

/** What is said about a first message that leads nowhere. */
const refusals: Readonly<Record<ClientHello['kind'], readonly [HandshakeCause, string]>> = {
  named: ['name_unknown', 'no certificate for this name'],
  nameless: ['name_missing', 'the client names no server'],
  malformed: ['malformed', 'the first message is malformed'],
  foreign: ['not_tls', 'this is not TLS'],
  more: ['malformed', 'the first message is too long'],
}

/** The library's word for it, without its own file names and line numbers. */
function whyFailed(
  error: Error & { readonly reason?: string; readonly code?: string },
  { authorizationError }: TLSSocket,
): Pick<FailedHandshake, 'cause' | 'why'> {
  // Types say that it is an error; it is a code, or nothing.
  const untrusted: unknown = authorizationError
  if (typeof untrusted === 'string') return { cause: 'client_certificate', why: untrusted }
  const why = error.reason ?? error.message
  if (why === NO_CERTIFICATE) return { cause: 'client_certificate', why }
  return { cause: error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'slow' : 'other', why }
}

/** OpenSSL's word for a client that was asked for a certificate and has none. */
const NO_CERTIFICATE = 'peer did not return a certificate'

/**
 * The socket on which TLS was begun. Not documented, but held onto by Node for as long as there is TLS; asking the
 * system for both ends of both sockets, to compare them, takes a twentieth of the time of a handshake.
 */
function carrierOf(socket: TLSSocket): Socket {
  const { _parent: carrier } = socket as unknown as { readonly _parent?: Socket }
  return carrier ?? socket
}

function isUnder(key: Buffer, ticket: Uint8Array): boolean {
  return key.subarray(0, KEY_NAME_BYTES).equals(ticket.subarray(0, KEY_NAME_BYTES))
}

function isFor({ hosts }: Presented, name: string): boolean {
  return hosts.includes(name) || hosts.includes(`*${name.slice(name.indexOf('.'))}`)
}
