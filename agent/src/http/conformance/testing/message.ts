/**
 * A reader of HTTP/1.1 messages that knows one spelling of everything.
 *
 * It judges what an engine writes, to a service and to a client, so it takes less than any real reader would: whatever
 * it does not take is something that two real readers may understand differently. No field may be folded, no line may
 * end with a lone LF, lengths are digits, `Transfer-Encoding` is `chunked` in lower case, chunks have no extensions and
 * no trailers. Pure.
 *
 * Source: RFC 9112 sections 2 to 7, in the strictest reading.
 *
 * @module
 */

/** One message. Text is latin-1: a character for each byte. */
export interface Message {
  /** Request line or status line. */
  readonly line: string
  /** Lower-case names, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[]
  /** Decoded. */
  readonly body: string
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
}

export type Read =
  | { readonly kind: 'message'; readonly message: Message; readonly end: number }
  /** `in`: what has begun and is not whole. */
  | { readonly kind: 'more'; readonly in: 'nothing' | 'head' | 'body' }
  | { readonly kind: 'invalid'; readonly why: string }

const MORE_HEAD: Read = { kind: 'more', in: 'head' }
const MORE_BODY: Read = { kind: 'more', in: 'body' }

const invalid = (why: string): Read => ({ kind: 'invalid', why })

const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) \/[!-~]* HTTP\/1\.1$/
const STATUS_LINE = /^HTTP\/1\.1 [1-9][0-9][0-9] [\t -~\x80-\xff]*$/
const FIELD_LINE =
  /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*$/

/** Reads a request that begins at `start`. */
export function readRequest(text: string, start: number): Read {
  return read(text, start, REQUEST_LINE, (fields, at) => readBody(text, at, fields, false, false))
}

/**
 * Reads a response that begins at `start`.
 *
 * @param method of the request that it answers.
 * @param ended whether the connection has ended: a body may end with it.
 */
export function readResponse(text: string, start: number, method: string, ended: boolean): Read {
  return read(text, start, STATUS_LINE, (fields, at, line) => {
    const status = Number(line.slice(9, 12))
    const bodiless = method === 'HEAD' || status < 200 || status === 204 || status === 304
    if (bodiless && checkFraming(fields) !== null) return invalid(checkFraming(fields) ?? '')
    return bodiless ? { body: '', framing: 'none', end: at } : readBody(text, at, fields, true, ended)
  })
}

type Body = { readonly body: string; readonly framing: Message['framing']; readonly end: number }

function read(
  text: string,
  start: number,
  firstLine: RegExp,
  bodyOf: (fields: Message['fields'], at: number, line: string) => Body | Read,
): Read {
  if (text.length === start) return { kind: 'more', in: 'nothing' }
  const headEnd = text.indexOf('\r\n\r\n', start)
  if (headEnd === -1) return MORE_HEAD
  const [line = '', ...lines] = text.slice(start, headEnd).split('\r\n')
  if (!firstLine.test(line)) return invalid(`first line ${JSON.stringify(line.slice(0, 200))}`)
  const fields: [string, string][] = []
  for (const each of lines) {
    const [, name, value] = FIELD_LINE.exec(each) ?? []
    if (name === undefined || value === undefined) return invalid(`field line ${JSON.stringify(each.slice(0, 200))}`)
    fields.push([name.toLowerCase(), value])
  }
  const body = bodyOf(fields, headEnd + 4, line)
  if ('kind' in body) return body
  return { kind: 'message', message: { line, fields, body: body.body, framing: body.framing }, end: body.end }
}

/** @returns why the fields say more than one thing about the end of the body; null when they do not. */
function checkFraming(fields: Message['fields']): string | null {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (lengths.length + codings.length > 1) return `framing fields ${JSON.stringify([lengths, codings])}`
  if (lengths.some((length) => !/^(?:0|[1-9][0-9]{0,14})$/.test(length))) return `length ${JSON.stringify(lengths)}`
  return codings.some((coding) => coding !== 'chunked') ? `coding ${JSON.stringify(codings)}` : null
}

function readBody(
  text: string,
  start: number,
  fields: Message['fields'],
  isResponse: boolean,
  ended: boolean,
): Body | Read {
  const why = checkFraming(fields)
  if (why !== null) return invalid(why)
  if (valuesOf(fields, 'transfer-encoding').length > 0) return readChunks(text, start)
  const [length] = valuesOf(fields, 'content-length')
  if (length !== undefined) {
    const end = start + Number(length)
    return text.length < end ? MORE_BODY : { body: text.slice(start, end), framing: 'length', end }
  }
  if (!isResponse) return { body: '', framing: 'none', end: start }
  return ended ? { body: text.slice(start), framing: 'close', end: text.length } : MORE_BODY
}

function readChunks(text: string, start: number): Body | Read {
  const pieces: string[] = []
  let at = start
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    const line = text.slice(at, lineEnd === -1 ? Math.min(text.length, at + 18) : lineEnd)
    if (!/^[0-9A-Fa-f]{1,8}$/.test(line) && (lineEnd !== -1 || !/^[0-9A-Fa-f]{0,8}\r?$/.test(line))) {
      return invalid(`chunk size ${JSON.stringify(line.slice(0, 100))}`)
    }
    if (lineEnd === -1) return MORE_BODY
    const size = Number.parseInt(line, 16)
    const dataEnd = lineEnd + 2 + size
    const ending = text.slice(dataEnd, dataEnd + 2)
    if (!'\r\n'.startsWith(ending)) return invalid(`end of chunk ${JSON.stringify(ending)}`)
    if (text.length < dataEnd + 2) return MORE_BODY
    if (size === 0) return { body: pieces.join(''), framing: 'chunked', end: dataEnd + 2 }
    pieces.push(text.slice(lineEnd + 2, dataEnd))
    at = dataEnd + 2
  }
}

/** Every value of a name, in order. */
export function valuesOf(fields: Message['fields'], name: string): string[] {
  return fields.filter(([each]) => each === name).map(([, value]) => value)
}
