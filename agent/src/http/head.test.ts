import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steps } from './head.ts'
import { RequestHead } from './request-head.ts'
import { ResponseHead } from './response-head.ts'

const HOST = 'Host: a.example\r\n'

function readRequest(text: string): RequestHead & { step: number } {
  const head = new RequestHead(Buffer.from(text, 'latin1'))
  return Object.assign(head, { step: head.read(0, text.length) })
}

function readResponse(text: string, toHead = false): ResponseHead & { step: number } {
  const head = new ResponseHead(Buffer.from(text, 'latin1'))
  return Object.assign(head, { step: head.read(0, text.length, toHead) })
}

const post = (fields: string): string => `POST / HTTP/1.1\r\n${HOST}${fields}\r\n`

test('a head is read where it stands, and its fields are found again', () => {
  const text = `xxGET /a?b HTTP/1.1\r\n${HOST}X-Two: a\r\nx-tWO:\tb \r\nEmpty:\r\n\r\nrest`
  const head = new RequestHead(Buffer.from(text, 'latin1'))
  assert.equal(head.read(2, text.length), steps.done)
  assert.equal(head.method, 'GET')
  assert.equal(head.bytes.toString('latin1', head.targetStart, head.targetEnd), '/a?b')
  assert.deepEqual(head.values('x-two'), ['a', 'b'])
  assert.deepEqual(head.values('empty'), [''])
  assert.deepEqual(head.values('missing'), [])
  assert.equal(text.slice(head.end), 'rest')
  assert.deepEqual([head.isPlainLine(1), head.isPlainLine(2)], [true, false])
})

test('a head is whole at its last byte and not before', () => {
  const text = `POST /a HTTP/1.1\r\n${HOST}Content-Length: 5\r\nConnection: close\r\n\r\n`
  const head = new RequestHead(Buffer.from(text, 'latin1'))
  for (let end = 0; end < text.length; end++) assert.equal(head.read(0, end), steps.more, String(end))
  assert.equal(head.read(0, text.length), steps.done)
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'
  const response = new ResponseHead(Buffer.from(answer, 'latin1'))
  for (let end = 0; end < answer.length; end++) assert.equal(response.read(0, end, false), steps.more, String(end))
  assert.equal(response.read(0, answer.length, false), steps.done)
})

/** Every byte that may not stand somewhere, at that place. */
for (const [place, before, behind, allowed] of [
  ['a method', 'G', 'T / HTTP/1.1\r\n\r\n', /[!#$%&'*+.^_`|~0-9A-Za-z -]/],
  ['a target', 'GET /', ' HTTP/1.1\r\n\r\n', /[!-~\x80-\xff ]/],
  ['a field name', 'GET / HTTP/1.1\r\nA', ': b\r\n\r\n', /[!#$%&'*+.^_`|~0-9A-Za-z:-]/],
  ['a field value', 'GET / HTTP/1.1\r\nA: b', 'c\r\n\r\n', /[\t -~\x80-\xff]/],
] as const) {
  test(`no byte stands in ${place} that may not`, () => {
    for (let byte = 0; byte < 256; byte++) {
      const character = String.fromCharCode(byte)
      const { step } = readRequest(before + character + behind)
      if (!allowed.test(character)) assert.equal(step, steps.refused, `byte ${byte}`)
      else if (character !== ' ') assert.equal(step, steps.done, `byte ${byte}`)
    }
  })
}

test('a request line has one form', () => {
  for (const line of [
    'GET  / HTTP/1.1',
    'GET /  HTTP/1.1',
    'GET / HTTP/1.1 ',
    ' GET / HTTP/1.1',
    'GET\t/ HTTP/1.1',
    'GET / http/1.1',
    'GET / HTTP/1.2',
    'GET / HTTP/2.0',
    'GET / HTTP/1.10',
    'GET / HTTP/1',
    'GET / HTTP/01.1',
    'GET / HTTP /1.1',
    'GET /',
    'GET',
    '/ HTTP/1.1',
    `${'A'.repeat(33)} / HTTP/1.1`,
  ]) {
    assert.equal(readRequest(`${line}\r\n${HOST}\r\n`).step, steps.refused, line)
  }
  assert.equal(readRequest('GET / HTTP/1.0\r\n\r\n').minor, 0)
})

test('a body follows when a length above zero or a coding says so, and in no other way', () => {
  const framing = (fields: string): string => {
    const head = readRequest(post(fields))
    return head.step === steps.done ? `${head.framing} ${head.length}` : head.reason
  }
  assert.equal(framing(''), '0 0')
  assert.equal(framing('Content-Length: 0\r\n'), '0 0')
  assert.equal(framing('content-length:\t12 \r\n'), '1 12')
  assert.equal(framing('Content-Length: 999999999999999\r\n'), '1 999999999999999')
  assert.equal(framing('transfer-encoding: CHUNKED\r\n'), '2 0')
  for (const fields of [
    'Content-Length: 1000000000000000\r\n',
    'Content-Length: 1\r\ncontent-length: 1\r\n',
    'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip\r\n',
    'Transfer-Encoding:\r\n',
    'Content-Length: 1_0\r\n',
    'Connection: content-length\r\nContent-Length: 1\r\n',
  ]) {
    assert.equal(framing(fields), 'framing_invalid', fields)
  }
})

test('a connection stays as its version and its options say', () => {
  const stays = (version: string, fields: string): boolean => readRequest(`GET / ${version}\r\n${fields}\r\n`).keepAlive
  assert.equal(stays('HTTP/1.1', ''), true)
  assert.equal(stays('HTTP/1.0', ''), false)
  assert.equal(stays('HTTP/1.1', 'Connection: CLOSE\r\n'), false)
  assert.equal(stays('HTTP/1.0', 'Connection: Keep-Alive\r\n'), true)
  assert.equal(stays('HTTP/1.1', 'Connection: x, close\r\n'), false)
  assert.equal(stays('HTTP/1.1', 'Connection: keep-alive\r\nConnection: close\r\n'), false)
})

test('only 100-continue may be expected, and only by a client that knows it and has a body', () => {
  assert.equal(readRequest(post('Content-Length: 1\r\nExpect: 100-Continue\r\n')).expectsContinue, true)
  assert.equal(readRequest(post('Expect: 100-continue\r\n')).expectsContinue, false)
  assert.equal(readRequest(post('Content-Length: 1\r\nExpect: 200-ok\r\n')).reason, 'expectation_unknown')
  assert.equal(
    readRequest('POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n').expectsContinue,
    false,
  )
})

test('200 fields and 16 KiB pass, one more of either does not', () => {
  assert.equal(readRequest(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(200)}\r\n`).step, steps.done)
  assert.equal(readRequest(`GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(201)}\r\n`).reason, 'head_too_large')
  const frame = 'GET / HTTP/1.1\r\na: \r\n\r\n'.length
  assert.equal(readRequest(`GET / HTTP/1.1\r\na: ${'b'.repeat(16_384 - frame)}\r\n\r\n`).step, steps.done)
  assert.equal(readRequest(`GET / HTTP/1.1\r\na: ${'b'.repeat(16_385 - frame)}\r\n\r\n`).reason, 'head_too_large')
  assert.equal(readRequest(`GET /${'b'.repeat(16_384)}`).reason, 'head_too_large')
})

test('the end of a response is where its status, its fields and the request say', () => {
  const framing = (text: string, toHead = false): string => {
    const head = readResponse(text, toHead)
    return head.step === steps.done ? `${head.framing} ${head.keepAlive}` : 'refused'
  }
  assert.equal(framing('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'), '1 true')
  assert.equal(framing('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', true), '0 true')
  assert.equal(framing('HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n'), '0 true')
  assert.equal(framing('HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n'), '2 true')
  assert.equal(framing('HTTP/1.1 200 OK\r\n\r\n'), '3 false')
  assert.equal(framing('HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n'), '1 false')
  assert.equal(framing('HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n'), '1 true')
  assert.equal(framing('HTTP/1.1 204 No Content\r\n\r\n'), '0 true')
  assert.equal(framing('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'), '0 true')
  assert.equal(framing('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n'), '1 false')
  for (const text of [
    'HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 20 OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1 099 OK\r\n\r\n',
    'HTTP/1.1 600 OK\r\n\r\n',
    'HTTP/2.0 200 OK\r\n\r\n',
    'http/1.1 200 OK\r\n\r\n',
    'HTTP/1.1  200 OK\r\n\r\n',
    'HTTP/1.1 200 O\0K\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    'ICY 200 OK\r\n\r\n',
  ]) {
    assert.equal(framing(text), 'refused', text)
  }
})

test('how long a service keeps a connection is read where it says so', () => {
  const seconds = (value: string): number =>
    readResponse(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: ${value}\r\n\r\n`)
      .keepAliveS
  assert.equal(seconds('timeout=5, max=100'), 5)
  assert.equal(seconds('max=100, timeout=7'), 7)
  assert.equal(seconds('nothing'), -1)
})
