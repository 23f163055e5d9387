/**
 * Writes the head of a response as it goes to a client, made anew from what was understood.
 *
 * @module
 */
import { bytesOf, copyWithin, isNameText, putBytes, putCrlf, SPACE } from './bytes.ts'
import type { Fields } from './exchange.ts'
import { passes } from './fields.ts'
import { framings } from './head.ts'
import { kinds } from './names.ts'
import { copyLine, nameText, UPGRADE, writeAdded } from './request-writer.ts'
import type { ResponseHead } from './response-head.ts'

const VERSION = bytesOf('HTTP/1.1 ')
const STATUS_DIGITS = 3
const CHUNKED = bytesOf('Transfer-Encoding: chunked\r\n')
const CLOSE = bytesOf('Connection: close\r\n')
const KEEP_ALIVE = bytesOf('Connection: keep-alive\r\n')

/** What is to be said about the connection. Clients of HTTP/1.0 must be told that it stays. */
export const connectionSays = { nothing: 0, close: 1, keepAlive: 2, upgrade: 3 } as const

export interface ResponseWish {
  /** Fields of our own; what the service sent under these names is gone. */
  readonly added: Fields
  readonly connection: number
  /** Whether the client understands chunks. */
  readonly chunks: boolean
  /** Whether its trailers pass. */
  readonly trailers: boolean
}

/** @returns the place behind the head. */
export function writeResponseHead(head: ResponseHead, to: number, wish: ResponseWish): number {
  const { bytes, framing } = head
  let at = putBytes(bytes, to, VERSION)
  at = copyWithin(bytes, at, head.statusStart, head.statusLineEnd)
  if (head.statusLineEnd === head.statusStart + STATUS_DIGITS) bytes[at++] = SPACE
  at = putCrlf(bytes, at)
  at = writeFields(head, at, wish.added, wish.trailers)
  at = writeAdded(bytes, at, wish.added)
  const isChunked = framing === framings.chunked || framing === framings.untilClose
  if (isChunked && wish.chunks) at = putBytes(bytes, at, CHUNKED)
  if (wish.connection === connectionSays.close) at = putBytes(bytes, at, CLOSE)
  else if (wish.connection === connectionSays.keepAlive) at = putBytes(bytes, at, KEEP_ALIVE)
  else if (wish.connection === connectionSays.upgrade) at = putBytes(bytes, at, UPGRADE)
  return putCrlf(bytes, at)
}

function writeFields(head: ResponseHead, to: number, added: Fields, trailers: boolean): number {
  const { bytes, count, options, status } = head
  let at = to
  let run = -1
  for (let field = 0; field < count; field++) {
    const kind = head.kinds[field] ?? 0
    const isPassed =
      (passes(kind) || (trailers && kind === kinds.trailer)) &&
      // RFC 9110 section 8.6: no length on 204 or an interim response.
      !(kind === kinds.contentLength && (status === 204 || status < 200)) &&
      !(kind === kinds.mayBeAdded && isAdded(head, field, added)) &&
      (options === null || !options.has(nameText(head, field)))
    if (isPassed && head.isPlainLine(field)) {
      if (run === -1) run = head.nameStart(field)
      continue
    }
    if (run !== -1) at = copyWithin(bytes, at, run, head.nameStart(field))
    run = -1
    if (isPassed) at = copyLine(head, field, at)
  }
  return run === -1 ? at : copyWithin(bytes, at, run, head.end - 2)
}

function isAdded(head: ResponseHead, field: number, added: Fields): boolean {
  const [start, end] = [head.nameStart(field), head.nameEnd(field)]
  for (const [name] of added) {
    if (name.length === end - start && isNameText(head.bytes, start, end, name.toLowerCase())) return true
  }
  return false
}
