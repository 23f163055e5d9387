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
  exchange.refuse(decision.status, fields, problemText(decision, requestId))
}

/** Problems without their request id, by reason: a flood of refusals is one text each, and no more. */
const prepared = new Map<string, string>()

/** Stands where the request id goes. No text of a problem holds it. */
const PLACE = '\u0000'

function problemText(decision: Decision, requestId: string): string {
  const { reason, limits } = decision
  // What a limit says depends on the moment.
  if (limits.length > 0) return JSON.stringify(publicProblem(decision, requestId))
  let text = prepared.get(reason)
  if (text === undefined) {
    text = JSON.stringify(publicProblem(decision, PLACE))
    prepared.set(reason, text)
  }
  const [before = '', behind = ''] = text.split(JSON.stringify(PLACE).slice(1, -1))
  return before + requestId + behind
}
