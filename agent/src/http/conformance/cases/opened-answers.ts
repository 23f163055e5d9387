/**
 * Answers to routes that let trailers pass and requests become WebSocket connections.
 *
 * Source: RFC 9110 section 6.5 and 7.8, RFC 9112 section 7.1.2, RFC 6455 section 4.1 and 4.2.2.
 *
 * @module
 */
import { END, RESET, type Step } from './answers.ts'

/** What a service says behind its last chunk. */
export interface TrailingCase {
  readonly title: string
  /** Of the head, beside its framing. */
  readonly fields: string
  /** Lines behind the last chunk, without the empty one. */
  readonly trailers: string
  /** What of it reaches a client that takes trailers; null: the answer breaks off. */
  readonly passes: string | null
}

const trailing = (title: string, trailers: string, passes: string | null, fields = ''): TrailingCase => ({
  title,
  fields,
  trailers,
  passes,
})

/** Trailers that are no trailers: whoever merged them into the head would undo what was decided about it. */
const dropped = [
  'Content-Length: 100',
  'Transfer-Encoding: chunked',
  'Trailer: X',
  'Connection: close',
  'Upgrade: websocket',
  'TE: trailers',
  'Set-Cookie: a=b',
  'WWW-Authenticate: Basic',
  'Proxy-Authenticate: Basic',
  'X-Request-Id: theirs',
  'X-Headgate-Consumer: admin',
  'X-Forwarded-For: 192.0.2.1',
  'Location: https://evil.example',
  'Content-Type: text/html',
  'Content-Encoding: gzip',
  'Content-Range: bytes 0-1/2',
  'Cache-Control: public',
  'Retry-After: 1',
  'Date: Tue, 24 Nov 2026 00:00:00 GMT',
  'Vary: *',
]

export const trailingAnswers: readonly TrailingCase[] = [
  trailing('no trailer', '', ''),
  trailing('a trailer', 'X-Sum: 5\r\n', 'X-Sum: 5\r\n'),
  trailing('a trailer that was announced', 'X-Sum: 5\r\n', 'X-Sum: 5\r\n', 'Trailer: X-Sum\r\n'),
  trailing('blanks around a value', 'X-Sum:  \t5 \t\r\n', 'X-Sum: 5\r\n'),
  trailing('a trailer without a value', 'X-Sum:\r\n', 'X-Sum: \r\n'),
  trailing('bytes beyond ASCII', 'X-Sum: \xc3\xa9\r\n', 'X-Sum: \xc3\xa9\r\n'),
  trailing('a trailer twice', 'X-Sum: 5\r\nX-Sum: 6\r\n', 'X-Sum: 5\r\nX-Sum: 6\r\n'),
  trailing('a status of gRPC', 'grpc-status: 0\r\ngrpc-message: ok\r\n', 'grpc-status: 0\r\ngrpc-message: ok\r\n'),
  trailing('64 trailers', 'X: y\r\n'.repeat(64), 'X: y\r\n'.repeat(64)),
  trailing('what Connection takes away', 'X-Hop: 1\r\nX-Sum: 5\r\n', 'X-Sum: 5\r\n', 'Connection: X-Hop\r\n'),
  ...dropped.map((line) => trailing(`the trailer ${line}`, `X-A: 1\r\n${line}\r\nX-B: 2\r\n`, 'X-A: 1\r\nX-B: 2\r\n')),
  trailing('a trailer without a colon', 'X\r\n', null),
  trailing('a trailer without a name', ': a\r\n', null),
  trailing('a space in front of the colon', 'X : a\r\n', null),
  trailing('a space in front of the name', ' X: a\r\n', null),
  trailing('a folded trailer', 'X: a\r\n b\r\n', null),
  trailing('a lone LF', 'X: a\nY: b\r\n', null),
  trailing('a lone CR', 'X: a\rY: b\r\n', null),
  trailing('a NUL', 'X: a\0\r\n', null),
  trailing('65 trailers', 'X: y\r\n'.repeat(65), null),
  trailing('10 KiB in a trailer', `X: ${'y'.repeat(10_240)}\r\n`, null),
  trailing('an answer in place of a trailer', 'HTTP/1.1 200 OK\r\n', null),
]

/** What a service says to a handshake. */
export interface SwitchingCase {
  readonly title: string
  readonly steps: readonly Step[]
  /** Whether the two ends are connected then. */
  readonly opens: boolean
  /** Statuses that the client may get instead. */
  readonly statuses: readonly number[]
}

/** The example of RFC 6455 section 1.3. */
export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const LINE = 'HTTP/1.1 101 Switching Protocols\r\n'
const GOOD = `${LINE}${UPGRADE}${ACCEPT}`
const HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'
/** What a service says first on a connection that it takes for open: no client may get it where it is not. */
export const FIRST = 'first-of-the-service'

const opens = (title: string, ...steps: readonly Step[]): SwitchingCase => ({ title, steps, opens: true, statuses: [] })
const closed = (title: string, ...steps: readonly Step[]): SwitchingCase => ({
  title,
  steps,
  opens: false,
  statuses: [502],
})
/** @param fields of a 101, without what is said behind it. */
const bad = (title: string, fields: string, line = LINE): SwitchingCase =>
  closed(`101 ${title}`, `${line}${fields}\r\n${FIRST}`)
const instead = (status: number, reason: string): SwitchingCase => ({
  ...closed(`${status} instead`, `HTTP/1.1 ${status} ${reason}\r\nContent-Length: 5\r\n\r\nhello`),
  statuses: [status],
})

export const switchingAnswers: readonly SwitchingCase[] = [
  opens('101', `${GOOD}\r\n`, 0, FIRST),
  opens('101 with the first bytes behind it', `${GOOD}\r\n${FIRST}`),
  opens('101 byte by byte', ...`${GOOD}\r\n${FIRST}`.split('').flatMap((byte) => [byte, 0])),
  opens('101 in lower case', `${`${LINE}${UPGRADE}`.toLowerCase().replace('http', 'HTTP')}${ACCEPT}\r\n${FIRST}`),
  opens(
    '101 among other options',
    `${LINE}Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n${ACCEPT}\r\n${FIRST}`,
  ),
  opens('an interim answer in front of 101', `${HINTS}${GOOD}\r\n${FIRST}`),
  opens('101 with a subprotocol that was offered', `${GOOD}Sec-WebSocket-Protocol: chat\r\n\r\n${FIRST}`),
  bad('without its proof', UPGRADE),
  bad('with the proof of another key', `${UPGRADE}${ACCEPT.replace('s3p', 's3q')}`),
  bad('with two proofs', `${UPGRADE}${ACCEPT}${ACCEPT}`),
  bad('to another protocol', `Connection: Upgrade\r\nUpgrade: h2c\r\n${ACCEPT}`),
  bad('to two protocols', `Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n${ACCEPT}`),
  bad('without Upgrade', `Connection: Upgrade\r\n${ACCEPT}`),
  bad('without Connection', `Upgrade: websocket\r\n${ACCEPT}`),
  bad('that closes', `Connection: close\r\nUpgrade: websocket\r\n${ACCEPT}`),
  bad('with a length', `${UPGRADE}${ACCEPT}Content-Length: 0\r\n`),
  bad('with chunks', `${UPGRADE}${ACCEPT}Transfer-Encoding: chunked\r\n`),
  bad('with a subprotocol that nobody offered', `${UPGRADE}${ACCEPT}Sec-WebSocket-Protocol: x\r\n`),
  bad('with two subprotocols', `${UPGRADE}${ACCEPT}Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\n`),
  bad('with an extension that nobody offered', `${UPGRADE}${ACCEPT}Sec-WebSocket-Extensions: x\r\n`),
  bad('of HTTP/1.0', `${UPGRADE}${ACCEPT}`, LINE.replace('1.1', '1.0')),
  bad('with a field that is no field', `${UPGRADE}${ACCEPT}X\0: y\r\n`),
  closed('half of 101 and an end', GOOD, END),
  closed('half of 101 and a reset', GOOD, 20, RESET),
  closed('nothing and an end', END),
  instead(200, 'OK'),
  instead(403, 'Forbidden'),
  instead(426, 'Upgrade Required'),
]
