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
    ['x-request-id', requestId],
    ...responseHeaders(decision),
  ] as const
  exchange.refuse(decision.status, fields, JSON.stringify(publicProblem(decision, requestId)))
}
