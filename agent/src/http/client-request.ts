/**
 * The request that a client's connection is working on, as the decision and the writers of heads see it.
 *
 * One object for all requests of a connection: whoever needs something of it later takes it now. Its fields are read
 * where they arrived; only when a decision is awaited are they copied.
 *
 * @module
 */
import type { RequestHead as CoreHead, TlsPeer } from '@headgate/core'
import type { Arena } from './arena.ts'
import { bytesOf, isText } from './bytes.ts'
import type { Forwarding } from './exchange.ts'
import { framings } from './head.ts'
import { PinnedHead } from './pinned-head.ts'
import type { ProxyCallers } from './proxy-callers.ts'
import type { RequestHead } from './request-head.ts'
import type { Origin } from './request-writer.ts'
import { Trailers } from './trailers.ts'
import { type Handshake, readHandshake } from './websocket.ts'

/** Where the requests of a connection come from. */
export interface ClientOrigin {
  readonly scheme: 'http' | 'https'
  /** Without port; IPv4-mapped IPv6 is given as IPv4. */
  readonly address: string
  /** Such as `TLSv1.3`; null for plain HTTP. */
  readonly tls: string | null
  /** Client certificate; null: none. */
  readonly peer: TlsPeer | null
  /** Says who is behind a declared proxy, which made the connection; null: none did. */
  readonly proxyCallers: ProxyCallers | null
}

export class ClientRequest implements CoreHead, Origin {
  scheme: 'http' | 'https'
  address: string
  readonly peerAddress: string
  isChainInvalid = false
  readonly peer: TlsPeer | null
  forwardedFields: Uint8Array = NO_BYTES
  method = ''
  target = ''
  /** Whether only the head of the response is wanted. */
  toHead = false
  /** Whether the client understands chunks and interim responses. */
  chunks = true
  takesTrailers = false
  sendsTrailers = false
  /** Whether it is a call of gRPC; known where trailers may pass. */
  grpc = false
  handshake: Handshake | null = null
  /** When the head was read, in milliseconds of the monotonic clock. */
  startedMs = 0
  readonly #reader: RequestHead
  readonly #origin: ClientOrigin
  readonly #valuesOf = (name: string): readonly string[] => this.#reader.values(name)
  /** The caller, and the declared proxies on its way. */
  #forwardedFor: string
  #hosts: readonly string[] = NO_VALUES
  /** Whether the fields are where they were read. */
  #isThere = false
  #pinned: PinnedHead | null = null

  constructor(reader: RequestHead, origin: ClientOrigin) {
    const { scheme, address, peer } = origin
    this.#reader = reader
    this.#origin = origin
    this.scheme = scheme
    this.address = this.peerAddress = this.#forwardedFor = address
    this.peer = peer
  }

  /** Takes over the head that was just read. */
  take(startedMs: number): void {
    const head = this.#reader
    this.startedMs = startedMs
    this.method = head.method
    // Clients ask for the same again and again, of the same host.
    if (!isText(head.bytes, head.targetStart, head.targetEnd, this.target)) {
      this.target = head.bytes.toString('latin1', head.targetStart, head.targetEnd)
    }
    this.toHead = head.method === 'HEAD'
    this.chunks = head.minor === 1
    this.takesTrailers = this.sendsTrailers = this.grpc = false
    this.handshake = null
    this.#isThere = true
    const { hostField } = head
    const isSameOrigin = this.#origin.proxyCallers === null || this.#takeCaller(this.#origin.proxyCallers)
    const isSame =
      isSameOrigin &&
      head.hosts === 1 &&
      this.#hosts.length === 1 &&
      isText(head.bytes, head.valueStart(hostField), head.valueEnd(hostField), this.host)
    if (!isSame) this.#takeHosts(head.values('host'))
  }

  /** Reads who is behind a declared proxy. @returns whether the last request came the same way. */
  #takeCaller(callers: ProxyCallers): boolean {
    const { address, scheme, forwardedFor, isInvalid } = callers.callerOf(this.#origin, this.#valuesOf)
    const isSame = this.#forwardedFor === forwardedFor && this.scheme === scheme
    this.isChainInvalid = isInvalid
    this.address = address
    this.scheme = scheme
    this.#forwardedFor = forwardedFor
    return isSame
  }

  #takeHosts(hosts: readonly string[]): void {
    this.#hosts = hosts
    this.forwardedFields = bytesOf(
      `X-Forwarded-For: ${this.#forwardedFor}\r\nX-Forwarded-Proto: ${this.scheme}\r\nX-Forwarded-Host: ${this.host}\r\n`,
    )
  }

  get host(): string {
    return this.#hosts[0] ?? ''
  }

  header(name: string): readonly string[] {
    if (name === 'host') return this.#hosts
    if (this.#pinned !== null) return this.#pinned.values(name)
    return this.#isThere ? this.#reader.values(name) : NO_VALUES
  }

  /** Whether it may be sent twice: it changes nothing, and has no body that would have to be there again. */
  isRepeatable(framing: number): boolean {
    const { method } = this
    return framing === framings.none && (method === 'GET' || method === 'HEAD' || method === 'OPTIONS')
  }

  /**
   * Decides which trailers pass, both ways; the others are dropped as they are read. Before the head is written.
   *
   * @returns takes the request's own ones; null: they do not pass.
   */
  decideTrailers(forwarding: Forwarding): Trailers | null {
    const head = this.#reader
    const isChunked = head.framing === framings.chunked
    if (!(isChunked || head.takesTrailers)) return null
    this.grpc = head.isGrpc
    if (!this.grpc && !forwarding.trailers) return null
    this.takesTrailers = head.takesTrailers
    this.sendsTrailers = isChunked
    if (!isChunked) return null
    return new Trailers(true, new Set([...forwarding.withheldHeaders, ...(head.options ?? NO_VALUES)]))
  }

  /**
   * Decides whether it may become a WebSocket connection; else the wish is dropped. Before the head is written.
   *
   * @returns false when it may, and its handshake is none.
   */
  decideUpgrade({ service, websocket }: Forwarding): boolean {
    this.handshake = service.protocol === 'http1' && websocket ? readHandshake(this.#reader) : null
    return this.handshake !== null || !websocket
  }

  /** Keeps the fields, because the read that brought them ends before they are needed. */
  pin(): void {
    this.#pinned = new PinnedHead(this.#reader)
  }

  /** Puts fields that were kept back where the head is written from. */
  restore({ joined }: Arena): void {
    this.#pinned?.restore(this.#reader, joined)
  }

  /** The fields are not needed any more. */
  letFieldsGo(): void {
    this.#isThere = false
    this.#pinned = null
  }
}

const NO_VALUES: readonly string[] = []
const NO_BYTES = new Uint8Array()
