import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Arena } from './arena.ts'
import { ClientRequest } from './client-request.ts'
import { steps } from './head.ts'
import { RequestHead } from './request-head.ts'

function startConnection(): (text: string) => ClientRequest {
  const { bytes, input } = new Arena()
  const head = new RequestHead(bytes)
  const request = new ClientRequest(head, { scheme: 'http', address: '192.0.2.7', tls: null, peer: null })
  return (text) => {
    const length = bytes.write(`${text}\r\n\r\n`, input, 'latin1')
    assert.equal(head.read(input, input + length), steps.done)
    request.take(0)
    return request
  }
}

function forwarded({ forwardedFields }: ClientRequest): string {
  return Buffer.from(forwardedFields).toString('latin1')
}

// Guards against what is kept from one request to the next: host and target of another request.
test('host and target are those of the request at hand, whatever the connection asked for before', () => {
  const read = startConnection()
  for (const [target, host] of [
    ['/a', 'one.test'],
    ['/a', 'one.test'],
    ['/a', 'one.tess'],
    ['/b', 'one.tess'],
    ['/bc', 'one.test:8080'],
    ['/b', 'one.test'],
  ] as const) {
    const request = read(`GET ${target} HTTP/1.1\r\nHost: ${host}`)
    assert.deepEqual([request.target, request.host, request.header('host')], [target, host, [host]])
    const lines = `X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ${host}\r\n`
    assert.equal(forwarded(request), lines)
  }
})

test('two hosts, or none, are not hidden by the one of the request before', () => {
  const read = startConnection()
  assert.deepEqual(read('GET / HTTP/1.1\r\nHost: one.test').header('host'), ['one.test'])
  assert.deepEqual(read('GET / HTTP/1.1\r\nHost: one.test\r\nHost: two.test').header('host'), ['one.test', 'two.test'])
  assert.deepEqual(read('GET / HTTP/1.1\r\nHost: one.test').header('host'), ['one.test'])
  const none = read('GET / HTTP/1.1\r\nAccept: */*')
  assert.deepEqual(none.header('host'), [])
  assert.ok(forwarded(none).endsWith('X-Forwarded-Host: \r\n'))
})
