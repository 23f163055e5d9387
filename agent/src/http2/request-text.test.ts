import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { requestText } from './request-text.ts'

const GET = [':method', 'GET', ':scheme', 'https', ':path', '/a', ':authority', 'api.example.com']

test('a header section is the head of one request', () => {
  const text = requestText([...GET, 'cookie', 'a=1', 'x-test', 'y', 'cookie', 'b=2'], true)
  assert.deepEqual(text, {
    head: 'GET /a HTTP/1.1\r\nhost: api.example.com\r\nx-test: y\r\ncookie: a=1; b=2\r\nconnection: close\r\n\r\n',
    chunked: false,
    toHead: false,
    grpc: false,
  })
})

test('gRPC is known by its content type, and not by one that only begins like it', () => {
  const isGrpc = (type: string): boolean | undefined => requestText([...GET, 'content-type', type], false)?.grpc
  assert.deepEqual(
    ['application/grpc', 'application/grpc+proto', 'application/grpc; x=y', 'application/grpc-web', 'text/plain'].map(
      isGrpc,
    ),
    [true, true, true, false, false],
  )
})

// Guards against request smuggling: whatever the values are, they stay in the line in which they belong.
test('no value of a header section makes another line, or ends the head', () => {
  const value = fc.oneof(
    fc.string({ maxLength: 8 }),
    fc.constantFrom('GET', '/a', 'x'),
    fc.constantFrom('a\r\nb: c', 'a\n', '\r\n\r\n', 'a b', ''),
  )
  const name = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('x', 'host', 'cookie', ':path', 'te', 'x\r\ny'))
  fc.assert(
    fc.property(
      value,
      value,
      value,
      value,
      fc.array(fc.tuple(name, value), { maxLength: 4 }),
      fc.boolean(),
      (method, path, scheme, authority, fields, ends) => {
        const list = [
          ':method',
          method,
          ':scheme',
          scheme.length < 2 ? 'http' : 'https',
          ':path',
          path,
          ':authority',
          authority,
        ]
        const text = requestText([...list, ...fields.flat()], ends)
        if (text === null) return
        const lines = text.head.split('\r\n')
        // Request line, host, one for each field at most, framing, connection, and the end.
        assert.ok(lines.length <= fields.length + 6)
        assert.equal(text.head.indexOf('\r\n\r\n'), text.head.length - 4)
        assert.equal(/[\r\n]/.test(lines.join('')), false)
        assert.match(lines[0] ?? '', /^[^ ]+ [^ ]+ HTTP\/1\.1$/)
        assert.equal(lines.filter((line) => line.startsWith('host:')).length, 1)
      },
    ),
    { numRuns: 500 },
  )
})
