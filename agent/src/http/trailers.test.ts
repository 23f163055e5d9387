/**
 * Which fields pass behind a body, whose, and when; on connections without sockets, however the bytes are split.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeEngine, type FakeEngine, type Wire } from '#agent/testing/fake-engine.ts'
import { TRAILER_FIELDS_MAX, TRAILERS_BYTES_MAX } from './trailers.ts'

const HOST = 'Host: a.example\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const GRPC = 'Content-Type: application/grpc+proto\r\n'
const OK = 'HTTP/1.1 200 OK\r\n'

function post(fields: string, trailers: string, body = '5\r\nhello\r\n'): string {
  return `POST /a HTTP/1.1\r\n${HOST}${fields}${CHUNKED}\r\n${body}0\r\n${trailers}\r\n`
}

const reply = (trailers: string, fields = '', body = '2\r\nok\r\n'): string =>
  `${OK}${fields}${CHUNKED}\r\n${body}0\r\n${trailers}\r\n`

/** Everything that a message has behind its last chunk, without the empty line; null: the message is not whole. */
function trailersOf(text: string): string | null {
  const end = text.endsWith('\r\n\r\n') ? text.lastIndexOf('\r\n0\r\n') : -1
  return end === -1 ? null : text.slice(end + 5, -2)
}

function exchange(
  fake: FakeEngine,
  request: string,
  response: string,
  size = 100_000,
): { client: Wire; service: Wire } {
  const client = fake.client()
  const rest = fake.deliver(client, request, size)
  const service = fake.services[0]
  assert.ok(service !== undefined, client.text)
  fake.open(service)
  fake.deliver(client, rest, size)
  fake.deliver(service, response, size)
  return { client, service }
}

for (const [title, isOn, fields, toService, toClient] of [
  ['nobody asked for', false, 'TE: trailers\r\nConnection: TE\r\n', '', ''],
  [
    'the media type of gRPC in the browser, which has them in its body,',
    false,
    'TE: trailers\r\nContent-Type: application/grpc-web\r\n',
    '',
    '',
  ],
  ['another media type that begins alike', false, 'TE: trailers\r\nContent-Type: application/grpcx\r\n', '', ''],
  ['a call of gRPC', false, `${GRPC}TE: trailers\r\n`, 'A: b\r\n', 'C: d\r\n'],
  [
    'a call of gRPC without a format',
    false,
    'content-type: Application/GRPC\r\nte: trailers\r\n',
    'A: b\r\n',
    'C: d\r\n',
  ],
  ['a call of gRPC that takes none', false, GRPC, 'A: b\r\n', ''],
  ['a route that lets them pass', true, 'TE: trailers\r\nConnection: TE\r\n', 'A: b\r\n', 'C: d\r\n'],
  ['a route that lets them pass, among codings,', true, 'TE: deflate;q=0.5, Trailers \r\n', 'A: b\r\n', 'C: d\r\n'],
  [
    'a route that lets them pass, and a client that takes none',
    true,
    'TE: trailers;q=1, xtrailers\r\n',
    'A: b\r\n',
    '',
  ],
] as const) {
  test(`trailers with ${title} ${toService === '' ? 'end here' : toClient === '' ? 'go to the service only' : 'pass'}`, () => {
    const [request, response] = [post(fields, 'A:b \r\n'), reply('C: \td\r\n')]
    for (let size = 1; size <= request.length; size += size < 8 ? 1 : 7) {
      using fake = createFakeEngine()
      fake.trailers = isOn
      const { client, service } = exchange(fake, request, response, size)
      assert.equal(trailersOf(service.text), toService, `by ${size}: ${service.text}`)
      assert.equal(trailersOf(client.text), toClient, `by ${size}: ${client.text}`)
      assert.equal(service.text.includes('TE: trailers\r\nConnection: TE\r\n'), toClient !== '')
      assert.equal(fake.outcomes[0]?.kind, 'answered')
      // The next request on the same connections is none of the same rule.
      client.text = service.text = ''
      fake.trailers = false
      fake.deliver(client, post('', 'A: b\r\n'))
      fake.deliver(service, reply('C: d\r\n'))
      assert.deepEqual([trailersOf(service.text), trailersOf(client.text)], ['', ''])
    }
  })
}

test('a client of HTTP/1.0 gets no trailers', () => {
  using fake = createFakeEngine()
  fake.trailers = true
  const { client, service } = exchange(fake, `GET /a HTTP/1.0\r\n${HOST}TE: trailers\r\n\r\n`, reply('C: d\r\n'))
  assert.ok(!service.text.includes('TE:'))
  assert.ok(client.text.endsWith('\r\n\r\nok'), client.text)
})

test('trailers without a body before them pass: that is how a call of gRPC fails', () => {
  using fake = createFakeEngine()
  const { client } = exchange(fake, post(`${GRPC}TE: trailers\r\n`, ''), reply('grpc-status: 5\r\n', '', ''))
  assert.ok(client.text.endsWith('\r\n\r\n0\r\ngrpc-status: 5\r\n\r\n'), client.text)
})

test('which trailers come is announced where they pass, and only there', () => {
  for (const isOn of [true, false]) {
    using fake = createFakeEngine()
    fake.trailers = isOn
    const request = post('TE: trailers\r\nTrailer: A\r\n', 'A: b\r\n')
    const { client, service } = exchange(fake, request, reply('C: d\r\n', 'Trailer: C\r\n'))
    assert.deepEqual([service.text.includes('Trailer: A\r\n'), client.text.includes('Trailer: C\r\n')], [isOn, isOn])
  }
})

// Whoever merges trailers into the head would let them undo what was decided about it.
for (const name of [
  'Content-Length',
  'Transfer-Encoding',
  'Trailer',
  'Host',
  'Connection',
  'TE',
  'Upgrade',
  'Expect',
  'Authorization',
  'Proxy-Authorization',
  'Proxy-Authenticate',
  'WWW-Authenticate',
  'Cookie',
  'Set-Cookie',
  'X-Api-Key',
  'X-Forwarded-For',
  'X-Forwarded-Anything',
  'Forwarded',
  'X-Real-IP',
  'X-Headgate-Consumer',
  'X-Request-Id',
  'X-Original-URL',
  'X-HTTP-Method-Override',
  'Content-Type',
  'Content-Encoding',
  'Content-Range',
  'Cache-Control',
  'If-Match',
  'Range',
  'Location',
  'Retry-After',
  'RateLimit',
  'Date',
  'Vary',
]) {
  test(`${name} is no trailer, in neither direction`, () => {
    using fake = createFakeEngine()
    fake.trailers = true
    const trailers = `A: b\r\n${name.toLowerCase()}: 1\r\n${name}:2\r\nC: d\r\n`
    const { client, service } = exchange(fake, post('TE: trailers\r\n', trailers), reply(trailers))
    assert.equal(trailersOf(service.text), 'A: b\r\nC: d\r\n')
    assert.equal(trailersOf(client.text), 'A: b\r\nC: d\r\n')
  })
}

test('a name with _ and one that Connection takes away reach no service as trailers', () => {
  using fake = createFakeEngine()
  fake.trailers = true
  const request = post('TE: trailers\r\nConnection: TE, X-Hop\r\n', 'X_Forwarded_For: 1\r\nX-HOP: 2\r\nA: b\r\n')
  const response = reply('grpc_x: 1\r\nx-hop: 2\r\n', 'Connection: X-Hop\r\n')
  const { client, service } = exchange(fake, request, response)
  assert.equal(trailersOf(service.text), 'A: b\r\n')
  // A client is no server of the CGI kind.
  assert.equal(trailersOf(client.text), 'grpc_x: 1\r\n')
})

for (const [title, trailers] of [
  ['more fields than there may be', 'A: b\r\n'.repeat(TRAILER_FIELDS_MAX + 1)],
  ['more bytes than there may be', `A: ${'b'.repeat(TRAILERS_BYTES_MAX)}\r\n`],
  ['a name without a colon', 'A\r\n'],
  ['a space in a name', 'A : b\r\n'],
  ['a folded line', 'A: b\r\n c\r\n'],
  ['a lone LF', 'A: b\nB: c\r\n'],
  ['a lone CR', 'A: b\rB: c\r\n'],
  ['a NUL', 'A: \0\r\n'],
] as const) {
  test(`trailers with ${title} break the message off, in both directions`, () => {
    using fake = createFakeEngine()
    fake.trailers = true
    // The body is longer than what is gathered, so that the service has its beginning.
    const body = `5000\r\n${'x'.repeat(0x5000)}\r\n`
    const asked = exchange(fake, post('TE: trailers\r\n', trailers, body), '', 0x4800)
    assert.deepEqual([trailersOf(asked.service.text), asked.service.destroyed], [null, true])
    assert.match(asked.client.text, /^HTTP\/1\.1 400 /)
    using other = createFakeEngine()
    other.trailers = true
    const answered = exchange(other, post('TE: trailers\r\n', ''), reply(trailers))
    assert.deepEqual([trailersOf(answered.client.text), answered.client.destroyed], [null, true])
    assert.equal(other.outcomes[0]?.kind, 'broken')
  })
}

test('as many trailers as there may be pass whole', () => {
  const fields = Array.from({ length: TRAILER_FIELDS_MAX }, (_, index) => `A${index}: ${'b'.repeat(100)}\r\n`).join('')
  using fake = createFakeEngine()
  fake.trailers = true
  const { client } = exchange(fake, post('TE: trailers\r\n', fields), reply(fields), 1)
  assert.equal(trailersOf(client.text), fields)
})
