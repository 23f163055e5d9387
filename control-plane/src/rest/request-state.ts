/**
 * What is known about a request while it is served: for its answer, its log line and its problems.
 *
 * @module
 */
import type { OperationId } from '@headgate/admin-api'
import { type Clock } from '@headgate/kit/clock.ts'
import { newId } from '@headgate/kit/ids.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface RequestState {
  readonly requestId: string
  /** Of the connection; IPv4-mapped IPv6 as IPv4. */
  readonly address: string
  /** On the monotonic clock. */
  readonly startedAtMs: number
  /** Fires when the caller has gone or the process stops. */
  readonly signal: AbortSignal
  operation: OperationId | null
  /** Name of the operator, once known. */
  operator: string | null
}

const states = new WeakMap<ServerResponse, RequestState>()

/** @param stop fires when the process stops. */
export function openRequestState(
  request: IncomingMessage,
  response: ServerResponse,
  clock: Clock,
  stop: AbortSignal,
): RequestState {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const state: RequestState = {
    requestId: newId('req', clock.now()),
    address: (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=[0-9.]+$)/, ''),
    startedAtMs: clock.monotonic(),
    signal: AbortSignal.any([gone.signal, stop]),
    operation: null,
    operator: null,
  }
  states.set(response, state)
  return state
}

/** @throws when the response was not opened: a bug in the order of the application. */
export function requestState(response: ServerResponse): RequestState {
  const state = states.get(response)
  if (state === undefined) throw new Error('the request has no state')
  return state
}
