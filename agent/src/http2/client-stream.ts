/**
 * One HTTP/2 stream of a client, as the connection that carries one HTTP/1.1 message.
 *
 * Puts what arrives into the arena as the bytes of a request, and reads the bytes of the response back into frames.
 *
 * Source: RFC 9113 section 8.1 (message framing, responses before the end of a request).
 *
 * @module
 */
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Arena } from '#agent/http/arena.ts'
import { framings, steps } from '#agent/http/head.ts'
import type { Connection, Io } from '#agent/http/io.ts'
import type { ResponseHead } from '#agent/http/response-head.ts'
import { CanonicalBody } from './canonical-body.ts'
import { deliverData, deliverText } from './deliver.ts'
import type { Effort } from './effort.ts'
import { grpcRefusal } from './grpc-refusal.ts'
import { addFields, linesOfList, listOfLines, objectOf, OF_CONNECTIONS, valueOf } from './header-lists.ts'
import type { RequestText } from './request-text.ts'

const PROBLEM = 'application/problem+json'

export interface ClientStreamParts {
  readonly connection: Connection
  readonly stream: ServerHttp2Stream
  readonly arena: Arena
  /** A reader that nobody else uses meanwhile. */
  readonly head: ResponseHead
  readonly effort: Effort
  readonly request: RequestText
}

export class ClientStream {
  readonly #connection: Connection
  readonly #stream: ServerHttp2Stream
  readonly #arena: Arena
  readonly #head: ResponseHead
  readonly #effort: Effort
  readonly #request: RequestText
  readonly #body = new CanonicalBody()
  #isAnswering = false
  #isAnswered = false
  #trailers = ''

  constructor({ connection, stream, arena, head, effort, request }: ClientStreamParts) {
    this.#connection = connection
    this.#stream = stream
    this.#arena = arena
    this.#head = head
    this.#effort = effort
    this.#request = request
    connection.socket = this
  }

  // From the client.

  /** Delivers the request. @param ends whether no body follows. */
  begin(ends: boolean): void {
    const [connection, stream] = [this.#connection, this.#stream]
    stream.on('drain', () => this.#takesMore())
    stream.on('finish', () => this.#takesMore())
    stream.on('close', () => {
      // A stream that ends well has taken all, whether or not that was told.
      if (this.#isAnswered && stream.rstCode === constants.NGHTTP2_NO_ERROR) this.#taken()
      connection.closed = true
      connection.gone()
    })
    deliverText(this.#arena, connection, this.#request.head)
    if (ends) {
      // Its end has to be seen, or the stream stays.
      stream.resume()
      return
    }
    const { chunked } = this.#request
    stream.on('trailers', (_fields, _flags, list: unknown) => {
      this.#trailers = linesOfList(list as string[], OF_CONNECTIONS)
    })
    stream.on('data', (data: Buffer) => {
      this.#effort.arrived(data.length)
      deliverData(this.#arena, connection, data, chunked)
    })
    stream.on('end', () => {
      // A stream that is reset ends too.
      if (stream.aborted) return
      if (chunked) deliverText(this.#arena, connection, `0\r\n${this.#trailers}\r\n`)
    })
    if (connection.paused) stream.pause()
  }

  // To the client.

  /** Sends a range of the arena: whole heads, and any piece of a body. */
  write(start: number, end: number): void {
    this.#effort.sent(end - start)
    let at = start
    while (!this.#isAnswering && at < end) at = this.#readHead(at, end)
    if (this.#isAnswered || at === end) return
    const data = this.#body.read(this.#arena.bytes, at, end)
    const stream = this.#stream
    if (this.#body.done) {
      this.#isAnswered = true
      stream.end(data)
      // Until it is finished, the client is waited for.
      this.#connection.blocked = true
    } else if (data.length > 0 && !stream.write(data)) this.#connection.blocked = true
  }

  /** @returns the place behind the head. */
  #readHead(start: number, end: number): number {
    const head = this.#head
    if (head.read(start, end, this.#request.toHead) !== steps.done) throw new Error('the engine writes whole heads')
    const list = [':status', String(head.status)]
    addFields(list, head)
    if (head.status < 200) this.#stream.additionalHeaders(objectOf(list))
    else this.#respond(list, end)
    return this.#isAnswered ? end : head.end
  }

  #respond(list: string[], end: number): void {
    const { status, framing, length, bytes, end: bodyStart } = this.#head
    this.#isAnswering = true
    const isProblem =
      this.#request.grpc && status >= 400 && valueOf(list, 'content-type') === PROBLEM && length === end - bodyStart
    const refusal = isProblem ? grpcRefusal(status, list, bytes.toString('utf8', bodyStart, end)) : null
    if (refusal !== null || framing === framings.none) {
      this.#isAnswered = true
      this.#stream.respond(refusal ?? list, { endStream: true })
      return
    }
    this.#body.begin(framing, length)
    const hasTrailers = framing === framings.chunked
    if (hasTrailers) {
      this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(objectOf(listOfLines(this.#body.trailers))))
    }
    this.#stream.respond(list, { waitForTrailers: hasTrailers })
  }

  // Told by the system while the engine may be at work on another connection: a moment later it is not.
  #takesMore(): void {
    queueMicrotask(() => {
      if (this.#isAnswered ? this.#stream.writableFinished : !this.#stream.writableNeedDrain) this.#taken()
    })
  }

  #taken(): void {
    const connection = this.#connection
    if (!connection.blocked || connection.closed) return
    connection.blocked = false
    connection.drained()
  }

  pause(): void {
    this.#connection.paused = true
    this.#stream.pause()
  }

  resume(): void {
    this.#connection.paused = false
    this.#stream.resume()
  }

  /**
   * The last word is said. What the client still sends is thrown away until the engine calls `destroy`: a reset at once
   * would overtake the answer, and many clients would not read it.
   */
  end(): void {
    if (!this.#isAnswered) this.destroy()
  }

  destroy(): void {
    this.#connection.closed = true
    const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR } = constants
    // A response that stops short must look like that to the client.
    if (!this.#stream.closed) this.#stream.close(this.#isAnswered ? NGHTTP2_NO_ERROR : NGHTTP2_INTERNAL_ERROR)
    this.#stream.destroy()
  }
}

/** The engine's port, for connections that are such streams. */
export const clientStreamIo: Io = {
  write: (connection, start, end) => {
    if (!connection.closed) streamOf(connection).write(start, end)
  },
  pause: (connection) => streamOf(connection).pause(),
  resume: (connection) => streamOf(connection).resume(),
  end: (connection) => streamOf(connection).end(),
  destroy: (connection) => streamOf(connection).destroy(),
}

function streamOf(connection: Connection): ClientStream {
  return connection.socket as ClientStream
}
