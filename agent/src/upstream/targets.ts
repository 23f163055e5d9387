/**
 * The addresses behind services: one bounded pool of connections for each, and what is known about its health.
 *
 * Health is passive: a target that could not be reached rests for a while, as long as another one is there; when all
 * rest, all are tried, because a guess that everything is down must not make it so. Targets live as long as some live
 * release names them.
 *
 * @module
 */
import type { SharedParts } from '#agent/http/engine-parts.ts'
import type { ServiceReference } from '#agent/http/exchange.ts'
import type { Connectors } from '#agent/http/io.ts'
import { Pool, type PoolOptions } from './pool.ts'

export interface Targets {
  /**
   * The next target of a service, in turn.
   *
   * @param except a target that has just failed.
   * @returns null when every one is full, or when there is none but `except`.
   */
  pick(service: ServiceReference, except: Pool | null): Pool | null
  /** Drops all targets but those of these services; requests in flight on others are finished. */
  retain(services: Iterable<ServiceReference>): void
  /** Ends all connections at once. */
  destroy(): void
}

/** The targets of a service object of a release, and whose turn it is. */
interface Turns {
  readonly pools: readonly Pool[]
  turn: number
}

export function createTargets(parts: SharedParts, connectors: Connectors, options: PoolOptions): Targets {
  const { wheel } = parts
  // By address, protocol and connect timeout, which belong to the pool.
  const pools = new Map<string, Pool>()
  // By the service object: a new release starts again with the first target.
  let turns = new WeakMap<ServiceReference, Turns>()

  function poolOf(url: string, service: ServiceReference): Pool {
    const key = targetKey(url, service)
    let found = pools.get(key)
    if (found === undefined) {
      found = new Pool(parts, connectors[service.protocol], options, url, service.connectTimeoutMs)
      pools.set(key, found)
    }
    return found
  }

  function turnsOf(service: ServiceReference): Turns {
    let found = turns.get(service)
    if (found === undefined) {
      found = { pools: service.targets.map(({ url }) => poolOf(url, service)), turn: 0 }
      turns.set(service, found)
    }
    return found
  }

  return {
    pick: (service, except) => {
      const found = turnsOf(service)
      const { pools: all, turn } = found
      found.turn = turn + 1 === all.length ? 0 : turn + 1
      let resting: Pool | null = null
      for (let step = 0; step < all.length; step++) {
        const candidate = all[(turn + step) % all.length]
        if (candidate === undefined || candidate === except || candidate.full) continue
        if (candidate.restUntilMs <= wheel.nowMs) return candidate
        resting ??= candidate
      }
      return resting
    },
    retain: (services) => {
      const kept = new Set<string>()
      for (const service of services) {
        for (const { url } of service.targets) kept.add(targetKey(url, service))
      }
      // Of a release that went away and came back, the pools may have been closed meanwhile.
      turns = new WeakMap()
      for (const [key, pool] of pools) {
        if (kept.has(key)) continue
        pools.delete(key)
        pool.close()
      }
    },
    destroy: () => {
      for (const pool of pools.values()) pool.destroy()
      pools.clear()
    },
  }
}

function targetKey(url: string, { protocol, connectTimeoutMs }: ServiceReference): string {
  return `${url} ${protocol} ${connectTimeoutMs}`
}
