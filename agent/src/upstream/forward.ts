/**
 * Which target a request goes to, and whether it is tried a second time.
 *
 * A second attempt is made once, when nothing was sent, or when a safe method without a body met a connection that
 * ended before a response: the usual race with a service that closes an idle connection. Second attempts are bounded
 * to a tenth of the traffic, so that an outage is not doubled by us.
 *
 * Source: RFC 9110 section 9.2.2 (retrying).
 *
 * @module
 */
import type { Failure, SharedParts, Upstreams, UpstreamTarget } from '#agent/http/engine-parts.ts'
import type { ServiceReference } from '#agent/http/exchange.ts'
import type { Connectors } from '#agent/http/io.ts'
import { Pool, type PoolOptions } from './pool.ts'
import { createTargets, type Targets } from './targets.ts'

export interface ServiceUpstreams extends Upstreams, Pick<Targets, 'retain' | 'destroy'> {}

/** Second attempts per attempt in the long run, and how many may be saved up. */
const RETRY_SHARE = 0.1
const RETRY_SAVED_MAX = 20

export function createUpstreams(parts: SharedParts, connectors: Connectors, options: PoolOptions): ServiceUpstreams {
  const targets = createTargets(parts, connectors, options)
  let retries = RETRY_SAVED_MAX

  function second(failed: Pool, service: ServiceReference, failure: Failure): Pool | null {
    const { unreachable, sent, reset, repeatable } = failure
    if (retries < 1 || !(sent ? reset && repeatable : unreachable)) return null
    // What was sent may be sent again to the same target, over a new connection.
    return targets.pick(service, failed) ?? (sent ? failed : null)
  }

  return {
    retain: (services) => targets.retain(services),
    destroy: () => targets.destroy(),
    pick: (service) => {
      retries = Math.min(RETRY_SAVED_MAX, retries + RETRY_SHARE)
      return targets.pick(service, null)
    },
    again: (failed: UpstreamTarget, service, failure) => {
      if (!(failed instanceof Pool)) return null
      const next = second(failed, service, failure)
      if (next !== null) retries -= 1
      return next
    },
  }
}
