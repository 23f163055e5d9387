/**
 * Writes the header section of an HTTP/2 response as the head of one HTTP/1.1 response.
 *
 * So that the strict parser of responses judges it, whatever it came over. Pure.
 *
 * @module
 */
import { type HeaderList, linesOfList, OF_CONNECTIONS, valueOf } from './header-lists.ts'

/** How the body of a response is delimited. */
export interface ResponseText {
  /** Latin-1. */
  readonly head: string
  readonly chunked: boolean
  /** Bytes of the body; -1: unknown. */
  readonly length: number
}

/** An interim response. */
export function interimText(status: number, list: HeaderList): string {
  return `HTTP/1.1 ${status} \r\n${linesOfList(list, OF_CONNECTIONS)}\r\n`
}

/** @param ends whether no body follows. @param toHead whether only the head was asked for. */
export function responseText(status: number, list: HeaderList, ends: boolean, toHead: boolean): ResponseText {
  const isBodiless = toHead || status === 204 || status === 304
  const length = valueOf(list, 'content-length')
  if (ends || isBodiless) {
    const framing = length === undefined && !isBodiless ? 'content-length: 0\r\n' : ''
    return text(status, list, OF_CONNECTIONS, framing, false, 0)
  }
  // Trailers find no place behind a body of a known length.
  const isGrpc = valueOf(list, 'content-type')?.startsWith('application/grpc') === true
  if (length !== undefined && !isGrpc) return text(status, list, OF_CONNECTIONS, '', false, Number(length))
  return text(status, list, WITHOUT_LENGTH, 'transfer-encoding: chunked\r\n', true, -1)
}

const WITHOUT_LENGTH: ReadonlySet<string> = new Set([...OF_CONNECTIONS, 'content-length'])

function text(
  status: number,
  list: HeaderList,
  except: ReadonlySet<string>,
  framing: string,
  chunked: boolean,
  length: number,
): ResponseText {
  const lines = linesOfList(list, except)
  return { head: `HTTP/1.1 ${status} \r\n${lines}${framing}connection: close\r\n\r\n`, chunked, length }
}
