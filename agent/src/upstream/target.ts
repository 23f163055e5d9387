/**
 * One target of a service: its name, the addresses behind it, and a pool of connections to each.
 *
 * Until its addresses and its TLS are known, requests wait here, for a bounded time; later they go to a pool at once.
 * When a name gets other addresses, requests in flight on the old ones are finished.
 *
 * @module
 */
import { isIP } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { CompiledTarget } from '@headgate/core'
import { bytesOf } from '#agent/http/bytes.ts'
import type { UpstreamTarget } from '#agent/http/engine-parts.ts'
import type { ServiceAddress } from '#agent/http/io.ts'
import type { Caller, ServiceConnection } from '#agent/http/service-connection.ts'
import type { Followed, Names } from './names.ts'
import type { Pool, PoolTarget } from './pool.ts'

/** The service that a target is for. */
export interface TargetOwner {
  readonly connectTimeoutMs: number
  readonly streams: boolean
  /** Requests that may wait for an address. */
  readonly queueMax: number
  readonly serverName: string | null
  makePool(target: PoolTarget, address: ServiceAddress): Pool
  /** It has other pools. */
  poolsChanged(target: Target): void
  /** Its name has no addresses. */
  unresolved(target: Target): void
}

export class Target implements UpstreamTarget, PoolTarget {
  readonly url: string
  readonly hostLine: Uint8Array
  weight: number
  zone: string | null
  /** One for each address. */
  pools: readonly Pool[] = []
  readonly #owner: TargetOwner
  readonly #name: string
  readonly #port: number
  readonly #isTls: boolean
  readonly #waiting: Caller[] = []
  #followed: Followed | null = null
  #addresses: readonly string[] | null = null
  #hasNone = false
  #context: SecureContext | null = null
  #hasNoTls = false

  constructor(owner: TargetOwner, { url, weight, zone }: CompiledTarget) {
    const { protocol, hostname, port, host } = new URL(url)
    this.url = url
    this.hostLine = bytesOf(`Host: ${host}\r\n`)
    this.weight = weight
    this.zone = zone
    this.#owner = owner
    this.#isTls = protocol === 'https:'
    this.#name = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
    this.#port = Number(port || (this.#isTls ? 443 : 80))
  }

  start(names: Names): void {
    if (isIP(this.#name) === 0) {
      this.#followed = names.follow(this.#name, (addresses) => this.#resolved(addresses))
    } else {
      this.#addresses = [this.#name]
      this.#changed()
    }
  }

  get streams(): boolean {
    return this.#owner.streams
  }

  get waitMs(): number {
    return this.#owner.connectTimeoutMs
  }

  /**
   * A new context is for new connections; open ones stay until they are idle.
   *
   * @param context null: there is none, so nothing can be sent.
   */
  useTls(context: SecureContext | null): void {
    if (!this.#isTls) return
    this.#hasNoTls = context === null
    if (context === null) return this.#serve()
    if (context === this.#context) return
    this.#context = context
    const before = this.pools
    this.pools = []
    this.#changed()
    for (const pool of before) pool.close()
  }

  /** Takes over what may change without new connections. */
  configure({ weight, zone }: CompiledTarget): void {
    this.weight = weight
    this.zone = zone
    this.#share()
  }

  /** Its addresses do not seem to hold. */
  refresh(): void {
    this.#followed?.refresh()
  }

  take(): ServiceConnection | null {
    return null
  }

  open(caller: Caller): boolean {
    if (this.#waiting.length >= this.#owner.queueMax) return false
    this.#waiting.push(caller)
    if (this.pools.length > 0 || this.#isHopeless) queueMicrotask(() => this.#serve())
    return true
  }

  leave(caller: Caller): void {
    const index = this.#waiting.indexOf(caller)
    if (index !== -1) this.#waiting.splice(index, 1)
    else for (const pool of this.pools) pool.leave(caller)
  }

  close(): void {
    this.#followed?.stop()
    for (const pool of this.pools) pool.close()
  }

  destroy(): void {
    this.close()
    this.#waiting.length = 0
    for (const pool of this.pools) pool.destroy()
  }

  get #isHopeless(): boolean {
    return this.#hasNone || this.#hasNoTls
  }

  #resolved(addresses: readonly string[] | null): void {
    this.#hasNone = addresses === null
    if (addresses === null) {
      this.#owner.unresolved(this)
      this.#serve()
      return
    }
    this.#addresses = addresses
    this.#changed()
  }

  #changed(): void {
    if (this.#addresses === null || (this.#isTls && this.#context === null)) return this.#serve()
    const before = new Map(this.pools.map((pool) => [pool.address.host, pool]))
    this.pools = this.#addresses.map((host) => before.get(host) ?? this.#makePool(host))
    const kept = new Set(this.pools)
    for (const pool of before.values()) if (!kept.has(pool)) pool.close()
    this.#share()
    this.#owner.poolsChanged(this)
    this.#serve()
  }

  #makePool(host: string): Pool {
    const { serverName } = this.#owner
    return this.#owner.makePool(this, {
      host,
      port: this.#port,
      serverName: this.#isTls ? (serverName ?? this.#name) : null,
      tls: this.#context,
    })
  }

  /** The addresses of a name share its weight, so that a name server does not decide about it. */
  #share(): void {
    for (const pool of this.pools) {
      pool.weight = this.weight / this.pools.length
      pool.zone = this.zone
    }
  }

  /** Those who have waited go to a pool, or are told that there is none. */
  #serve(): void {
    if (this.pools.length === 0 && !this.#isHopeless) return
    for (const caller of this.#waiting.splice(0)) {
      const pool = this.#leastBusy()
      if (pool === null) {
        caller.failed('upstream_unreachable', false)
        continue
      }
      const connection = pool.take()
      if (connection !== null) caller.connected(connection)
      else if (!pool.open(caller)) caller.failed('upstream_overloaded', false)
    }
  }

  #leastBusy(): Pool | null {
    let best: Pool | null = null
    for (const pool of this.pools) if (best === null || pool.busy < best.busy) best = pool
    return best
  }
}
