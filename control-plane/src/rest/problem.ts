/**
 * Turns whatever was thrown into the answer that an operator sees. The only place where that happens.
 *
 * @module
 */
import { type Problem, problemCodes } from '@headgate/admin-api'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import type { ServerResponse } from 'node:http'
import { isDatabaseAway } from '#control-plane/db.ts'
import { Refusal } from './refusal.ts'

/** Base of `type`; the page of a code explains it. */
const TYPE_BASE = 'https://headgate.dev/problems/'

/** The refusal that stands for whatever was thrown. Logs what only we may see. */
export function toRefusal(thrown: unknown, log: Log, requestId: string): Refusal {
  if (thrown instanceof Refusal) return thrown
  if (isDatabaseAway(thrown)) {
    log.warn({ request_id: requestId, why: errorText(thrown) }, 'the database cannot be reached')
    return new Refusal('database_unavailable', { headers: { 'Retry-After': '2' } })
  }
  log.error({ request_id: requestId, err: thrown }, 'a request failed')
  return new Refusal('internal')
}

/** The body of a refusal (RFC 9457). */
export function problemBody({ code, parts }: Refusal, requestId: string): Problem {
  const { status, title, fix } = problemCodes[code]
  return {
    type: TYPE_BASE + code,
    title,
    status,
    code,
    ...(parts.detail === undefined ? {} : { detail: parts.detail }),
    fix,
    request_id: requestId,
    ...(parts.errors === undefined ? {} : { errors: [...parts.errors] }),
  }
}

export function sendProblem(response: ServerResponse, refusal: Refusal, requestId: string): void {
  // Too late for another answer: the caller sees that this one is broken off.
  if (response.headersSent) {
    response.destroy()
    return
  }
  const body = Buffer.from(JSON.stringify(problemBody(refusal, requestId)))
  for (const [name, value] of Object.entries(refusal.parts.headers ?? {})) response.setHeader(name, value)
  response.writeHead(problemCodes[refusal.code].status, {
    'Content-Type': 'application/problem+json',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
  })
  response.end(body)
}
