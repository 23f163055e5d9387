/**
 * The seam between the HTTP engine and the pipeline: one request and the two things that can be done with it.
 *
 * An engine reads a request, hands it over as an `Exchange`, and knows nothing about routes, keys or limits. The
 * pipeline decides and either refuses or forwards; it knows nothing about sockets, framing or buffers. Another engine
 * takes the place of this one by making exchanges.
 *
 * @module
 */
import type { CompiledService, Reason, RequestHead } from '@headgate/core'

/** Header fields in order, as pairs. */
export type Fields = readonly (readonly [name: string, value: string])[]

/** What is to be done with a request that was allowed, and who is told how it went. */
export interface Forwarding {
  readonly service: ServiceReference
  /** Name of the proven caller; null: none. Some services go by it when they choose a target. */
  readonly consumer: string | null
  readonly method: string
  /** Path and query, exactly as they go out. */
  readonly target: string
  /** Fields that do not reach the service, lower case: what carried the credential, and what only we may say. */
  readonly withheldHeaders: readonly string[]
  /**
   * Fields that the agent adds for the service, beside where the request came from. What the client sent under these
   * names is gone.
   */
  readonly requestFields: Fields
  /** Fields that the agent adds for the client. What the service sent under these names is gone. */
  readonly responseFields: Fields
  /** Whether trailers pass, beside those of gRPC calls. Asked when there may be some. */
  readonly trailers: boolean
  /** Whether it may become a WebSocket connection. Asked when that is what the client wants. */
  readonly websocket: boolean
  /** Longest body of the request, in bytes; `Infinity`: no bound. Asked when there is one. */
  readonly bodyBytesMax: number
  /**
   * The head of the response is there, or the connection has become a tunnel. Called once at most, before `ended`.
   *
   * @param sentMs when the request was sent to its last byte, in milliseconds of the monotonic clock; 0: it is not yet.
   */
  answering(status: number, sentMs: number): void
  /** Called once. After `failed`, and some of `withdrawn`, the exchange is still to be refused. */
  ended(exchange: Exchange, forwarded: Forwarded): void
}

/** What the engine needs to know about a service to forward to it. */
export type ServiceReference = Omit<CompiledService, 'origin' | 'owner' | 'dataLabel'>

/** Why a service did not answer; the reasons that core calls `upstream`. */
export type UpstreamReason = Extract<Reason, `upstream_${string}`>

/** How forwarding ended. `durationMs` is the service's part of the time. */
export type Forwarded =
  /** The response was passed on to its last byte. */
  | { readonly kind: 'answered'; readonly target: string; readonly status: number; readonly durationMs: number }
  /** Nothing was sent to the client yet: it is owed a refusal. */
  | { readonly kind: 'failed'; readonly reason: UpstreamReason; readonly target: string; readonly durationMs: number }
  /** The service broke off in the middle of the response; the client's connection was cut so that it notices. */
  | { readonly kind: 'broken'; readonly target: string; readonly status: number; readonly durationMs: number }
  /** The client left, or did not send or take what it owed; the service was let go. `status` 0: not answered yet. */
  | { readonly kind: 'abandoned'; readonly target: string; readonly status: number; readonly durationMs: number }
  /**
   * What allowed it counts no more, or its body grew too large. `status` 0: not answered yet, and the exchange is still to be refused; else the
   * response was cut, or ended as its protocol says goodbye.
   */
  | {
      readonly kind: 'withdrawn'
      readonly reason: Reason
      readonly target: string
      readonly status: number
      readonly durationMs: number
    }

/**
 * One request, to be ended exactly once by `refuse`, or by a `forward` that does not end as `failed`.
 *
 * It is the same object for every request of a connection: whoever needs something of it later takes it now.
 */
export interface Exchange {
  /** Fields can be asked for until the exchange is refused or forwarded; the rest stays until it has ended. */
  readonly head: RequestHead
  /** Such as `TLSv1.3`; null for plain HTTP. */
  readonly tls: string | null
  /** When the head was read, in milliseconds of the monotonic clock. */
  readonly startedMs: number
  /** Bytes of the bodies of request and response that have passed so far, without framing; of a tunnel all of them. */
  readonly bodyBytes: number
  /** Answers by itself. Never throws: a client that has left is simply not answered. */
  refuse(status: number, fields: Fields, body: string): void
  /** Sends the request to a target of the service and its response to the client, streaming both. Never throws. */
  forward(forwarding: Forwarding): void
  /** Ends what is being forwarded, because what allowed it counts no more. Never throws. */
  withdraw(reason: Reason): void
  /** Answers 500 for a bug that was thrown while the decision was awaited. */
  crash(thrown: unknown): void
}
