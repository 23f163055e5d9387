/**
 * What a refused caller is sent.
 *
 * @module
 */
import { type Decision, publicProblem, responseHeaders } from '@headgate/core'
import type { Exchange } from '#agent/http/exchange.ts'

/** Answers with the problem of a decision: reason and request id, no rule. */
export function refuseWith(exchange: Exchange, decision: Decision, requestId: string): void {
  const fields = [
    ['content-type', 'application/problem+json'],
    // A refusal depends on the caller; a cache between us must not give it to the next one.
    ['cache-control', 'no-store'],
    ...responseHeaders(decision, ['x-request-id', requestId]),
  ] as const
  exchange.refuse(decision.status, fields, problemText(decision, requestId))
}

/** Problems up to their request id and behind it, by reason and style: a flood of refusals makes one text each, and no more. */
const prepared = new Map<string, readonly [before: string, behind: string]>()

/** Stands where the request id goes. No text of a problem holds it. */
const PLACE = '(request id)'

function problemText(decision: Decision, requestId: string): string {
  const { reason, limits, limitFields, retryAfterMs } = decision
  // What a limit or a lock-out says depends on the moment.
  if (limits.length > 0 || retryAfterMs > 0) return JSON.stringify(publicProblem(decision, requestId))
  const name = limitFields === 'draft' ? reason : `${reason} ${limitFields}`
  let parts = prepared.get(name)
  if (parts === undefined) {
    const [before = '', behind = ''] = JSON.stringify(publicProblem(decision, PLACE)).split(PLACE)
    parts = [before, behind]
    prepared.set(name, parts)
  }
  return parts[0] + requestId + parts[1]
}
