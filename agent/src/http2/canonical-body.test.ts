import assert from 'node:assert/strict'
import { test } from 'node:test'
import { framings } from '#agent/http/head.ts'
import { CanonicalBody } from './canonical-body.ts'

/** Data and trailers of a body that comes in pieces of that size. */
function readIn(text: string, framing: number, length: number, pieceBytes: number): readonly [string, string, boolean] {
  const bytes = Buffer.from(text, 'latin1')
  const body = new CanonicalBody()
  body.begin(framing, length)
  let data = ''
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    data += body.read(bytes, at, Math.min(bytes.length, at + pieceBytes)).toString('latin1')
  }
  return [data, body.trailers, body.done]
}

const chunked = '3\r\nabc\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n'
const data = 'abcabcdefghijklmnopqrstuvwxyz'

test('a body is the same wherever it is cut into pieces', () => {
  for (let pieceBytes = 1; pieceBytes < 60; pieceBytes++) {
    assert.deepEqual(readIn(`${chunked}\r\n`, framings.chunked, 0, pieceBytes), [data, '', true])
    const withTrailers = `${chunked}grpc-status: 0\r\nx: y\r\n\r\n`
    assert.deepEqual(readIn(withTrailers, framings.chunked, 0, pieceBytes), [data, 'grpc-status: 0\r\nx: y\r\n', true])
    assert.deepEqual(readIn(data, framings.length, data.length, pieceBytes), [data, '', true])
  }
})

test('a body that stops short is not done', () => {
  assert.deepEqual(readIn(chunked, framings.chunked, 0, 5), [data, '', false])
  assert.deepEqual(readIn('abc', framings.length, 4, 5), ['abc', '', false])
})

test('a body of no bytes is done at once', () => {
  const body = new CanonicalBody()
  body.begin(framings.none, 0)
  assert.equal(body.done, true)
})
