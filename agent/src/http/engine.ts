/**
 * The HTTP/1.1 engine: makes connections from what listeners accept, and ends them in good order.
 *
 * Knows no sockets: they are behind `Io`. One engine serves all listeners of a thread, because what it shares (memory,
 * readers, timer) is used by one message at a time.
 *
 * @module
 */
import type { TlsPeer } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Arena } from './arena.ts'
import { ClientConnection } from './client-connection.ts'
import type { EngineParts, EngineSettings, SharedParts, Upstreams } from './engine-parts.ts'
import type { Exchange } from './exchange.ts'
import type { Io } from './io.ts'
import { KeptHeads } from './kept-head.ts'
import { ProxyCallers } from './proxy-callers.ts'
import { RequestHead } from './request-head.ts'
import { ResponseHead } from './response-head.ts'
import { Wheel } from './wheel.ts'

export interface EngineOptions {
  readonly log: Log
  readonly upstreams: Upstreams
  readonly requestId: (nowMs: number) => string
  readonly handle: (exchange: Exchange) => void
  readonly onMalformed: (reason: string) => void
}

export interface Engine extends Disposable {
  /** Open connections of clients. */
  readonly connections: number
  /**
   * Takes a connection of a client.
   *
   * @param io carries its bytes.
   * @param address source address without port; IPv4-mapped IPv6 is given as IPv4.
   * @param peer client certificate; null: none.
   * @returns null when there are too many.
   */
  accept(
    io: Io,
    scheme: 'http' | 'https',
    address: string,
    tls: string | null,
    peer?: TlsPeer | null,
  ): ClientConnection | null
  /** Answers what is being worked on, ends connections, and cuts what is left after the time. */
  drain(longestMs: number): Promise<void>
}

/** Above this, the beginnings of bodies are not gathered any more: 4,096 of them, in bytes. */
const CARRIED_BYTES_MAX = 67_108_864
/** How long clients that keep a connection may still use it once the process stops, in milliseconds. */
const DRAIN_GRACE_MS = 500
/** How long tunnels may still end in good order once the time is over, in milliseconds. */
const LEAVE_MS = 500
/** How often connections are looked at meanwhile, in milliseconds. */
const DRAIN_CHECK_MS = 20

export function createSharedParts(settings: EngineSettings, clock: Clock, arena: Arena): SharedParts {
  return {
    settings,
    clock,
    arena,
    wheel: new Wheel(() => clock.monotonic()),
    requestHead: new RequestHead(arena.bytes),
    responseHead: new ResponseHead(arena.bytes),
  }
}

export function createEngine(shared: SharedParts, options: EngineOptions): Engine {
  const { settings, clock, wheel } = shared
  const { log, onMalformed } = options
  const connections = new Set<ClientConnection>()
  const callers = settings.trustedProxies.length === 0 ? null : new ProxyCallers(settings.trustedProxies)
  let draining = false

  const parts: EngineParts = {
    ...shared,
    ...options,
    keptHeads: new KeptHeads(),
    carried: { bytes: 0, bytesMax: CARRIED_BYTES_MAX },
    date: createDate(clock),
    onGone: (connection) => void connections.delete(connection),
    draining: () => draining,
  }

  return {
    get connections() {
      return connections.size
    },
    accept: (io, scheme, address, tls, peer = null) => {
      if (connections.size >= settings.connectionsMax) {
        onMalformed('connections_full')
        return null
      }
      const proxyCallers = callers !== null && callers.trusts(address) ? callers : null
      const origin = { scheme, address, tls, peer, proxyCallers }
      const connection = new ClientConnection(parts, io, origin)
      connections.add(connection)
      return connection
    },
    drain: async (longestMs) => {
      draining = true
      const deadlineMs = clock.monotonic() + longestMs
      // A request may just be on its way: it is answered, and told that it was the last one.
      if (connections.size > 0) await clock.sleep(Math.min(DRAIN_GRACE_MS, longestMs))
      while (connections.size > 0 && clock.monotonic() < deadlineMs) {
        for (const connection of connections) connection.closeIdle()
        await clock.sleep(DRAIN_CHECK_MS)
      }
      if (connections.size > 0) log.warn({ connections: connections.size }, 'ending what did not end in time')
      // Tunnels do not end by themselves: what is on its way in them still arrives.
      for (const connection of connections) connection.leave()
      for (let waitedMs = 0; connections.size > 0 && waitedMs < LEAVE_MS; waitedMs += DRAIN_CHECK_MS) {
        await clock.sleep(DRAIN_CHECK_MS)
      }
      for (const connection of connections) connection.io.destroy(connection)
      // Their ends are told by the system.
      while (connections.size > 0) await clock.sleep(1)
    },
    [Symbol.dispose]: () => wheel[Symbol.dispose](),
  }
}

/** The value of `Date`, made once a second (RFC 9110 section 6.6.1). */
function createDate(clock: Clock): () => string {
  let [second, text] = [0, '']
  return () => {
    const now = Math.floor(clock.now() / 1_000)
    if (now !== second) {
      second = now
      text = new Date(now * 1_000).toUTCString()
    }
    return text
  }
}
