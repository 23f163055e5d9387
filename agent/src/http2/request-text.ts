/**
 * Writes the header section of an HTTP/2 request as the head of one HTTP/1.1 request.
 *
 * So that one strict parser judges every request, whatever it came over: host, path, lengths and fields are refused by
 * the same rules. Here is refused only what HTTP/2 forbids in itself, and whatever could make two lines out of one.
 * Pure.
 *
 * Source: RFC 9113 section 8.2 (fields, connection-specific ones, Cookie) and 8.3.1 (pseudo-headers).
 *
 * @module
 */
import { type HeaderList, NOT_IN_LINE, OF_CONNECTIONS } from './header-lists.ts'

/** What became of a header section. */
export interface RequestText {
  /** Latin-1. */
  readonly head: string
  /** Whether what follows is delimited by chunks. */
  readonly chunked: boolean
  readonly toHead: boolean
  /** Whether the caller reads refusals as gRPC does: in trailers, not in a body. */
  readonly grpc: boolean
}

/** Names are lower case (RFC 9113 section 8.2.1). One character class: no backtracking. */
const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** Neither a space nor a control character, which would end this part of the request line. */
const WORD = /^[\x21-\x7e\x80-\xff]+$/

const GRPC = /^application\/grpc(?:$|[+; ])/i

/**
 * @param list as it arrived.
 * @param ends whether no body follows.
 * @returns null: malformed.
 */
export function requestText(list: HeaderList, ends: boolean): RequestText | null {
  const pseudo = new Map<string, string>()
  let at = 0
  for (; list[at]?.startsWith(':') === true; at += 2) {
    const [name = '', value = ''] = [list[at], list[at + 1]]
    if (pseudo.has(name) || !WORD.test(value)) return null
    pseudo.set(name, value)
  }
  const line = requestLine(pseudo)
  if (line === null) return null

  const { authority } = line
  let [fields, cookies, hasHost, hasLength, grpc] = ['', '', false, false, false]
  for (; at < list.length; at += 2) {
    const [name = '', value = ''] = [list[at], list[at + 1]]
    if (!NAME.test(name) || NOT_IN_LINE.test(value) || OF_CONNECTIONS.has(name)) return null
    if (name === 'te' && value.toLowerCase() !== 'trailers') return null
    if (name === 'host' && authority !== undefined) {
      // Two names for whom it is meant: each reader could take another one.
      if (value !== authority || hasHost) return null
      hasHost = true
      continue
    }
    if (name === 'cookie') {
      // Split for compression; services expect one field.
      cookies += cookies === '' ? value : `; ${value}`
      continue
    }
    if (name === 'content-length') hasLength = true
    else if (name === 'content-type') grpc = GRPC.test(value)
    fields += `${name}: ${value}\r\n`
  }
  const chunked = !ends && !hasLength
  const host = authority === undefined ? '' : `host: ${authority}\r\n`
  const cookie = cookies === '' ? '' : `cookie: ${cookies}\r\n`
  const framing = chunked ? 'transfer-encoding: chunked\r\n' : ''
  const head = `${line.method} ${line.target} HTTP/1.1\r\n${host}${fields}${cookie}${framing}connection: close\r\n\r\n`
  return { head, chunked, toHead: line.method === 'HEAD', grpc }
}

interface RequestLine {
  readonly method: string
  readonly target: string
  readonly authority: string | undefined
}

function requestLine(pseudo: ReadonlyMap<string, string>): RequestLine | null {
  const method = pseudo.get(':method')
  const scheme = pseudo.get(':scheme')
  const path = pseudo.get(':path')
  const authority = pseudo.get(':authority')
  if (method === undefined) return null
  if (method === 'CONNECT') {
    // It has a target of its own kind, which is refused like every other that is no path.
    if (authority === undefined || pseudo.size !== 2) return null
    return { method, target: authority, authority }
  }
  if (scheme === undefined || path === undefined) return null
  if (pseudo.size !== (authority === undefined ? 3 : 4)) return null
  // A proxy in front may have ended TLS: which of the two it is says nothing about this connection.
  if (scheme !== 'https' && scheme !== 'http') return null
  return { method, target: path, authority }
}
