import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddressRanges } from '@headgate/core'
import { Arena } from './arena.ts'
import { type ClientOrigin, ClientRequest } from './client-request.ts'
import { steps } from './head.ts'
import { ProxyCallers } from './proxy-callers.ts'
import { RequestHead } from './request-head.ts'

function startConnection(proxyCallers: ClientOrigin['proxyCallers'] = null): (text: string) => ClientRequest {
  const { bytes, input } = new Arena()
  const head = new RequestHead(bytes)
  const origin = { scheme: 'http', address: '192.0.2.7', tls: null, peer: null, proxyCallers } as const
  const request = new ClientRequest(head, origin)
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

// Guards against what is kept from one request to the next: the caller of another request.
test('every request of a declared proxy has the caller that the proxy says, and the service is told the whole way', () => {
  const read = startConnection(new ProxyCallers(parseAddressRanges(['192.0.2.0/24'])))
  const seen = (fields: string): unknown => {
    const request = read(`GET / HTTP/1.1\r\nHost: one.test${fields}`)
    const { address, scheme, peerAddress, isChainInvalid } = request
    return [address, scheme, isChainInvalid, peerAddress, ...forwarded(request).split('\r\n').slice(0, 2)]
  }
  const of = (address: string, scheme: string, way: string, isInvalid = false): unknown => [
    address,
    scheme,
    isInvalid,
    '192.0.2.7',
    `X-Forwarded-For: ${way}`,
    `X-Forwarded-Proto: ${scheme}`,
  ]
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(seen(''), of('192.0.2.7', 'http', '192.0.2.7'))
    assert.deepEqual(
      seen('\r\nX-Forwarded-For: 6.6.6.6, 198.51.100.1, 192.0.2.8\r\nX-Forwarded-Proto: https'),
      of('198.51.100.1', 'https', '198.51.100.1, 192.0.2.8, 192.0.2.7'),
    )
    assert.deepEqual(seen('\r\nForwarded: for=198.51.100.2'), of('198.51.100.2', 'http', '198.51.100.2, 192.0.2.7'))
    const invalid = '\r\nX-Forwarded-For: nonsense\r\nX-Forwarded-Proto: https'
    assert.deepEqual(seen(invalid), of('192.0.2.7', 'http', '192.0.2.7', true))
  }
})

test('what anybody else says about its address is nothing', () => {
  const request = startConnection()(
    'GET / HTTP/1.1\r\nHost: one.test\r\nX-Forwarded-For: 6.6.6.6\r\nForwarded: nonsense',
  )
  assert.deepEqual([request.address, request.isChainInvalid], ['192.0.2.7', false])
  assert.match(forwarded(request), /^X-Forwarded-For: 192\.0\.2\.7\r\n/)
})
