/**
 * Writes the head of a request as it goes to a service.
 *
 * Made anew from what was understood, so nothing that was not understood is passed on: method and target are texts
 * that core has read, fields go out as `name: value`, in their order and spelling. Neighbours that pass are one copy.
 *
 * @module
 */
import { bytesOf, COLON, copyWithin, isNameAlike, putBytes, putCrlf, putText, putValue, SPACE } from './bytes.ts'
import type { Fields, Forwarding } from './exchange.ts'
import { passes } from './fields.ts'
import { framings, type Head } from './head.ts'
import { kinds } from './names.ts'
import type { Handshake } from './websocket.ts'
import type { RequestHead } from './request-head.ts'

const VERSION = bytesOf(' HTTP/1.1\r\n')
const CHUNKED = bytesOf('Transfer-Encoding: chunked\r\n')
/** RFC 9110 section 10.1.4: `TE` is for the next recipient only, and must say so. */
const TAKES_TRAILERS = bytesOf('TE: trailers\r\nConnection: TE\r\n')

/** What switches to the protocol that a route allows; in answers, too. */
export const UPGRADE = bytesOf('Connection: Upgrade\r\nUpgrade: websocket\r\n')

/** What a service is told about where a request came from. */
export interface Origin {
  /**
   * `X-Forwarded-For`, `-Proto` and `-Host`, as lines; nearly always the same for a whole connection. The last is the
   * value of the only `Host`, as it arrived, with its port: a service builds links with it.
   */
  readonly forwardedFields: Uint8Array
  /** The target, as it arrived. */
  readonly target: string
  /** Whether the request's own trailers pass. */
  readonly sendsTrailers: boolean
  /** Whether trailers of the response pass. */
  readonly takesTrailers: boolean
  /** What is asked for instead of a response; null: nothing. */
  readonly handshake: Handshake | null
}

/** Where the parts of the last head ended: what is asked of another target differs in the middle part only. */
export const written = { lineEnd: 0, hostEnd: 0 }

/** @returns the place behind the head. */
export function writeRequestHead(
  head: RequestHead,
  to: number,
  forwarding: Forwarding,
  hostLine: Uint8Array,
  origin: Origin,
): number {
  const { bytes } = head
  const { method, target, withheldHeaders, requestFields } = forwarding
  let at = putText(bytes, to, method)
  bytes[at++] = SPACE
  // Nearly always the target goes on as it came.
  at = target === origin.target ? copyWithin(bytes, at, head.targetStart, head.targetEnd) : putText(bytes, at, target)
  at = putBytes(bytes, at, VERSION)
  written.lineEnd = at
  at = putBytes(bytes, at, hostLine)
  written.hostEnd = at
  at = writeFields(head, at, withheldHeaders, head.options, origin.sendsTrailers)
  at = putBytes(bytes, at, origin.forwardedFields)
  at = writeAdded(bytes, at, requestFields)
  if (origin.handshake !== null) at = putBytes(bytes, at, UPGRADE)
  if (origin.takesTrailers) at = putBytes(bytes, at, TAKES_TRAILERS)
  if (head.framing === framings.chunked) at = putBytes(bytes, at, CHUNKED)
  return putCrlf(bytes, at)
}

/** Writes the fields that pass, without those of these names. */
function writeFields(
  head: RequestHead,
  to: number,
  withheldHeaders: readonly string[],
  options: ReadonlySet<string> | null,
  trailers: boolean,
): number {
  const { bytes, count } = head
  let at = to
  // Start of what passes and is not yet copied; -1: nothing.
  let run = -1
  for (let field = 0; field < count; field++) {
    const start = head.nameStart(field)
    const kind = head.kinds[field] ?? 0
    const isPassed =
      (passes(kind) || (trailers && kind === kinds.trailer)) &&
      !isAmong(head, field, withheldHeaders) &&
      (options === null || !options.has(nameText(head, field)))
    const isPlain = isPassed && head.isPlainLine(field)
    if (isPlain) {
      if (run === -1) run = start
      continue
    }
    if (run !== -1) at = copyWithin(bytes, at, run, start)
    run = -1
    if (isPassed) at = copyLine(head, field, at)
  }
  return run === -1 ? at : copyWithin(bytes, at, run, head.end - 2)
}

function isAmong(head: Head, field: number, names: readonly string[]): boolean {
  for (const name of names) {
    if (isNameAlike(head.bytes, head.nameStart(field), head.nameEnd(field), name)) return true
  }
  return false
}

/** Name of a field in lower case. */
export function nameText(head: Head, field: number): string {
  return head.bytes.toString('latin1', head.nameStart(field), head.nameEnd(field)).toLowerCase()
}

/** Copies one field as `name: value`. */
export function copyLine(head: Head, field: number, to: number): number {
  const { bytes } = head
  let at = copyWithin(bytes, to, head.nameStart(field), head.nameEnd(field))
  bytes[at++] = COLON
  bytes[at++] = SPACE
  at = copyWithin(bytes, at, head.valueStart(field), head.valueEnd(field))
  return putCrlf(bytes, at)
}

/** Writes fields of our own. */
export function writeAdded(bytes: Buffer, to: number, fields: Fields): number {
  let at = to
  for (const field of fields) {
    at = putText(bytes, at, field[0])
    bytes[at++] = COLON
    bytes[at++] = SPACE
    at = putCrlf(bytes, putValue(bytes, at, field[1]))
  }
  return at
}
