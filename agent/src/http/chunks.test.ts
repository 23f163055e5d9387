import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChunkReader, CHUNK_EXTRAS_BYTES_MAX } from './chunks.ts'

interface Read {
  readonly kind: 'done' | 'more' | 'invalid'
  readonly text: string
  readonly rest: string
}

/** Reads a text in pieces of these lengths, the last one repeated. */
function read(text: string, chunked: boolean, ...lengths: readonly number[]): Read {
  const reader = new ChunkReader()
  let out = ''
  let at = 0
  for (let piece = 0; at < text.length && !reader.done && !reader.invalid; piece++) {
    const length = lengths[Math.min(piece, lengths.length - 1)] ?? text.length
    const slice = text.slice(at, at + length)
    const bytes = Buffer.alloc(slice.length * 2 + 64)
    bytes.write(slice, 'latin1')
    const end = reader.transfer(bytes, 0, slice.length, slice.length, chunked)
    assert.ok(end - slice.length <= slice.length + 24, 'more was written than there is room for')
    out += bytes.toString('latin1', slice.length, end)
    at += reader.at
  }
  return { kind: reader.invalid ? 'invalid' : reader.done ? 'done' : 'more', text: out, rest: text.slice(at) }
}

const BODIES: readonly (readonly [text: string, data: string])[] = [
  ['0\r\n\r\n', ''],
  ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['1;a=b;c="d"\r\nh\r\nA\r\n0123456789\r\n0;x\r\n\r\n', 'h0123456789'],
  ['a\r\n\r\n\r\n\r\n\r\n\r\n\r\n1\r\n0\r\n0\r\nX-A: b\r\nY:\r\n\r\n', '\r\n\r\n\r\n\r\n\r\n0'],
]

test('a chunked body is read whole, whatever its pieces, and what follows is left alone', () => {
  for (const [text, data] of BODIES) {
    for (let split = 1; split <= text.length; split++) {
      const plain = read(`${text}GET /`, false, split)
      assert.deepEqual([plain.kind, plain.text], ['done', data], `${text} by ${split}`)
      assert.equal(plain.rest, 'GET /')
    }
  }
})

test('what is written is read as the same by the same rules, and has neither extensions nor trailers', () => {
  for (const [text, data] of BODIES) {
    for (let split = 1; split <= text.length; split++) {
      const written = read(text, true, split, 1_000).text
      assert.match(written, /^(?:[1-9a-f][0-9a-f]*\r\n[^]*\r\n)*0\r\n\r\n$/)
      assert.deepEqual(read(written, false), { kind: 'done', text: data, rest: '' })
    }
  }
})

for (const text of [
  '\r\n',
  ' 5\r\n',
  '5 \r\nhello\r\n',
  '+5\r\n',
  '-5\r\n',
  '0x5\r\n',
  'g\r\n',
  ';a\r\n',
  '5\n',
  '5\rx',
  '5\r\nhelloX',
  '5\r\nhello\n',
  '5\r\nhello\rX',
  '80000000\r\n',
  'fffffffffffffffff\r\n',
  '00000000000000005\r\n',
  '5;\0\r\n',
  '5;a\n',
  '0\r\n X: y\r\n\r\n',
  '0\r\nX y: z\r\n',
  '0\r\nX: y\n',
  '0\r\nX\r\n',
  '0\r\n\rX',
]) {
  test(`${JSON.stringify(text)} is no chunk`, () => {
    assert.equal(read(text, true).kind, 'invalid')
    assert.equal(read(text, true, 1).kind, 'invalid')
  })
}

test('extensions and trailers are bounded, sizes are not', () => {
  assert.equal(read(`1;${'a'.repeat(CHUNK_EXTRAS_BYTES_MAX + 1)}\r\n`, true).kind, 'invalid')
  assert.equal(read(`${'1;aaaaaaa\r\nx\r\n'.repeat(CHUNK_EXTRAS_BYTES_MAX / 8 + 1)}0\r\n\r\n`, true).kind, 'invalid')
  assert.equal(read(`0\r\nx: ${'a'.repeat(CHUNK_EXTRAS_BYTES_MAX + 1)}\r\n\r\n`, true).kind, 'invalid')
  assert.equal(read(`${'1\r\nx\r\n'.repeat(100_000)}0\r\n\r\n`, true).kind, 'done')
})
