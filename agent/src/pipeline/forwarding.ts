/**
 * What a service is told about an allowed request, and what its caller is told about the response.
 *
 * The fields that a service may believe are all written here; everything of theirs that a client sent was stripped
 * (`http/fields.ts`).
 *
 * @module
 */
import { type CompiledService, type Decision, type Facts, responseHeaders } from '@headgate/core'
import type { Forwarding } from '#agent/http/exchange.ts'

export function forwardingOf(
  service: CompiledService,
  facts: Facts,
  decision: Decision,
  requestId: string,
): Forwarding {
  const requestFields: (readonly [string, string])[] = [
    ['X-Forwarded-For', facts.address],
    ['X-Forwarded-Proto', facts.scheme],
    // As it arrived, with its port: a service builds links with it. Its form was checked.
    ['X-Forwarded-Host', facts.header('host')[0] ?? facts.host],
    ['X-Request-Id', requestId],
  ]
  if (decision.principal !== null) requestFields.push(['X-Headgate-Consumer', decision.principal.consumer])
  return {
    service,
    method: facts.method,
    target: facts.path + facts.query,
    credentialHeaders: decision.credentialHeaders,
    requestFields,
    responseFields: [...responseHeaders(decision), ['X-Request-Id', requestId]],
  }
}
