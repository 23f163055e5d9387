/**
 * The HTTPS listener for operators, with a bound on everything that a client could make last for ever.
 *
 * Sources: RFC 8446 and 5246 (TLS 1.3 and 1.2; older ones are off), Node's defaults for what is not set here.
 *
 * @module
 */
import { problemCodes } from '@headgate/admin-api'
import type { ListenAddress } from '@headgate/kit/settings.ts'
import type { Express } from 'express'
import { type Server, createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TlsFiles } from './certificate.ts'

/** Longest head, in bytes. */
const HEAD_BYTES_MAX = 16_384

/** Longest time for a head, in milliseconds. */
const HEAD_MS_MAX = 10_000

/** Longest time for a whole request, in milliseconds. */
const REQUEST_MS_MAX = 30_000

/** Longest silence of a connection, in milliseconds: the longest wait that an operation takes (60 s), and its work. */
const SILENCE_MS_MAX = 95_000

const KEEP_ALIVE_MS = 10_000

const CONNECTIONS_MAX = 2_000

export interface RestServer extends AsyncDisposable {
  readonly port: number
}

interface ServerOptions {
  readonly application: Express
  readonly tls: TlsFiles
  readonly listen: ListenAddress
  /** Longest time for requests in flight at the end. */
  readonly drainMs: number
}

/** @throws when the address cannot be listened on. Disposing of it finishes what is in flight. */
export async function listenRest({ application, tls, listen, drainMs }: ServerOptions): Promise<RestServer> {
  const server = createServer(
    {
      cert: tls.cert,
      key: tls.key,
      minVersion: 'TLSv1.2',
      maxHeaderSize: HEAD_BYTES_MAX,
      headersTimeout: HEAD_MS_MAX,
      requestTimeout: REQUEST_MS_MAX,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
      handshakeTimeout: HEAD_MS_MAX,
    },
    application,
  )
  server.timeout = SILENCE_MS_MAX
  server.maxConnections = CONNECTIONS_MAX
  server.on('clientError', refuseUnreadable)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(listen.port, listen.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    // A listening TCP server has an address with a port.
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => close(server, drainMs),
  }
}

/** What the parser cannot read gets a problem too, where there is still somebody to read it. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const tooLong = error.code === 'HPE_HEADER_OVERFLOW'
  const status = tooLong
    ? '431 Request Header Fields Too Large'
    : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? '408 Request Timeout'
      : '400 Bad Request'
  const { title, fix } = problemCodes.path_malformed
  const body = JSON.stringify({
    type: 'about:blank',
    title: tooLong
      ? 'The head of the request is too long'
      : status.startsWith('408')
        ? 'The request took too long'
        : title,
    status: Number(status.slice(0, 3)),
    code: 'path_malformed',
    fix,
    request_id: '',
  })
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

async function close(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeIdleConnections()
  // Connections whose request ends now go idle: they are closed as they do.
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const cut = setTimeout(() => server.closeAllConnections(), drainMs)
  await closed
  clearInterval(idle)
  clearTimeout(cut)
}
