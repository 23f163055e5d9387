/**
 * The addresses behind services: one bounded pool of connections for each, and what is known about its health.
 *
 * Health is passive: a target that could not be reached rests for a while, as long as another one is there; when all
 * rest, all are tried, because a guess that everything is down must not make it so. Targets live as long as some live
 * release names them.
 *
 * @module
 */
import { Pool } from 'undici'
import type { ServiceReference } from '#agent/http/exchange.ts'

export interface TargetOptions {
  readonly connectionsMax: number
  /** Requests beyond the connections that may wait for one. */
  readonly queueMax: number
  /** Longest silence in the middle of a response, in milliseconds; 0: no bound. */
  readonly idleMs: number
  /** How long an unreachable target rests, in milliseconds. */
  readonly restMs: number
  readonly monotonic: () => number
}

/** One address. */
export interface Target {
  readonly url: string
  readonly pool: Pool
  /** Requests that were given to the pool and have not ended. */
  inFlight: number
  /** Monotonic; in the past: well. */
  restUntilMs: number
}

export interface Targets {
  /**
   * The next target of a service, in turn.
   *
   * @param except a target that has just failed.
   * @returns null when every one is full, or when there is none but `except`.
   */
  pick(service: ServiceReference, except: Target | null): Target | null
  /** Notes that a target could not be reached. */
  rest(target: Target): void
  /** Drops all targets but those of these services; requests in flight on others are finished. */
  retain(services: Iterable<ServiceReference>): void
  /** Ends all connections at once. */
  destroy(): Promise<void>
}

/** Longest head of a response, in bytes. */
const RESPONSE_HEAD_BYTES_MAX = 65_536

export function createTargets(options: TargetOptions): Targets {
  const { connectionsMax, queueMax, restMs, monotonic } = options
  // By address and connect timeout, which belongs to the pool.
  const targets = new Map<string, Target>()
  // By the service object of a release: a new release starts again with the first target.
  const turns = new WeakMap<ServiceReference, number>()

  function target(url: string, connectTimeoutMs: number): Target {
    const key = targetKey(url, connectTimeoutMs)
    let found = targets.get(key)
    if (found === undefined) {
      found = { url, pool: createPool(url, connectTimeoutMs, options), inFlight: 0, restUntilMs: 0 }
      targets.set(key, found)
    }
    return found
  }

  return {
    pick: (service, except) => {
      const { targets: all, connectTimeoutMs } = service
      const turn = turns.get(service) ?? 0
      turns.set(service, (turn + 1) % all.length)
      const nowMs = monotonic()
      let resting: Target | null = null
      for (let step = 0; step < all.length; step++) {
        const candidate = target(all[(turn + step) % all.length]?.url ?? '', connectTimeoutMs)
        if (candidate === except || candidate.inFlight >= connectionsMax + queueMax) continue
        if (candidate.restUntilMs <= nowMs) return candidate
        resting ??= candidate
      }
      return resting
    },
    rest: (failed) => {
      failed.restUntilMs = monotonic() + restMs
    },
    retain: (services) => {
      const kept = new Set<string>()
      for (const service of services) {
        for (const { url } of service.targets) kept.add(targetKey(url, service.connectTimeoutMs))
      }
      for (const [key, { pool }] of targets) {
        if (kept.has(key)) continue
        targets.delete(key)
        // Waits for what is in flight; a failure then is the request's own.
        void pool.close().catch(() => {})
      }
    },
    destroy: async () => {
      const pools = [...targets.values()].map(({ pool }) => pool.destroy())
      targets.clear()
      await Promise.allSettled(pools)
    },
  }
}

function targetKey(url: string, connectTimeoutMs: number): string {
  return `${url} ${connectTimeoutMs}`
}

function createPool(url: string, connectTimeoutMs: number, { connectionsMax, idleMs }: TargetOptions): Pool {
  return new Pool(url, {
    connections: connectionsMax,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: RESPONSE_HEAD_BYTES_MAX,
    connectTimeout: connectTimeoutMs,
    // Bounded per request, from its last byte on: see attempt.ts.
    headersTimeout: 0,
    bodyTimeout: idleMs,
    // Below the 5 s after which Node's and many other servers close an idle connection, so that we close first.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 60_000,
  })
}
