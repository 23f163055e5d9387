/**
 * The answer to a request that was refused before it could be decided about.
 *
 * Has the form of every other refusal, so a client needs one parser. Such an answer always ends the connection:
 * after a head that we did not understand we do not know where the next one begins.
 *
 * @module
 */
import { type Reason, reasons } from '@headgate/core'
import { wireReasons, type WireReason } from './framing.ts'

/** Where each reason is explained. */
const TYPE_BASE = 'https://headgate.dev/problems/'

export interface WireRefusal {
  readonly status: number
  /** problem+json (RFC 9457). */
  readonly body: string
}

export function wireRefusal(reason: WireReason | Reason, requestId: string): WireRefusal {
  const { status, title } = isWireReason(reason) ? wireReasons[reason] : reasons[reason]
  const body = JSON.stringify({ type: TYPE_BASE + reason, title, status, code: reason, request_id: requestId })
  return { status, body }
}

function isWireReason(reason: string): reason is WireReason {
  return Object.hasOwn(wireReasons, reason)
}

/** The same as bytes, for a connection on which no response object exists. */
export function wireRefusalText(reason: WireReason | Reason, requestId: string): string {
  const { status, body } = wireRefusal(reason, requestId)
  return (
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\nx-request-id: ${requestId}\r\n` +
    `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`
  )
}

/** What the parser under us calls the things that it refuses. */
const PARSER_CODES: Readonly<Record<string, WireReason | Reason>> = {
  HPE_HEADER_OVERFLOW: 'head_too_large',
  HPE_INVALID_METHOD: 'method_invalid',
  HPE_INVALID_URL: 'target_invalid',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** @param code of the error that the parser raised. */
export function reasonOfParserError(code: string | undefined): WireReason | Reason {
  return PARSER_CODES[code ?? ''] ?? 'framing_invalid'
}
