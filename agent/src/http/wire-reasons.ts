/**
 * Why the engine itself refuses a request: there is none to decide about yet.
 *
 * @module
 */
import type { Reason } from '@headgate/core'

export const wireReasons = {
  framing_invalid: { status: 400, title: 'The request is not valid HTTP/1.1' },
  handshake_invalid: { status: 400, title: 'The WebSocket handshake is not that of RFC 6455, version 13' },
  head_too_large: { status: 431, title: 'The request line or the header fields are too large' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  expectation_unknown: { status: 417, title: 'Only 100-continue may be expected' },
  internal_error: { status: 500, title: 'The request could not be handled' },
} as const satisfies Record<string, { status: number; title: string }>

/** A reason of the engine, or one of core's that can be seen before there is a request. */
export type WireReason = keyof typeof wireReasons | Extract<Reason, 'target_invalid'>
