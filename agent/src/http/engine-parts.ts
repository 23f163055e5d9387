/**
 * What all connections of one engine share, and what they know of the services.
 *
 * @module
 */
import type { AddressRange, RequestHead as CoreHead } from '@headgate/core'
import type { Clock } from '@headgate/kit/clock.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { Arena } from './arena.ts'
import type { ClientConnection } from './client-connection.ts'
import type { Exchange, ServiceReference } from './exchange.ts'
import type { KeptHeads } from './kept-head.ts'
import type { RequestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'
import type { Caller, ServiceConnection } from './service-connection.ts'
import type { Wheel } from './wheel.ts'

export interface EngineSettings {
  readonly connectionsMax: number
  readonly headTimeoutMs: number
  readonly requestTimeoutMs: number
  /** So much of a body, or all of it, is gathered before a connection to a service is asked for. */
  readonly gatherBytes: number
  /** Slowest body that is waited for. */
  readonly bodyBytesPerSMin: number
  /** Body bytes of a refused request that are read and thrown away to keep its connection; more end it. */
  readonly discardBytesMax: number
  /** How long such bytes are waited for. */
  readonly discardMs: number
  readonly connectionRequestsMax: number
  readonly clientIdleMs: number
  readonly keepAliveMs: number
  readonly upstreamIdleMs: number
  /** Longest time without a byte in a WebSocket connection. */
  readonly websocketIdleMs: number
  /** Longest time that one may last; 0: no bound. */
  readonly websocketMsMax: number
  /** Proxies that are believed when they say who asked them. */
  readonly trustedProxies: readonly AddressRange[]
}

/** What connections of both sides need. */
export interface SharedParts {
  readonly settings: EngineSettings
  readonly clock: Clock
  readonly arena: Arena
  readonly wheel: Wheel
  /** One message is read at a time, so one reader serves all connections. */
  readonly requestHead: RequestHead
  readonly responseHead: ResponseHead
}

/** What connections of clients need besides. */
export interface EngineParts extends SharedParts {
  readonly log: Log
  readonly keptHeads: KeptHeads
  /** What all connections carry from one read to the next, and above what no body is gathered, in bytes. */
  readonly carried: { bytes: number; readonly bytesMax: number }
  readonly upstreams: Upstreams
  /** Value of `Date`, of this second. */
  readonly date: () => string
  readonly requestId: (nowMs: number) => string
  /** What is done with a request. Throwing is a bug: the client is answered 500. */
  readonly handle: (exchange: Exchange) => void
  /** Counts a request that could not be read. */
  readonly onMalformed: (reason: string) => void
  /** A connection of a client is over. */
  readonly onGone: (connection: ClientConnection) => void
  /** Whether the process is about to stop: then connections end with their next response. */
  readonly draining: () => boolean
}

/** The services, as the engine sees them. */
export interface Upstreams {
  /**
   * Chooses the target of a request.
   *
   * @param consumer name of the proven caller; null: none.
   * @param head still readable.
   * @returns null when there is no room for it.
   */
  pick(service: ServiceReference, consumer: string | null, head: CoreHead): UpstreamTarget | null
  /**
   * Where a request is tried once more; each try is counted.
   *
   * @returns null: not at all.
   */
  again(failed: UpstreamTarget, service: ServiceReference, failure: Failure): UpstreamTarget | null
}

/** How a try ended, and what is known about doing it again. */
export interface Failure {
  readonly unreachable: boolean
  /** The target may have seen the request. */
  readonly sent: boolean
  /** The connection ended. */
  readonly reset: boolean
  /** The answer did not come in time. */
  readonly timedOut: boolean
  /** Doing it twice does no harm. */
  readonly repeatable: boolean
}

/** One address behind a service, as the engine sees it. */
export interface UpstreamTarget {
  readonly url: string
  /** `Host` of requests to it, as a line. */
  readonly hostLine: Uint8Array
  /** Longest wait of a caller that waits for a free connection, in milliseconds. */
  readonly waitMs: number
  /**
   * Whether a request is one stream of a connection that many share. Then it holds up nobody, and both sides may be
   * silent for long, as in a call of gRPC.
   */
  readonly streams: boolean
  /** An idle connection; null when there is none. */
  take(): ServiceConnection | null
  /** Opens a connection for a caller, or lets it wait for a free one. @returns false when there is no room for it. */
  open(caller: Caller): boolean
  /** Forgets a caller that waits. */
  leave(caller: Caller): void
}
