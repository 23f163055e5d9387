/**
 * One HTTP/2 stream to a service, as the connection that carries one HTTP/1.1 request and its response.
 *
 * A stream that the service has not looked at (REFUSED_STREAM, or above the last one of a GOAWAY) is begun again on
 * another session, once, as long as all that was sent is still here: nothing was done with it.
 *
 * Source: RFC 9113 section 8.1, 8.3 and 8.7 (request reliability).
 *
 * @module
 */
import { type ClientHttp2Stream, constants } from 'node:http2'
import type { Arena } from '#agent/http/arena.ts'
import { steps } from '#agent/http/head.ts'
import type { OutgoingConnection, ServiceAddress } from '#agent/http/io.ts'
import { CanonicalBody } from './canonical-body.ts'
import { deliverData, deliverText } from './deliver.ts'
import { linesOfList, listOfLines, objectOf, OF_CONNECTIONS } from './header-lists.ts'
import type { OutgoingHead } from './outgoing-head.ts'
import { interimText, responseText } from './response-text.ts'
import type { Seeker, ServiceSession, ServiceSessions } from './service-sessions.ts'

/** What is kept of a body to begin again with, in bytes. */
const KEPT_BYTES_MAX = 65_536
/** How long a stream may still be ended by the service once its response is whole, in milliseconds. */
const LINGER_MS = 1_000

export interface ServiceStreamParts {
  readonly connection: OutgoingConnection
  readonly address: ServiceAddress
  readonly sessions: ServiceSessions
  readonly arena: Arena
  readonly head: OutgoingHead
}

/** A request as it was begun, with what was sent of its body. */
interface Begun {
  readonly list: readonly string[]
  readonly ends: boolean
  readonly hasTrailers: boolean
  readonly pieces: Buffer[]
  bytes: number
}

export class ServiceStream implements Seeker {
  readonly #parts: ServiceStreamParts
  readonly #body = new CanonicalBody()
  #session: ServiceSession
  #stream: ClientHttp2Stream | null = null
  #isBegun = false
  /** Null once it cannot be begun again. */
  #begun: Begun | null = null
  #isAgain = false
  #isOver = false
  #toHead = false
  #isChunked = false
  #trailers = ''
  /** Bytes of the response's body that are still to come; -1: its end is seen by itself. */
  #left = -1
  #isWhole = false

  constructor(parts: ServiceStreamParts) {
    this.#parts = parts
    this.#session = parts.sessions.seek(parts.address, this, null)
  }

  // A place on a session.

  placed(session: ServiceSession): void {
    const { connection } = this.#parts
    if (connection.closed) session.leave(this)
    else if (this.#begun === null) connection.opened()
    else this.#request(this.#begun)
  }

  unplaced(wasReady: boolean): void {
    // A session that the service has ended in good order says nothing about whether it is there.
    if (wasReady && !this.#isAgain && !this.#parts.connection.closed) this.#seekAgain()
    else this.#over()
  }

  #seekAgain(): void {
    const { sessions, address } = this.#parts
    this.#isAgain = true
    this.#session = sessions.seek(address, this, this.#session)
  }

  // To the service.

  /** Sends a range of the arena: first a whole head, then any piece of a body. */
  write(start: number, end: number): void {
    const { connection, arena } = this.#parts
    const at = this.#isBegun ? start : this.#begin(start, end)
    if (at === end || this.#body.done || connection.closed) return
    const data = this.#body.read(arena.bytes, at, end)
    this.#keep(data)
    const stream = this.#stream
    // Null: it is just begun again, and what is kept follows.
    if (stream === null) connection.blocked = true
    else if (this.#body.done) stream.end(data)
    else if (data.length > 0 && !stream.write(data)) connection.blocked = true
  }

  #begin(start: number, end: number): number {
    const { head, address } = this.#parts
    if (head.read(start, end) !== steps.done) throw new Error('the engine writes whole heads')
    const list = head.list(address.serverName === null ? 'http' : 'https')
    this.#isBegun = true
    this.#toHead = head.method === 'HEAD'
    this.#body.begin(head.framing, head.length)
    const begun = { list, ends: this.#body.done, hasTrailers: head.hasTrailers, pieces: [], bytes: 0 }
    this.#begun = begun
    const at = head.end
    this.#request(begun)
    return at
  }

  #keep(data: Buffer): void {
    const begun = this.#begun
    if (begun === null) return
    begun.bytes += data.length
    if (begun.bytes > KEPT_BYTES_MAX) this.#begun = null
    else begun.pieces.push(data)
  }

  #request({ list, ends, hasTrailers, pieces }: Begun): void {
    const session = this.#session.http2
    if (session === null) {
      queueMicrotask(() => this.#closed(null))
      return
    }
    const stream = session.request(list, { endStream: ends, waitForTrailers: hasTrailers })
    this.#stream = stream
    this.#listen(stream)
    for (const piece of pieces) stream.write(piece)
    if (this.#body.done && !ends) stream.end()
    this.#takesMore(stream)
  }

  // From the service.

  #listen(stream: ClientHttp2Stream): void {
    const { connection, arena } = this.#parts
    stream.on('error', () => {})
    stream.on('close', () => this.#closed(stream))
    stream.on('drain', () => this.#takesMore(stream))
    stream.on('wantTrailers', () => stream.sendTrailers(objectOf(listOfLines(this.#body.trailers))))
    stream.on('headers', (fields, _flags, list: unknown) => {
      const status = Number(fields[':status'])
      if (status !== 100) deliverText(arena, connection, interimText(status, list as string[]))
    })
    stream.on('response', (fields, flags, list: unknown) => {
      this.#begun = null
      const ends = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
      const text = responseText(Number(fields[':status']), list as string[], ends, this.#toHead)
      this.#isChunked = text.chunked
      this.#left = text.length
      this.#isWhole = text.length === 0
      deliverText(arena, connection, text.head)
    })
    stream.on('trailers', (_fields, _flags, list: unknown) => {
      this.#trailers = linesOfList(list as string[], OF_CONNECTIONS)
    })
    stream.on('data', (data: Buffer) => {
      if (this.#left > 0) this.#isWhole = (this.#left -= data.length) <= 0
      deliverData(arena, connection, data, this.#isChunked)
    })
    stream.on('end', () => {
      if (stream.aborted || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return
      if (this.#isChunked) {
        this.#isWhole = true
        deliverText(arena, connection, `0\r\n${this.#trailers}\r\n`)
      }
    })
    if (connection.paused) stream.pause()
  }

  // Told by the system while the engine may be at work on another connection: a moment later it is not.
  #takesMore(stream: ClientHttp2Stream): void {
    const { connection } = this.#parts
    queueMicrotask(() => {
      if (!connection.blocked || connection.closed || stream.writableNeedDrain) return
      connection.blocked = false
      connection.drained()
    })
  }

  /** @param stream null: none was begun. */
  #closed(stream: ClientHttp2Stream | null): void {
    const session = this.#session
    session.leave(this)
    const id = stream?.id
    const isUnseen =
      id === undefined || stream?.rstCode === constants.NGHTTP2_REFUSED_STREAM || id > session.lastStreamId
    const isKept = this.#begun !== null && !this.#isAgain && !this.#parts.connection.closed
    this.#stream = null
    if (isUnseen && isKept) this.#seekAgain()
    else this.#over()
  }

  #over(): void {
    const { connection } = this.#parts
    if (this.#isOver) return
    this.#isOver = true
    connection.closed = true
    connection.gone()
  }

  // The engine's port.

  pause(): void {
    this.#parts.connection.paused = true
    this.#stream?.pause()
  }

  resume(): void {
    this.#parts.connection.paused = false
    this.#stream?.resume()
  }

  end(): void {
    this.#stream?.end()
  }

  /** Nobody waits for it any more. Resets the stream, unless it is just about to end by itself. */
  destroy(): void {
    const { connection } = this.#parts
    const stream = this.#stream
    if (connection.closed) return
    connection.closed = true
    if (stream === null) {
      this.#session.leave(this)
      queueMicrotask(() => this.#over())
    } else if (this.#isWhole && this.#body.done) {
      stream.resume()
      const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), LINGER_MS)
      stream.once('close', () => clearTimeout(timer))
    } else {
      if (!stream.closed) {
        stream.close(constants.NGHTTP2_CANCEL)
        this.#session.countReset()
      }
      stream.destroy()
    }
  }
}
