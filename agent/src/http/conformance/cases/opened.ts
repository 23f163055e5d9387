/**
 * Requests to a route that lets trailers pass and requests become WebSocket connections: what is opened by that, and
 * nothing else.
 *
 * Source: RFC 6455 section 4.2.1, RFC 9110 section 6.5 and 7.8, RFC 9112 section 7.1.2.
 *
 * @module
 */
import { arrives, type Case, chunks, forwarded, head, malformed, malformedBody, NEXT, NEXT_ARRIVES } from './case.ts'

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
const VERSION = 'Sec-WebSocket-Version: 13'
const PLAIN = arrives('GET /x', { lacks: ['upgrade', 'http2-settings'] })

const ask = (line: string, upgrade: string, ...fields: readonly string[]): string =>
  head(line, 'Connection: Upgrade', `Upgrade: ${upgrade}`, ...fields)

const trailing = (text: string): string => chunks(`5\r\nhello\r\n0\r\n${text}\r\n`)

export const handshakes: readonly Case[] = [
  malformed('a handshake without key and version', ask('GET /x', 'websocket')),
  malformed('a handshake without a version', ask('GET /x', 'websocket', KEY)),
  malformed('a handshake without a key', ask('GET /x', 'websocket', VERSION)),
  malformed('a handshake of another version', ask('GET /x', 'websocket', KEY, 'Sec-WebSocket-Version: 12')),
  malformed('a handshake with two keys', ask('GET /x', 'websocket', KEY, KEY, VERSION)),
  malformed('a handshake with a short key', ask('GET /x', 'websocket', 'Sec-WebSocket-Key: AAAA', VERSION)),
  malformed('a handshake with its answer', ask('GET /x', 'websocket', KEY, VERSION, 'Sec-WebSocket-Accept: x')),
  malformed('a handshake in a POST', ask('POST /x', 'websocket', KEY, VERSION, 'Content-Length: 0')),
  malformed('a handshake with a body', `${ask('GET /x', 'websocket', KEY, VERSION, 'Content-Length: 5')}hello`),
  malformed(
    'a handshake with chunks',
    `${ask('GET /x', 'websocket', KEY, VERSION, 'Transfer-Encoding: chunked')}0\r\n\r\n`,
  ),
  ...['h2c', 'websocket, h2c', 'h2c, websocket', 'websocket/13', 'TLS/1.3', 'HTTP/2.0', 'web socket'].map((protocol) =>
    forwarded(`an upgrade to ${protocol}`, ask('GET /x', protocol, KEY, VERSION) + NEXT, PLAIN, NEXT_ARRIVES),
  ),
  forwarded(
    'an upgrade that Connection does not name',
    head('GET /x', 'Upgrade: websocket', KEY, VERSION) + NEXT,
    PLAIN,
    NEXT_ARRIVES,
  ),
  forwarded(
    'an upgrade in two fields',
    ask('GET /x', 'websocket', 'Upgrade: h2c', KEY, VERSION) + NEXT,
    PLAIN,
    NEXT_ARRIVES,
  ),
]

const hello = arrives('POST /x', { body: 'hello' })

export const trailers: readonly Case[] = [
  ...[
    'Content-Length: 100',
    'Transfer-Encoding: chunked',
    'Host: other.example.com',
    'Connection: close',
    'Authorization: Basic eA==',
    'Cookie: a=b',
    'X-Api-Key: a',
    'X-Headgate-Consumer: admin',
    'X-Forwarded-For: 192.0.2.1',
    'X_Forwarded_For: 192.0.2.1',
    'X-Request-Id: a',
    'Upgrade: websocket',
    'TE: trailers',
    'Trailer: X',
    'Content-Encoding: gzip',
  ].map((trailer) => forwarded(`the trailer ${trailer}`, trailing(`${trailer}\r\n`) + NEXT, hello, NEXT_ARRIVES)),
  malformedBody('a trailer without a colon', trailing('X\r\n')),
  malformedBody('a trailer without a name', trailing(': a\r\n')),
  malformedBody('a trailer with a space in front of the colon', trailing('X : a\r\n')),
  malformedBody('a folded trailer', trailing('X: a\r\n b\r\n')),
  malformedBody('a trailer with a lone LF', trailing('X: a\nY: b\r\n')),
  malformedBody('a trailer with a lone CR', trailing('X: a\rY: b\r\n')),
  malformedBody('a trailer with a NUL', trailing('X: a\0\r\n')),
  malformedBody('100 trailers', trailing('X: a\r\n'.repeat(100))),
  malformedBody('a trailer of 10 KiB', trailing(`X: ${'a'.repeat(10_240)}\r\n`)),
]
