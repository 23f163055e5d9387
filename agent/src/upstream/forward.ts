/**
 * Has a request answered by one of the targets of a service, and tries a second one when that is safe.
 *
 * A second attempt is made once, when nothing was sent, or when a safe method without a body met a connection that
 * ended before a response: the usual race with a service that closes an idle connection. Second attempts are bounded
 * to a tenth of the traffic, so that an outage is not doubled by us.
 *
 * Source: RFC 9110 section 9.2.2 (retrying).
 *
 * @module
 */
import type { Forwarded } from '#agent/http/exchange.ts'
import { attempt, type AttemptOutcome, type AttemptRequest } from './attempt.ts'
import { createTargets, type Target, type TargetOptions, type Targets } from './targets.ts'

export interface Upstreams extends Pick<Targets, 'retain' | 'destroy'> {
  /** Never rejects. */
  forward(request: AttemptRequest): Promise<Forwarded>
}

/** Second attempts per attempt in the long run, and how many may be saved up. */
const RETRY_SHARE = 0.1
const RETRY_SAVED_MAX = 20

const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export function createUpstreams(options: TargetOptions): Upstreams {
  const targets = createTargets(options)
  const { monotonic } = options
  let retries = RETRY_SAVED_MAX

  function mayRetry(request: AttemptRequest, outcome: AttemptOutcome): boolean {
    if (outcome.kind !== 'failed' || request.gone.aborted || retries < 1) return false
    if (!outcome.sent) return outcome.reason === 'upstream_unreachable'
    return outcome.reset && request.body === null && SAFE_METHODS.has(request.method)
  }

  async function tryTarget(target: Target, request: AttemptRequest): Promise<AttemptOutcome> {
    const outcome = await attempt(target, request)
    if (outcome.kind === 'failed' && outcome.reason === 'upstream_unreachable') targets.rest(target)
    return outcome
  }

  return {
    retain: (services) => targets.retain(services),
    destroy: async () => await targets.destroy(),
    forward: async (request) => {
      const startedMs = monotonic()
      const first = targets.pick(request.service, null)
      if (first === null) return { kind: 'failed', reason: 'upstream_unreachable', target: '', durationMs: 0 }
      retries = Math.min(RETRY_SAVED_MAX, retries + RETRY_SHARE)
      let target = first
      let outcome = await tryTarget(first, request)
      if (mayRetry(request, outcome)) {
        const sent = outcome.kind === 'failed' && outcome.sent
        // What was sent may be sent again to the same target, over a new connection.
        const second = targets.pick(request.service, first) ?? (sent ? first : null)
        if (second !== null) {
          retries -= 1
          target = second
          outcome = await tryTarget(second, request)
        }
      }
      return forwarded(outcome, target.url, monotonic() - startedMs)
    },
  }
}

function forwarded(outcome: AttemptOutcome, target: string, durationMs: number): Forwarded {
  if (outcome.kind === 'failed') return { kind: 'failed', reason: outcome.reason, target, durationMs }
  return { kind: outcome.kind, target, status: outcome.status, durationMs }
}
