/**
 * The HTTP/1.1 engine on Node's own server: turns requests into exchanges.
 *
 * Every strictness of the parser is on, every bound is set, and what Node would decide by itself (missing Host,
 * Expect, Upgrade, CONNECT, malformed heads) is decided here, so that each request has exactly one answer in one
 * form. `Upgrade` is an offer that is not taken: the request is served as if it had not been made.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from 'node:http'
import { Server as NetServer, type Socket } from 'node:net'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { AttemptRequest } from '#agent/upstream/attempt.ts'
import { ClientConnection } from './connection.ts'
import type { Exchange, Forwarded } from './exchange.ts'
import { checkHead, HEAD_BYTES_MAX } from './framing.ts'
import { NodeExchange } from './node-exchange.ts'
import { reasonOfParserError, wireRefusal, wireRefusalText } from './wire-refusal.ts'

export interface EngineSettings {
  readonly connectionsMax: number
  readonly headTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly clientIdleMs: number
  readonly keepAliveMs: number
}

export interface EngineOptions {
  readonly settings: EngineSettings
  readonly scheme: 'http' | 'https'
  readonly clock: Clock
  readonly log: Log
  readonly requestId: (nowMs: number) => string
  /** What is done with a request. Rejecting is a bug: the client is answered 500. */
  readonly handle: (exchange: Exchange) => Promise<void>
  readonly upstream: (request: AttemptRequest) => Promise<Forwarded>
  /** Counts a request that could not be read. */
  readonly onMalformed: (reason: string) => void
}

export interface Engine {
  readonly connections: number
  /** Answers what is being worked on, ends connections, and cuts what is left after the time. */
  drain(longestMs: number): Promise<void>
}

const PROBLEM_FIELDS = [
  ['content-type', 'application/problem+json'],
  ['cache-control', 'no-store'],
] as const

/** How often heads and requests are checked for their time, in milliseconds. */
const CHECK_INTERVAL_MS = 1_000
/** How long clients that keep a connection may still use it once the process stops, in milliseconds. */
const DRAIN_GRACE_MS = 500

/** How often connections are looked at meanwhile, in milliseconds. */
const DRAIN_CHECK_MS = 20

/** What both kinds of server are created with. */
export function serverOptions(settings: EngineSettings): ServerOptions {
  return {
    insecureHTTPParser: false,
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: settings.headTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveMs,
    connectionsCheckingInterval: Math.min(CHECK_INTERVAL_MS, settings.headTimeoutMs),
    requireHostHeader: false,
    joinDuplicateHeaders: false,
    shouldUpgradeCallback: () => false,
    noDelay: true,
  }
}

/** Makes a server, created with `serverOptions` and not yet listening, serve exchanges. */
export function createEngine(server: Server, options: EngineOptions): Engine {
  const { settings, scheme, clock, log, requestId, handle, upstream, onMalformed } = options
  const connections = new Map<Socket, ClientConnection>()
  let draining = false

  // 0: Node cuts off nothing silently; we count, and the head is bounded in bytes.
  server.maxHeadersCount = 0
  server.maxConnections = settings.connectionsMax
  server.on(scheme === 'https' ? 'secureConnection' : 'connection', (socket: Socket) => {
    connections.set(socket, new ClientConnection(socket))
    socket.on('close', () => connections.delete(socket))
  })

  function onRequest(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const connection = connections.get(request.socket)
    // A connection that has just ended.
    if (connection === undefined) return
    const check = checkHead(request.httpVersion, request.rawHeaders)
    if (check.kind === 'refused') {
      refuseHead(response, check.reason)
      return
    }
    const { address, tls } = connection
    const startedMs = clock.monotonic()
    const idleMs = settings.clientIdleMs
    const { connection: options, hasBody } = check
    const exchange = new NodeExchange({
      request,
      response,
      scheme,
      address,
      tls,
      startedMs,
      connection: options,
      hasBody,
      expectsContinue,
      idleMs,
      draining: () => draining,
      upstream,
    })
    response.on('close', () => connection.done(exchange))
    connection.add({ exchange, hasBody, run: () => void run(exchange) })
  }

  async function run(exchange: NodeExchange): Promise<void> {
    try {
      await handle(exchange)
    } catch (thrown) {
      onMalformed('internal_error')
      const id = requestId(clock.now())
      log.error({ err: thrown, request_id: id }, 'a request could not be handled: a bug')
      const { status, body } = wireRefusal('internal_error', id)
      exchange.giveUp(status, [...PROBLEM_FIELDS, ['x-request-id', id]], body)
    }
  }

  function refuseHead(response: ServerResponse, reason: Parameters<typeof wireRefusal>[0]): void {
    onMalformed(reason)
    const id = requestId(clock.now())
    const { status, body } = wireRefusal(reason, id)
    const length = String(Buffer.byteLength(body))
    const fields = [...PROBLEM_FIELDS.flat(), 'x-request-id', id, 'content-length', length]
    response.writeHead(status, [...fields, 'connection', 'close'])
    response.end(body)
  }

  function refuseText(socket: Socket, reason: Parameters<typeof wireRefusal>[0]): void {
    onMalformed(reason)
    const connection = connections.get(socket)
    if (connection === undefined) socket.destroy()
    else connection.endAfter(wireRefusalText(reason, requestId(clock.now())))
  }

  server.on('request', (request, response) => onRequest(request, response, false))
  server.on('checkContinue', (request, response) => onRequest(request, response, true))
  server.on('checkExpectation', (_request, response) => refuseHead(response, 'expectation_unknown'))
  server.on('connect', (_request, socket) => refuseText(socket as Socket, 'method_invalid'))
  server.on('drop', () => onMalformed('connections_full'))
  server.on('clientError', (error: NodeJS.ErrnoException, stream) => {
    const socket = stream as Socket
    // Bytes after a request that was the last one of its connection: nobody owes them an answer.
    if (error.code === 'HPE_CLOSED_CONNECTION') return
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    refuseText(socket, reasonOfParserError(error.code))
  })

  return {
    get connections() {
      return connections.size
    },
    drain: async (longestMs) => {
      draining = true
      const deadlineMs = clock.monotonic() + longestMs
      // Not `server.close()`: that also ends idle connections, on which a request may just be on its way.
      const closed = new Promise<void>((resolve) => {
        NetServer.prototype.close.call(server, () => resolve())
      })
      await Promise.race([closed, clock.sleep(Math.min(DRAIN_GRACE_MS, longestMs))])
      while (connections.size > 0 && clock.monotonic() < deadlineMs) {
        server.closeIdleConnections()
        await clock.sleep(DRAIN_CHECK_MS)
      }
      if (connections.size > 0) log.warn({ connections: connections.size }, 'cutting what did not end in time')
      server.closeAllConnections()
      for (const socket of connections.keys()) socket.destroy()
      await closed
    },
  }
}
