/**
 * The connections to one address: kept for the next request, bounded, and shared in turn by those who wait.
 *
 * The connection that was used last is used first, so that after a burst the others become idle and end. A request that
 * finds none opens one; when there are as many as there may be, it waits, for a bounded time and in a bounded queue.
 * While somebody waits, clients that hold connections up are let go.
 *
 * @module
 */
import type { SharedParts, UpstreamTarget } from '#agent/http/engine-parts.ts'
import type { UpstreamReason } from '#agent/http/exchange.ts'
import type { Connector, ServiceAddress } from '#agent/http/io.ts'
import type { Caller } from '#agent/http/service-connection.ts'
import { Timed } from '#agent/http/wheel.ts'
import type { Candidate } from '#agent/upstream/balance/balancer.ts'
import { hashText } from '#agent/upstream/balance/hash.ts'
import { Outlier, type OutlierOwner } from '#agent/upstream/health/outlier.ts'
import { FairQueue } from './fair-queue.ts'
import { PooledConnection, type PooledOwner } from './pooled-connection.ts'
import type { ServiceLoad } from './service-load.ts'

/** How long a client may hold a connection up while others wait for one, in milliseconds. */
const STALLED_MS_MAX = 1_000
/** The same for clients of an address that holds more than its share of the connections. */
const STALLED_MS_MAX_CROWD = 250
/** How often that is looked at while somebody waits, in milliseconds. */
const STALLED_CHECK_MS = 50

/** Longest wait for a free connection, in milliseconds, whatever the service allows for connecting. */
const WAIT_MS_MAX = 1_000

export interface PoolOptions {
  /** Connections to one address. */
  readonly connectionsMax: number
  /** Requests beyond the connections that may wait for one. */
  readonly queueMax: number
}

/** The service that a pool is for. */
export interface PoolOwner extends Omit<OutlierOwner, 'mayEject' | 'changed'> {
  readonly load: ServiceLoad
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number | null
  readonly streamIdleMs: number
  mayEject(pool: Pool): boolean
  /** What is known of its health has changed. */
  healthChanged(pool: Pool): void
  /** Ends an idle connection to another address. @returns whether there was one. */
  makeRoom(): boolean
}

/** What all addresses of one target have in common. */
export interface PoolTarget {
  readonly url: string
  /** `Host` of requests to it, as a line. */
  readonly hostLine: Uint8Array
}

export class Pool implements UpstreamTarget, PooledOwner, Candidate {
  readonly url: string
  readonly hostLine: Uint8Array
  readonly streams: boolean
  readonly address: ServiceAddress
  readonly outlier: Outlier
  /** Whether its checks fail. */
  failsChecks = false

  // For balancing.
  /** As configured; shared by the addresses of a target. */
  weight = 1
  zone: string | null = null
  share = 1
  owed = 0
  readonly seed: number
  /** Since when its share grows, in milliseconds of the wheel; -Infinity: it does not. */
  warmSinceMs = -Infinity

  readonly #parts: SharedParts
  readonly #connector: Connector
  readonly #options: PoolOptions
  readonly #owner: PoolOwner
  readonly #idle: PooledConnection[] = []
  /** Idle ones included. */
  readonly #open = new Set<PooledConnection>()
  readonly #waiting = new FairQueue()
  readonly #check = new QueueCheck(() => this.#checkQueue())
  #closed = false

  constructor(
    parts: SharedParts,
    connector: Connector,
    options: PoolOptions,
    owner: PoolOwner,
    target: PoolTarget,
    address: ServiceAddress,
  ) {
    this.url = target.url
    this.hostLine = target.hostLine
    this.streams = connector.streams
    this.address = address
    this.seed = hashText(`${target.url} ${address.host}`)
    this.#parts = parts
    this.#connector = connector
    this.#options = options
    this.#owner = owner
    this.outlier = new Outlier(parts.wheel, {
      get passive() {
        return owner.passive
      },
      mayEject: () => owner.mayEject(this),
      changed: () => owner.healthChanged(this),
    })
  }

  /** A caller gives up by itself after this time: by then, the pool has given it up. */
  get waitMs(): number {
    return this.connectTimeoutMs + WAIT_MS_MAX
  }

  get connectTimeoutMs(): number {
    return this.#owner.connectTimeoutMs
  }

  get requestTimeoutMs(): number | null {
    return this.#owner.requestTimeoutMs
  }

  get streamIdleMs(): number {
    return this.#owner.streamIdleMs
  }

  get usable(): boolean {
    return !this.failsChecks && this.outlier.state === 'used'
  }

  /** Requests in flight, and those that wait. */
  get busy(): number {
    return this.#open.size - this.#idle.length + this.#waiting.size
  }

  get connections(): number {
    return this.#open.size
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get hasRoom(): boolean {
    if (this.outlier.onTrial && this.busy > 0) return false
    return !this.isFull
  }

  /** Whether there is neither a connection nor a place in the queue for one more request. */
  get isFull(): boolean {
    const { connectionsMax, queueMax } = this.#options
    if (this.#idle.length > 0 || this.#waiting.size < queueMax) return false
    return this.#open.size >= connectionsMax
  }

  /** Whether there would be a place in the queue for an address of which fewer wait than of another one. */
  givesWay(address: string): boolean {
    return this.#waiting.givesWay(address)
  }

  take(): PooledConnection | null {
    const connection = this.#owner.load.takesRequest ? this.#idle.pop() : undefined
    if (connection === undefined) return null
    connection.busy = true
    this.#owner.load.requests += 1
    return connection
  }

  open(caller: Caller): boolean {
    const { load } = this.#owner
    if (!load.takesRequest) return false
    const isBelow = this.#open.size < this.#options.connectionsMax
    if (isBelow && (load.takesConnection || this.#owner.makeRoom())) {
      this.#connect(caller)
      return true
    }
    // Where it has no connection, none becomes free.
    if (this.#open.size === 0) return false
    if ((this.#waiting.size >= this.#options.queueMax || !load.takesPending) && !this.#makeWay(caller)) return false
    this.#waiting.push(caller, this.#parts.wheel.nowMs)
    load.pending += 1
    if (this.#check.deadlineMs === 0) this.#parts.wheel.set(this.#check, 0)
    return true
  }

  leave(caller: Caller): void {
    if (this.#waiting.remove(caller)) this.#owner.load.pending -= 1
    else for (const connection of this.#open) connection.disown(caller)
  }

  free(connection: PooledConnection): void {
    connection.rest()
    const next = this.#nextWaiting()
    if (next !== null) {
      next.connected(connection)
      return
    }
    connection.busy = false
    this.#owner.load.requests -= 1
    if (this.#closed) connection.abandon()
    else this.#idle.push(connection)
  }

  answered(status: number): void {
    if (status >= 500 && this.#owner.passive.statuses.includes(status)) this.outlier.failed()
    else this.outlier.succeeded()
  }

  failed(reason: UpstreamReason): void {
    // Told by `unreachable` already.
    if (reason !== 'upstream_unreachable' && !this.#closed) this.outlier.failed()
  }

  unreachable(): void {
    if (!this.#closed) this.outlier.unreachable()
  }

  lost(connection: PooledConnection): void {
    const { load } = this.#owner
    connection.forget()
    if (!this.#open.delete(connection)) return
    load.connections -= 1
    const idle = this.#idle.indexOf(connection)
    if (connection.busy) load.requests -= 1
    else if (idle !== -1) this.#idle.splice(idle, 1)
    const next = this.#nextWaiting()
    if (next !== null) this.#connect(next)
  }

  /** Ends an idle connection. @returns whether there was one. */
  endIdle(): boolean {
    const connection = this.#idle[0]
    if (connection === undefined) return false
    // Its end is told later; its place is free now.
    connection.busy = false
    this.#idle.shift()
    this.#open.delete(connection)
    this.#owner.load.connections -= 1
    connection.abandon()
    return true
  }

  /** Takes no more idle connections back; requests in flight are finished. */
  close(): void {
    this.#closed = true
    this.outlier.forget()
    while (this.endIdle());
  }

  /** Ends everything at once. */
  destroy(): void {
    this.close()
    this.#owner.load.pending -= this.#waiting.size
    this.#waiting.clear()
    for (const connection of this.#open) connection.abandon()
  }

  #nextWaiting(): Caller | null {
    const next = this.#waiting.shift()
    if (next !== null) this.#owner.load.pending -= 1
    return next
  }

  /** Lets somebody go of an address of which more wait than of the caller's. */
  #makeWay({ address }: Caller): boolean {
    const goes = this.#waiting.giveWay(address)
    if (goes === null) return false
    this.#owner.load.pending -= 1
    goes.failed('upstream_overloaded', false)
    return true
  }

  /** Lets those who wait in vain go, and those who hold connections up the longest, as many as others wait. */
  #checkQueue(): void {
    const { wheel } = this.#parts
    const waitMs = Math.min(this.connectTimeoutMs, WAIT_MS_MAX)
    const sinceMs = wheel.nowMs - waitMs
    for (let late = this.#waiting.takeWaitingSince(sinceMs); late !== null;) {
      this.#owner.load.pending -= 1
      late.failed('upstream_overloaded', false)
      late = this.#waiting.takeWaitingSince(sinceMs)
    }
    let wanted = this.#waiting.size
    if (wanted === 0) return
    const held = this.#heldByAddress()
    const share = Math.ceil(this.#open.size / new Set([...held.keys(), ...this.#waiting.addresses()]).size)
    const stalled: PooledConnection[] = []
    for (const connection of this.#open) {
      if (connection.closed) wanted -= 1
      else if (connection.stalledSinceMs !== 0) {
        const isCrowd = (held.get(connection.callerAddress) ?? 0) > share
        const patienceMs = isCrowd ? STALLED_MS_MAX_CROWD : STALLED_MS_MAX
        if (connection.stalledSinceMs < wheel.nowMs - patienceMs) stalled.push(connection)
      }
    }
    stalled.sort((a, b) => a.stalledSinceMs - b.stalledSinceMs)
    for (const connection of stalled.slice(0, Math.max(0, wanted))) connection.evict()
    wheel.set(this.#check, STALLED_CHECK_MS)
  }

  #heldByAddress(): Map<string, number> {
    const held = new Map<string, number>()
    for (const { callerAddress } of this.#open) held.set(callerAddress, (held.get(callerAddress) ?? 0) + 1)
    return held
  }

  #connect(caller: Caller): void {
    const { load } = this.#owner
    load.requests += 1
    load.connections += 1
    const connection = new PooledConnection(this.#parts, this.#connector, this, caller)
    this.#open.add(connection)
    this.#connector.connect(connection, this.address)
  }
}

class QueueCheck extends Timed {
  readonly #look: () => void

  constructor(look: () => void) {
    super()
    this.#look = look
  }

  override expired(): void {
    this.#look()
  }
}
