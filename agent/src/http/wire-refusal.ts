/**
 * The answer to a request that was refused before it could be decided about.
 *
 * Has the form of every other refusal, so a client needs one parser. Such an answer always ends the connection:
 * after a head that we did not understand we do not know where the next one begins.
 *
 * @module
 */
import { reasons } from '@headgate/core'
import { type WireReason, wireReasons } from './wire-reasons.ts'

/** Where each reason is explained. */
const TYPE_BASE = 'https://headgate.dev/problems/'

export interface WireRefusal {
  readonly status: number
  /** problem+json (RFC 9457). */
  readonly body: string
}

export function wireRefusal(reason: WireReason, requestId: string): WireRefusal {
  const { status, title } = isOurs(reason) ? wireReasons[reason] : reasons[reason]
  const body = JSON.stringify({ type: TYPE_BASE + reason, title, status, code: reason, request_id: requestId })
  return { status, body }
}

function isOurs(reason: WireReason): reason is keyof typeof wireReasons {
  return Object.hasOwn(wireReasons, reason)
}
