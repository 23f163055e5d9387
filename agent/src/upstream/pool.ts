/**
 * The connections to one address: kept for the next request, bounded, and shared in order of arrival.
 *
 * The connection that was used last is used first, so that after a burst the others become idle and end. A request that
 * finds none opens one; when there are as many as there may be, it waits, for a bounded time and in a bounded queue.
 * While somebody waits, clients that hold connections up are let go.
 *
 * @module
 */
import { bytesOf } from '#agent/http/bytes.ts'
import type { SharedParts, UpstreamTarget } from '#agent/http/engine-parts.ts'
import type { Connector, ServiceAddress } from '#agent/http/io.ts'
import { Timed } from '#agent/http/wheel.ts'
import { type Caller, type ConnectionOwner, ServiceConnection } from '#agent/http/service-connection.ts'

/** How long a client may hold a connection up while others wait for one, in milliseconds. */
const STALLED_MS_MAX = 1_000
/** How often that is looked at while somebody waits, in milliseconds. */
const STALLED_CHECK_MS = 50

/** Longest wait for a free connection, in milliseconds, whatever the service allows for connecting. */
const WAIT_MS_MAX = 1_000

export interface PoolOptions {
  readonly connectionsMax: number
  /** Requests beyond the connections that may wait for one. */
  readonly queueMax: number
  /** How long an unreachable target rests, in milliseconds. */
  readonly restMs: number
}

export class Pool implements UpstreamTarget, ConnectionOwner {
  readonly url: string
  readonly hostLine: Uint8Array
  readonly waitMs: number
  readonly streams: boolean
  /** Monotonic; in the past: well. */
  restUntilMs = 0
  readonly #parts: SharedParts
  readonly #connector: Connector
  readonly #options: PoolOptions
  readonly #address: ServiceAddress
  readonly #connectTimeoutMs: number
  readonly #idle: ServiceConnection[] = []
  /** Idle ones included. */
  readonly #open = new Set<ServiceConnection>()
  readonly #waiting: Caller[] = []
  readonly #check = new StalledCheck(() => this.#evictStalled())
  #closed = false

  /** @param url `http://` or `https://` with host and port only. */
  constructor(parts: SharedParts, connector: Connector, options: PoolOptions, url: string, connectTimeoutMs: number) {
    const { protocol, hostname, port, host } = new URL(url)
    const isTls = protocol === 'https:'
    const name = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
    this.url = url
    this.hostLine = bytesOf(`Host: ${host}\r\n`)
    this.waitMs = Math.min(connectTimeoutMs, WAIT_MS_MAX)
    this.streams = connector.streams
    this.#parts = parts
    this.#connector = connector
    this.#options = options
    this.#address = { host: name, port: Number(port || (isTls ? 443 : 80)), serverName: isTls ? name : null }
    this.#connectTimeoutMs = connectTimeoutMs
  }

  /** Whether there is neither a connection nor a place in the queue for one more request. */
  get full(): boolean {
    const { connectionsMax, queueMax } = this.#options
    return this.#open.size - this.#idle.length >= connectionsMax && this.#waiting.length >= queueMax
  }

  take(): ServiceConnection | null {
    return this.#idle.pop() ?? null
  }

  open(caller: Caller): boolean {
    if (this.#open.size < this.#options.connectionsMax) {
      this.#connect(caller)
      return true
    }
    if (this.#waiting.length >= this.#options.queueMax) return false
    this.#waiting.push(caller)
    if (this.#check.deadlineMs === 0) this.#parts.wheel.set(this.#check, 0)
    return true
  }

  leave(caller: Caller): void {
    const index = this.#waiting.indexOf(caller)
    if (index !== -1) this.#waiting.splice(index, 1)
    else for (const connection of this.#open) connection.disown(caller)
  }

  free(connection: ServiceConnection): void {
    const next = this.#waiting.shift()
    if (next !== undefined) next.connected(connection)
    else if (this.#closed) connection.abandon()
    else this.#idle.push(connection)
  }

  unreachable(): void {
    this.restUntilMs = this.#parts.wheel.nowMs + this.#options.restMs
  }

  lost(connection: ServiceConnection): void {
    this.#open.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    const next = this.#waiting.shift()
    if (next !== undefined) this.#connect(next)
  }

  /** Takes no more idle connections back; requests in flight are finished. */
  close(): void {
    this.#closed = true
    for (const connection of this.#idle.splice(0)) connection.abandon()
  }

  /** Ends everything at once. */
  destroy(): void {
    this.#closed = true
    this.#waiting.length = 0
    for (const connection of this.#open) connection.abandon()
  }

  /** Lets those go first that hold connections up the longest, as many as others wait. */
  #evictStalled(): void {
    const { wheel } = this.#parts
    let wanted = this.#waiting.length
    if (wanted === 0) return
    const sinceMs = wheel.nowMs - STALLED_MS_MAX
    const stalled: ServiceConnection[] = []
    for (const connection of this.#open) {
      if (connection.closed) wanted -= 1
      else if (connection.stalledSinceMs !== 0 && connection.stalledSinceMs < sinceMs) stalled.push(connection)
    }
    stalled.sort((a, b) => a.stalledSinceMs - b.stalledSinceMs)
    for (const connection of stalled.slice(0, Math.max(0, wanted))) connection.evict()
    wheel.set(this.#check, STALLED_CHECK_MS)
  }

  #connect(caller: Caller): void {
    const connection = new ServiceConnection(this.#parts, this.#connector, this, caller, this.#connectTimeoutMs)
    this.#open.add(connection)
    this.#connector.connect(connection, this.#address)
  }
}

class StalledCheck extends Timed {
  readonly #look: () => void

  constructor(look: () => void) {
    super()
    this.#look = look
  }

  override expired(): void {
    this.#look()
  }
}
