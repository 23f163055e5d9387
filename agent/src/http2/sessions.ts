/**
 * HTTP/2 connections of clients: one session each, whose streams become connections of the engine.
 *
 * Everything that one stream may do is the engine's to bound, by the same settings as HTTP/1.1. Here is bounded what
 * many streams, or frames outside of streams, can do.
 *
 * Sources: RFC 9113 section 5.1.2 (concurrency), 6.8 (GOAWAY) and 10.5 (denial of service), CVE-2023-44487 (rapid
 * reset), CVE-2024-27316 (CONTINUATION).
 *
 * @module
 */
import { constants, performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { TlsPeer } from '@headgate/core'
import type { Engine } from '#agent/http/engine.ts'
import type { EngineSettings, SharedParts } from '#agent/http/engine-parts.ts'
import { ResponseHead } from '#agent/http/response-head.ts'
import type { Admission, Place } from '#agent/listen/admission.ts'
import { ClientSession } from './client-session.ts'
import { ClientStream, clientStreamIo } from './client-stream.ts'
import { requestText } from './request-text.ts'

export interface Http2Settings extends EngineSettings {
  /** Streams of one client connection at a time. */
  readonly http2StreamsMax: number
  /** Streams that one client connection may reset at once. */
  readonly http2ResetBurst: number
  /** The same in the long run, per second. */
  readonly http2ResetsPerS: number
}

export interface SessionsOptions {
  readonly settings: Http2Settings
  readonly engine: Engine
  readonly admission: Admission
  readonly onMalformed: (reason: string) => void
}

/** Where a connection comes from. */
export interface ClientOrigin {
  readonly scheme: 'http' | 'https'
  /** Source address without port; IPv4-mapped IPv6 is given as IPv4. */
  readonly address: string
  /** Version of TLS; null: plain TCP. */
  readonly tls: string | null
  /** Client certificate; null: none. */
  readonly peer: TlsPeer | null
  /** What it holds of its source's bound. Whoever accepted it gives it back. */
  readonly place: Place
}

export interface Sessions {
  /** Open ones. */
  readonly size: number
  /** Takes over a connection from which nothing was read yet. */
  accept(socket: Socket, origin: ClientOrigin): void
  /**
   * Tells clients to go elsewhere. What they have begun is finished; what is on its way was not looked at, and they are
   * told so.
   */
  drain(): void
  /** Ends all at once. */
  destroy(): void
}

/** Fields of a request as HTTP/2 counts them: names, values, and 32 bytes for each. */
const HEADER_LIST_BYTES_MAX = 16_384
const HEADER_PAIRS_MAX = 128
/** What the streams of a client together may have sent that nobody has read, in bytes; each of them 64 KiB. */
const WINDOW_BYTES = 262_144
/** Invalid frames, and streams beyond those that may be open, after which a session ends. */
const INVALID_FRAMES_MAX = 20
const REJECTED_STREAMS_MAX = 100
/** Entries of one SETTINGS frame. */
const SETTINGS_MAX = 16
/** Memory of one session, in MiB. */
const SESSION_MEMORY_MIB = 4
export function createSessions(parts: SharedParts, options: SessionsOptions): Sessions {
  const { settings, engine, admission, onMalformed } = options
  const clients = new Set<ClientSession>()
  // The engine's own is in use while it writes.
  const head = new ResponseHead(parts.arena.bytes)
  const handshake = {
    settings: {
      enablePush: false,
      maxConcurrentStreams: settings.http2StreamsMax,
      maxHeaderListSize: HEADER_LIST_BYTES_MAX,
    },
    maxHeaderListPairs: HEADER_PAIRS_MAX,
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    maxSessionRejectedStreams: REJECTED_STREAMS_MAX,
    maxSettings: SETTINGS_MAX,
    maxSessionMemory: SESSION_MEMORY_MIB,
    streamResetBurst: settings.http2ResetBurst,
    streamResetRate: settings.http2ResetsPerS,
    strictSingleValueFields: false,
  }

  function begin(client: ClientSession, stream: ServerHttp2Stream, raw: readonly string[], ends: boolean): void {
    if (stream.destroyed || stream.closed) return
    const request = requestText(raw, ends)
    if (request === null) {
      onMalformed('framing_invalid')
      stream.close(constants.NGHTTP2_PROTOCOL_ERROR)
      return
    }
    const { scheme, address, tls, peer } = client.origin
    const place = admission.enterStream(client.origin.place)
    if (place === null) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    stream.once('close', () => admission.leave(place))
    const connection = engine.accept(clientStreamIo, scheme, address, tls, peer)
    if (connection === null) {
      stream.close(constants.NGHTTP2_REFUSED_STREAM)
      return
    }
    client.effort.arrived(request.head.length)
    client.opened(stream)
    const { arena } = parts
    new ClientStream({ connection, stream, arena, head, effort: client.effort, request }).begin(ends)
  }

  return {
    get size() {
      return clients.size
    },
    accept: (socket, origin) => {
      const session = performServerHandshake(socket, handshake)
      const client = new ClientSession(parts, session, socket, origin, onMalformed)
      clients.add(client)
      session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES))
      // An error is followed by `close`, which is what counts.
      session.on('error', () => {})
      session.on('close', () => {
        client.forget()
        clients.delete(client)
      })
      session.on('stream', (stream, _fields, flags, raw: unknown) => {
        stream.on('error', () => {})
        const { address } = origin
        if (!client.hasServed && admission.isFlooding(address)) return client.calm()
        stream.once('close', () => {
          const { rstCode } = stream
          const isReset = stream.aborted || rstCode === constants.NGHTTP2_CANCEL
          if (isReset && !admission.mayReset(address) && !client.hasServed) client.calm()
        })
        let early: readonly unknown[] | null = null
        const keep = (...trailers: readonly unknown[]): void => void (early = trailers)
        stream.once('trailers', keep)
        // When everything is read that came with it: what is reset in the same breath costs a service nothing, and this
        // process little. All connections that are ready are read in one turn, so a flood could block it for seconds.
        queueMicrotask(() => {
          stream.off('trailers', keep)
          begin(client, stream, raw as string[], (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0)
          if (early !== null) stream.emit('trailers', ...early)
        })
      })
    },
    drain: () => {
      for (const { session } of clients) session.close()
    },
    destroy: () => {
      for (const { session } of clients) session.destroy()
    },
  }
}
