import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceReference } from '#agent/testing/upstream.ts'
import { bytesOf } from './bytes.ts'
import type { Fields } from './exchange.ts'
import { connectionOptions } from './fields.ts'
import { steps } from './head.ts'
import { RequestHead } from './request-head.ts'
import { writeRequestHead } from './request-writer.ts'
import { ResponseHead } from './response-head.ts'
import { connectionSays, writeResponseHead } from './response-writer.ts'

const ROOM = 8_192
const service = serviceReference(['http://10.0.0.1'])

/** The head as it goes to a service, line by line, without what is added to every one. */
function forwarded(fields: string, withheldHeaders: readonly string[] = [], requestFields: Fields = []): string[] {
  const text = `GET /in HTTP/1.1\r\nHost: a.example:80\r\n${fields}\r\n`
  const bytes = Buffer.alloc(text.length + ROOM)
  bytes.write(text, 'latin1')
  const head = new RequestHead(bytes)
  assert.equal(head.read(0, text.length), steps.done)
  const forwarding = {
    service,
    consumer: null,
    method: 'GET',
    target: '/out?x',
    withheldHeaders,
    requestFields,
    responseFields: [],
    trailers: false,
    bodyBytesMax: Infinity,
    websocket: false,
    answering: () => {},
    ended: () => {},
  }
  const place = { host: 'a.example:80', target: '/in', sendsTrailers: false, takesTrailers: false, handshake: null }
  const origin = { forwardedFields: bytesOf('X-Forwarded-Host: a.example:80\r\n'), ...place }
  const end = writeRequestHead(head, text.length, forwarding, bytesOf('Host: target:1\r\n'), origin)
  const [line, host, ...rest] = bytes.toString('latin1', text.length, end).split('\r\n')
  assert.deepEqual([line, host], ['GET /out?x HTTP/1.1', 'Host: target:1'])
  assert.deepEqual(rest.slice(-2), ['', ''])
  const added = rest.indexOf('X-Forwarded-Host: a.example:80')
  return [...rest.slice(0, added), ...rest.slice(added + 1, -2)]
}

function answered(head: string, added: Fields = [], says: number = connectionSays.nothing): string[] {
  const text = `${head}\r\n`
  const bytes = Buffer.alloc(text.length + ROOM)
  bytes.write(text, 'latin1')
  const response = new ResponseHead(bytes)
  assert.equal(response.read(0, text.length, false), steps.done)
  const end = writeResponseHead(response, text.length, { added, connection: says, chunks: true, trailers: false })
  const lines = bytes.toString('latin1', text.length, end).split('\r\n')
  assert.deepEqual(lines.slice(-2), ['', ''])
  return lines.slice(0, -2)
}

test('the options of all Connection fields are read as one list, without regard to case', () => {
  assert.deepEqual(
    [...(connectionOptions(['Keep-Alive, X-Hop', ' CLOSE ,, x-two']) ?? [])],
    ['keep-alive', 'x-hop', 'close', 'x-two'],
  )
})

test('Connection may not name a field that decides where a request goes, ends or who sends it', () => {
  for (const name of [
    'Host',
    'content-length',
    'Transfer-Encoding',
    'AUTHORIZATION',
    'cookie',
    'x-forwarded-for',
    'x_y',
    'clo\u00a0se',
  ]) {
    assert.equal(connectionOptions([`close, ${name}`]), null, name)
  }
  assert.equal(connectionOptions(['a b']), null)
  // A blank for some readers, and none for others.
  assert.equal(connectionOptions(['\u00a0close']), null)
})

test('order, spelling and repetition of what passes are kept, and our own fields come last', () => {
  const fields = 'ACCEPT: */*\r\nX-A: 1\r\nX-Forwarded-For: 1.2.3.4\r\nx-a: 2\r\nX-Key: secret\r\nLast: 1\r\n'
  assert.deepEqual(forwarded(fields, ['x-key'], [['X-Request-Id', 'req']]), [
    'ACCEPT: */*',
    'X-A: 1',
    'x-a: 2',
    'Last: 1',
    'X-Request-Id: req',
  ])
})

test('a field goes out in one form, however it was written', () => {
  assert.deepEqual(forwarded('A:1\r\nB:  2\r\nC:\t3\r\nD: 4 \t\r\nE:\r\nF: 6\r\n'), [
    'A: 1',
    'B: 2',
    'C: 3',
    'D: 4',
    'E: ',
    'F: 6',
  ])
})

test('every spelling of a field that services believe is stripped', () => {
  for (const name of [
    'x-forwarded-for',
    'X-FORWARDED-anything',
    'x_real_ip',
    'X-Headgate-Consumer',
    'FORWARDED',
    'Remote_User',
    'X-Original-URL',
    'x-SSL-client-verify',
  ]) {
    assert.deepEqual(forwarded(`${name}: x\r\n`), [], name)
  }
  assert.deepEqual(forwarded('X-Forwarded: x\r\nX-For: y\r\nX-: z\r\n'), ['X-Forwarded: x', 'X-For: y', 'X-: z'])
})

test('fields that Connection names end here', () => {
  assert.deepEqual(forwarded('X-Hop: 1\r\nX-On: 2\r\nConnection: x-hop, keep-alive\r\n'), ['X-On: 2'])
})

// Guards against a name in configuration that would end a line.
test('a value of ours cannot end a line', () => {
  assert.deepEqual(forwarded('', [], [['X-A', 'a\r\nX-B: b\u0100']]), ['X-A: a  X-B: b '])
})

test('a head without any field that passes is a head', () => {
  assert.deepEqual(forwarded(''), [])
  assert.deepEqual(answered('HTTP/1.1 204 No Content\r\n'), ['HTTP/1.1 204 No Content'])
})

test('what the agent adds to a response replaces what the service sent', () => {
  const head =
    'HTTP/1.1 200 OK\r\nRateLimit: theirs\r\nServer: nginx\r\nX-Request-ID: theirs\r\nConnection: x-hop\r\n' +
    'X-Hop: 1\r\nContent-Length: 0\r\n'
  assert.deepEqual(answered(head, [['RateLimit', 'ours']], connectionSays.close), [
    'HTTP/1.1 200 OK',
    'Server: nginx',
    'Content-Length: 0',
    'RateLimit: ours',
    'Connection: close',
  ])
})

test('a service cannot take the length of its own response away', () => {
  const head = 'Connection: content-length\r\nContent-Length: 5\r\n'
  assert.deepEqual(answered(`HTTP/1.1 200 OK\r\n${head}`), ['HTTP/1.1 200 OK', 'Content-Length: 5'])
  assert.deepEqual(answered(`HTTP/1.1 204 x\r\n${head}`), ['HTTP/1.1 204 x'])
})

test('a service can take a field away by its name only, not by a name that some readers see', () => {
  const head = 'HTTP/1.1 204 x\r\nX-Hop: 1\r\nX-On: 2\r\nConnection: \xa0x-on,\tx-hop \r\n'
  assert.deepEqual(answered(head), ['HTTP/1.1 204 x', 'X-On: 2'])
})

// RFC 9112 section 4: whoever sends a status line must send the space behind the status.
test('a status line without a phrase goes on with the space that belongs there', () => {
  assert.deepEqual(answered('HTTP/1.1 200\r\nContent-Length: 0\r\n'), ['HTTP/1.1 200 ', 'Content-Length: 0'])
  assert.deepEqual(answered('HTTP/1.0 204 \r\n'), ['HTTP/1.1 204 '])
})

test('a response of HTTP/1.0 goes on as HTTP/1.1, in chunks when its end is that of its connection', () => {
  assert.deepEqual(answered('HTTP/1.0 200 OK\r\nA: b\r\n'), ['HTTP/1.1 200 OK', 'A: b', 'Transfer-Encoding: chunked'])
})
