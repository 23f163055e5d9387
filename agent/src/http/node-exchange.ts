/**
 * One request on Node's HTTP server, as an `Exchange`.
 *
 * Owns what belongs to the client's side of a request: its fields, its body, its response, and noticing that it has
 * left. What the service does is `upstream/`. Every wait for the client is bounded.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { RequestHead } from '@headgate/core'
import type { AttemptRequest, ResponseSink } from '#agent/upstream/attempt.ts'
import { RequestBody } from './body.ts'
import type { Exchange, Fields, Forwarded, Forwarding } from './exchange.ts'
import { type RawFields, requestFields, responseFields } from './fields.ts'

export interface ExchangeOptions {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly scheme: 'http' | 'https'
  readonly address: string
  readonly tls: string | null
  readonly startedMs: number
  /** Options of `Connection`: see `checkHead`. */
  readonly connection: ReadonlySet<string>
  readonly hasBody: boolean
  /** The client waits for 100 Continue before it sends the body. */
  readonly expectsContinue: boolean
  /** Longest time in which the client must send or take something, in milliseconds. */
  readonly idleMs: number
  /** Whether the process is about to stop: then the connection ends with this response. */
  readonly draining: () => boolean
  readonly upstream: (request: AttemptRequest) => Promise<Forwarded>
}

/** Body bytes of a refused request that are read and thrown away to keep its connection; more end it. */
const DISCARD_BYTES_MAX = 262_144
/** How long such bytes are waited for, in milliseconds. */
const DISCARD_MS_MAX = 2_000

export class NodeExchange implements Exchange, ResponseSink {
  readonly head: RequestHead
  readonly tls: string | null
  readonly startedMs: number
  readonly #options: ExchangeOptions
  readonly #gone = new AbortController()
  #responseFields: Fields = []
  #continued = false
  #stall: NodeJS.Timeout | null = null

  constructor(options: ExchangeOptions) {
    const { request, scheme, address } = options
    this.#options = options
    this.head = new NodeHead(request, scheme, address)
    this.tls = options.tls
    this.startedMs = options.startedMs
    // Without a listener a late error of an aborted request would end the process.
    request.on('error', () => {})
    options.response.on('error', () => {})
  }

  /** Whether the client still owes a part of the body. */
  get owesBody(): boolean {
    return this.#options.hasBody && !this.#options.request.complete
  }

  /** Whether the client has been sent something. */
  get answering(): boolean {
    return this.#options.response.headersSent
  }

  /** The client's connection has ended. */
  leave(): void {
    this.#watch(false)
    this.#gone.abort()
  }

  refuse(status: number, fields: Fields, body: string): void {
    const { request, response } = this.#options
    if (response.headersSent || response.destroyed || request.socket.destroyed) return
    const raw = fields.flatMap(([name, value]) => [name, value])
    raw.push('content-length', String(Buffer.byteLength(body)))
    response.writeHead(status, this.#withConnection(raw))
    response.end(body)
    this.#discardBody()
  }

  /** Ends a request that nobody will answer any more: as `refuse`, or by a cut when an answer has begun. */
  giveUp(status: number, fields: Fields, body: string): void {
    if (this.answering) this.#options.request.socket.destroy()
    else this.refuse(status, fields, body)
  }

  async forward(forwarding: Forwarding): Promise<Forwarded> {
    const { request, connection, hasBody, idleMs, upstream } = this.#options
    this.#responseFields = forwarding.responseFields
    const body = hasBody ? new RequestBody({ request, idleMs, onFirstRead: () => this.#continue() }) : null
    const { service, method, target, credentialHeaders, requestFields: added } = forwarding
    const fields = requestFields(request.rawHeaders, connection, credentialHeaders, added)
    const outcome = await upstream({ service, method, target, fields, body, gone: this.#gone.signal, sink: this })
    this.#watch(false)
    body?.destroy()
    // A response that stops short must look like that to the client; one that nobody takes must not be kept.
    // Where the client's connection has been ended already, or is being ended, there may be a last word under way.
    const cut = outcome.kind === 'broken' || (outcome.kind === 'abandoned' && !this.#gone.signal.aborted)
    if (cut) request.socket.destroy()
    else if (outcome.kind === 'answered') this.#discardBody()
    return outcome
  }

  start(status: number, raw: RawFields): void {
    const { response } = this.#options
    if (response.headersSent || response.destroyed) return
    response.writeHead(status, this.#withConnection(responseFields(raw, status, this.#responseFields)))
    // Usually the head leaves with the first bytes of the body. A service that thinks before them must not hold it up.
    setImmediate(() => {
      if (!response.destroyed && !response.writableEnded) response.flushHeaders()
    })
  }

  write(chunk: Buffer): boolean {
    const { response } = this.#options
    return response.destroyed || response.write(chunk)
  }

  onDrain(resume: () => void): void {
    this.#watch(true)
    this.#options.response.once('drain', () => {
      this.#watch(false)
      resume()
    })
  }

  async end(): Promise<void> {
    const { response, request } = this.#options
    if (response.destroyed || request.socket.destroyed) return
    this.#watch(true)
    await new Promise<void>((resolve) => {
      const left = (): void => resolve()
      this.#gone.signal.addEventListener('abort', left, { once: true })
      response.end(() => {
        this.#gone.signal.removeEventListener('abort', left)
        resolve()
      })
    })
    this.#watch(false)
  }

  #withConnection(raw: string[]): string[] {
    const unread = this.#options.expectsContinue && !this.#continued
    // A client that was not told to continue may send its body or not: the connection cannot be read any further.
    if (unread || this.#options.draining()) raw.push('connection', 'close')
    return raw
  }

  #continue(): void {
    const { expectsContinue, response } = this.#options
    if (!expectsContinue || response.headersSent || response.destroyed) return
    this.#continued = true
    response.writeContinue()
  }

  /** Ends the connection of a client that takes nothing although something waits for it. */
  #watch(on: boolean): void {
    if (this.#stall !== null) clearTimeout(this.#stall)
    this.#stall = null
    if (!on) return
    const { socket } = this.#options.request
    const writtenBefore = socket.bytesWritten - socket.writableLength
    this.#stall = setTimeout(() => {
      if (socket.bytesWritten - socket.writableLength > writtenBefore) this.#watch(true)
      else socket.destroy()
    }, this.#options.idleMs)
  }

  #discardBody(): void {
    const { request } = this.#options
    if (!this.#options.hasBody || request.complete || request.destroyed) return
    let discarded = 0
    const timer = setTimeout(() => request.socket.destroy(), DISCARD_MS_MAX)
    const done = (): void => clearTimeout(timer)
    request.on('data', (chunk: Buffer) => {
      discarded += chunk.length
      if (discarded > DISCARD_BYTES_MAX) request.socket.destroy()
    })
    request.on('end', done).on('close', done)
    request.resume()
  }
}

/** A request's head as core reads it: every value of a field, never Node's merged ones, which hide duplicates. */
class NodeHead implements RequestHead {
  readonly method: string
  readonly target: string
  readonly scheme: 'http' | 'https'
  readonly address: string
  readonly #raw: RawFields

  constructor(request: IncomingMessage, scheme: 'http' | 'https', address: string) {
    this.method = request.method ?? ''
    this.target = request.url ?? ''
    this.scheme = scheme
    this.address = address
    this.#raw = request.rawHeaders
  }

  header(name: string): readonly string[] {
    const raw = this.#raw
    const values: string[] = []
    for (let index = 0; index + 1 < raw.length; index += 2) {
      // In bounds by the loop's condition.
      const field = raw[index] ?? ''
      if (field.length === name.length && field.toLowerCase() === name) values.push(raw[index + 1] ?? '')
    }
    return values
  }
}
