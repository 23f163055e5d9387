/**
 * Where requests go: finds the service of a request, which chooses a target, and whether a request is tried once more.
 *
 * A second attempt is made once, when nothing was sent, or when a safe method without a body met a connection that
 * ended before a response: the usual race with a service that closes an idle connection. Second attempts are bounded
 * to a share of the traffic of the service, so that an outage is not doubled by us.
 *
 * Source: RFC 9110 section 9.2.2 (retrying).
 *
 * @module
 */
import type { Log } from '@headgate/kit/log.ts'
import type { SharedParts, Upstreams } from '#agent/http/engine-parts.ts'
import type { ServiceReference } from '#agent/http/exchange.ts'
import type { Connectors } from '#agent/http/io.ts'
import { checkOnce, createHealthChecks } from '#agent/upstream/health/checks.ts'
import type { ServiceConcurrency } from '#agent/upstream/overload/service-concurrency.ts'
import { createAddressGuard } from './address-guard.ts'
import { createNames, createResolve, type Resolve } from './names.ts'
import type { PoolOptions } from './pool.ts'
import { ServiceUpstream, type UpstreamParts } from './service-upstream.ts'
import type { ServiceState } from './state.ts'

export interface UpstreamsOptions extends PoolOptions {
  /** Where `env://` secret references look. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Where the agent is; null: not known. */
  readonly zone: string | null
  readonly log: Log
  /** For tests. */
  readonly resolve?: Resolve
  readonly random?: () => number
}

/** An environment with the services of its live release. */
export interface ServedEnvironment {
  readonly id: string
  readonly release: { readonly services: ReadonlyMap<string, ServiceReference> }
}

export interface ServiceUpstreams extends Upstreams {
  /** What a service has waiting for an answer. */
  concurrencyOf(service: ServiceReference): ServiceConcurrency
  /**
   * Follows the live releases: begins to look for the addresses of new services, keeps what is known of those that stay,
   * and drops the others; requests in flight on them are finished.
   */
  retain(environments: readonly ServedEnvironment[]): void
  /** What is known at this moment. */
  state(): readonly ServiceState[]
  /** Ends all connections at once. */
  destroy(): void
}

export function createUpstreams(
  shared: SharedParts,
  connectors: Connectors,
  { connectionsMax, queueMax, env, zone, log, ...forTests }: UpstreamsOptions,
): ServiceUpstreams {
  const guard = createAddressGuard((name, address) => {
    log.warn({ name, address }, 'a target is not sent to where its name leads')
  })
  const { resolve = createResolve([], guard), random = Math.random } = forTests
  const names = createNames(resolve, () => shared.clock.monotonic())
  const checks = createHealthChecks(checkOnce, random)
  const options = { connectionsMax, queueMax }
  const parts: UpstreamParts = { shared, connectors, options, env, zone, log, names, checks, random }
  // By environment and name.
  let services = new Map<string, ServiceUpstream>()
  // By what a release says of them. A request that was decided by an older release finds its service too.
  const byReference = new WeakMap<ServiceReference, ServiceUpstream>()

  /** Nobody retains what is not of a live release: it is found by its reference only, and is never dropped. */
  function adopt(reference: ServiceReference): ServiceUpstream {
    const made = new ServiceUpstream('', reference, parts)
    services.set(` ${reference.name}`, made)
    byReference.set(reference, made)
    return made
  }

  const of = (reference: ServiceReference): ServiceUpstream => byReference.get(reference) ?? adopt(reference)

  return {
    concurrencyOf: (reference) => of(reference).concurrency,
    pick: (reference, consumer, head) => of(reference).pick(consumer, head),
    again: (failed, reference, failure) => of(reference).again(failed, failure),
    retain: (environments) => {
      const before = services
      services = new Map()
      for (const { id, release } of environments) {
        for (const reference of release.services.values()) {
          const key = `${id} ${reference.name}`
          const kept = before.get(key)
          before.delete(key)
          kept?.configure(reference)
          const service = kept ?? new ServiceUpstream(id, reference, parts)
          services.set(key, service)
          byReference.set(reference, service)
        }
      }
      for (const gone of before.values()) gone.close()
    },
    state: () => [...services.values()].map((service) => service.state()),
    destroy: () => {
      names[Symbol.dispose]()
      for (const service of services.values()) service.destroy()
      services.clear()
    },
  }
}
