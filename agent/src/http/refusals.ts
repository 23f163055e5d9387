/**
 * Answers that the agent gives itself, as bytes.
 *
 * @module
 */
import { STATUS_CODES } from 'node:http'
import type { Fields } from './exchange.ts'
import { bytesOf, putBytes, putCrlf, putDecimal, putText } from './bytes.ts'
import { connectionSays } from './response-writer.ts'
import { writeAdded } from './request-writer.ts'

/** Status lines, made when they are first needed. There are not many. */
const lines = new Map<number, Uint8Array>()

const LENGTH = bytesOf('Content-Length: ')
const CLOSE = bytesOf('Connection: close\r\n')
const KEEP_ALIVE = bytesOf('Connection: keep-alive\r\n')

/** RFC 9110 section 10.1.1: the client may send the body now. */
export const CONTINUE = bytesOf('HTTP/1.1 100 Continue\r\n\r\n')

function statusLine(status: number): Uint8Array {
  let line = lines.get(status)
  if (line === undefined) {
    line = bytesOf(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`)
    lines.set(status, line)
  }
  return line
}

export interface Refusal {
  readonly status: number
  readonly fields: Fields
  /** Of a few KiB at most. */
  readonly body: string
  readonly date: string
  /** One of `connectionSays`. */
  readonly connection: number
  /** Whether only the head is wanted. */
  readonly toHead: boolean
}

/** @returns the place behind the answer. */
export function writeRefusal(bytes: Buffer, to: number, refusal: Refusal): number {
  const { status, fields, body, date, connection, toHead } = refusal
  let at = putBytes(bytes, to, statusLine(status))
  at = putCrlf(bytes, putText(bytes, putText(bytes, at, 'Date: '), date))
  at = writeAdded(bytes, at, fields)
  at = putCrlf(bytes, putDecimal(bytes, putBytes(bytes, at, LENGTH), Buffer.byteLength(body)))
  if (connection === connectionSays.close) at = putBytes(bytes, at, CLOSE)
  else if (connection === connectionSays.keepAlive) at = putBytes(bytes, at, KEEP_ALIVE)
  at = putCrlf(bytes, at)
  return toHead ? at : at + bytes.write(body, at, 'utf8')
}
