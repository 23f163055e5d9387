/**
 * When a connection becomes a tunnel and when it never does, without sockets; what goes through one is in `tunnel.test.ts`.
 */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { createFakeEngine, type FakeEngine, type Wire } from '#agent/testing/fake-engine.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
/** Of RFC 6455 section 1.3. */
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
const HOST = 'Host: a.example\r\n'
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
const HANDSHAKE = `${UPGRADE}Sec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n`
const SWITCHED = `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}Sec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`
const SMUGGLED = `GET /smuggled HTTP/1.1\r\n${HOST}\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

const ask = (fields: string, line = 'GET /chat HTTP/1.1'): string => `${line}\r\n${HOST}${fields}\r\n`

function websocketEngine(settings = {}): FakeEngine {
  const fake = createFakeEngine(settings)
  fake.websocket = true
  return fake
}

/** A client that has asked, and the service that got it; null: nothing got there. */
function asked(fake: FakeEngine, request: string, size?: number): { client: Wire; service: Wire | null } {
  const client = fake.client()
  const rest = fake.deliver(client, request, size)
  const service = fake.services[0] ?? null
  if (service !== null) fake.open(service)
  fake.deliver(client, rest, size)
  return { client, service }
}

function tunnelled(fake: FakeEngine): { client: Wire; service: Wire } {
  const { client, service } = asked(fake, ask(HANDSHAKE))
  assert.ok(service !== null)
  fake.deliver(service, SWITCHED)
  assert.ok(client.text.startsWith('HTTP/1.1 101 '), client.text)
  client.text = service.text = ''
  return { client, service }
}

test('a handshake crosses with what belongs to it, however it is split, and both sides are tied together', () => {
  const more = 'Sec-WebSocket-Protocol: chat, other\r\nSec-WebSocket-Extensions: permessage-deflate\r\n'
  const request = ask(HANDSHAKE + more)
  const response = SWITCHED.replace('\r\n\r\n', `\r\nSec-WebSocket-Protocol: chat\r\nX-Request-Id: theirs\r\n\r\n`)
  for (let size = 1; size < request.length; size += 3) {
    using fake = websocketEngine()
    const { client, service } = asked(fake, request, size)
    assert.ok(service !== null)
    const lines = service.text.split('\r\n')
    for (const line of [...HANDSHAKE.split('\r\n'), ...more.split('\r\n')]) assert.ok(lines.includes(line), line)
    assert.equal(lines.filter((line) => /^(?:Connection|Upgrade):/i.test(line)).length, 2)
    fake.deliver(service, `${response}from the service`, size)
    const [head = '', tunnel] = client.text.split('\r\n\r\n')
    assert.deepEqual(head.split('\r\n').toSorted(), [
      'Connection: Upgrade',
      'HTTP/1.1 101 Switching Protocols',
      `Sec-WebSocket-Accept: ${ACCEPT}`,
      'Sec-WebSocket-Protocol: chat',
      'Upgrade: websocket',
      'X-Request-Id: id',
    ])
    assert.equal(tunnel, 'from the service')
    client.text = service.text = ''
    fake.deliver(client, '\x81\x00GET / HTTP/1.1\r\n\r\n', size)
    fake.deliver(service, 'HTTP/1.1 200 OK\r\n\r\n', size)
    assert.deepEqual([service.text, client.text], ['\x81\x00GET / HTTP/1.1\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'])
    assert.equal(fake.outcomes.length, 0)
  }
})

test('what a client sends before the service has agreed waits, and comes first', () => {
  using fake = websocketEngine()
  const { client, service } = asked(fake, `${ask(HANDSHAKE)}early`)
  assert.ok(service !== null)
  assert.ok(service.text.endsWith('\r\n\r\n'), service.text)
  assert.equal(client.connection.paused, true)
  service.text = ''
  fake.deliver(service, `${SWITCHED}first`)
  assert.equal(client.connection.paused, false)
  fake.deliver(client, 'late')
  assert.equal(service.text, 'earlylate')
  assert.ok(client.text.endsWith('first'))
})

// An attacker hides a request behind an upgrade that one side believes in and the other does not.
for (const [title, fields, line] of [
  ['without a key', `${UPGRADE}Sec-WebSocket-Version: 13\r\n`],
  ['with a key of 15 bytes', HANDSHAKE.replace(KEY, 'AAAAAAAAAAAAAAAAAAAA')],
  ['with a key of 17 bytes', HANDSHAKE.replace(KEY, 'AAAAAAAAAAAAAAAAAAAAAAA=')],
  ['with a key in another spelling of base64', HANDSHAKE.replace(KEY, 'dGhlIHNhbXBsZSBub25jZR==')],
  ['with a key that is no base64', HANDSHAKE.replace(KEY, 'dGhlIHNhbXBsZSBub25jZ!==')],
  ['with two keys', `${HANDSHAKE}Sec-WebSocket-Key: ${KEY}\r\n`],
  ['without a version', `${UPGRADE}Sec-WebSocket-Key: ${KEY}\r\n`],
  ['of version 8', HANDSHAKE.replace('13', '8')],
  ['of two versions', `${HANDSHAKE}Sec-WebSocket-Version: 13\r\n`],
  ['of a list of versions', HANDSHAKE.replace('13', '13, 8')],
  ['with an answer in it', `${HANDSHAKE}Sec-WebSocket-Accept: ${ACCEPT}\r\n`],
  ['with a subprotocol that is no token', `${HANDSHAKE}Sec-WebSocket-Protocol: a b\r\n`],
  ['in a POST', HANDSHAKE, 'POST /chat HTTP/1.1'],
  ['in a HEAD', HANDSHAKE, 'HEAD /chat HTTP/1.1'],
  ['with a body', `${HANDSHAKE}Content-Length: 3\r\n`],
  ['with chunks', `${HANDSHAKE}Transfer-Encoding: chunked\r\n`],
] as const) {
  test(`a handshake ${title} is refused, ends the connection, and what is behind it is not read`, () => {
    using fake = websocketEngine()
    const { client, service } = asked(fake, ask(fields, line) + SMUGGLED)
    assert.equal(service, null)
    assert.match(client.text, /^HTTP\/1\.1 400 [^]*\r\nsec-websocket-version: 13\r\n/)
    assert.equal(client.text.split('HTTP/1.1 ').length, 2)
    assert.deepEqual([client.ended, fake.malformed], [true, ['handshake_invalid']])
  })
}

for (const [title, fields, line] of [
  ['of HTTP/2', `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n`],
  ['to two protocols', HANDSHAKE.replace('Upgrade: websocket', 'Upgrade: websocket, h2c')],
  ['in two fields', `${HANDSHAKE}Upgrade: h2c\r\n`],
  ['to a version of it', HANDSHAKE.replace('Upgrade: websocket', 'Upgrade: websocket/13')],
  ['that Connection does not name', HANDSHAKE.replace('Connection: Upgrade', 'Connection: keep-alive')],
  ['without Connection', HANDSHAKE.replace('Connection: Upgrade\r\n', '')],
  ['of TLS', 'Connection: upgrade\r\nUpgrade: TLS/1.2\r\n'],
  ['in HTTP/1.0', HANDSHAKE, 'GET /chat HTTP/1.0'],
] as const) {
  test(`an upgrade ${title} is none: it ends here, and the request is an ordinary one`, () => {
    using fake = websocketEngine()
    const { client, service } = asked(fake, ask(fields, line))
    assert.ok(service !== null)
    assert.doesNotMatch(service.text, /^(?:Upgrade|Connection|HTTP2-Settings):/im)
    fake.deliver(service, SWITCHED)
    // Nobody has asked for it.
    assert.match(client.text, /^HTTP\/1\.1 502 /)
    assert.equal(service.destroyed, true)
  })
}

test('on a route that does not say so, a good handshake is an ordinary request, and 101 is nonsense', () => {
  using fake = createFakeEngine()
  const { client, service } = asked(fake, ask(HANDSHAKE) + SMUGGLED)
  assert.ok(service !== null)
  assert.doesNotMatch(service.text, /^(?:Upgrade|Connection):/im)
  fake.deliver(service, `${SWITCHED}bytes`)
  assert.match(client.text, /^HTTP\/1\.1 502 /)
  assert.ok(!client.text.includes('bytes'))
  assert.equal(service.destroyed, true)
})

for (const [title, response] of [
  ['without its proof', SWITCHED.replace(`Sec-WebSocket-Accept: ${ACCEPT}\r\n`, '')],
  ['with the proof of another key', SWITCHED.replace(ACCEPT, hash('sha1', 'other', 'base64'))],
  ['with two proofs', SWITCHED.replace('\r\n\r\n', `\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`)],
  ['to another protocol', SWITCHED.replace('websocket', 'h2c')],
  ['to two protocols', SWITCHED.replace('websocket', 'websocket, h2c')],
  ['without Upgrade', SWITCHED.replace('Upgrade: websocket\r\n', '')],
  ['without Connection', SWITCHED.replace('Connection: Upgrade\r\n', '')],
  ['that closes', SWITCHED.replace('Connection: Upgrade', 'Connection: close')],
  ['with a length', SWITCHED.replace('\r\n\r\n', '\r\nContent-Length: 0\r\n\r\n')],
  ['with chunks', SWITCHED.replace('\r\n\r\n', '\r\nTransfer-Encoding: chunked\r\n\r\n')],
  ['with a subprotocol that nobody offered', SWITCHED.replace('\r\n\r\n', '\r\nSec-WebSocket-Protocol: x\r\n\r\n')],
  ['with an extension that nobody offered', SWITCHED.replace('\r\n\r\n', '\r\nSec-WebSocket-Extensions: x\r\n\r\n')],
  ['of HTTP/1.0', SWITCHED.replace('HTTP/1.1', 'HTTP/1.0')],
] as const) {
  test(`an answer of 101 ${title} opens no tunnel`, () => {
    using fake = websocketEngine()
    const { client, service } = asked(fake, `${ask(HANDSHAKE)}early`)
    assert.ok(service !== null)
    fake.deliver(service, `${response}bytes`)
    assert.match(client.text, /^HTTP\/1\.1 502 /)
    assert.ok(!client.text.includes('bytes') && !service.text.includes('early'))
    assert.deepEqual([service.destroyed, client.ended, fake.outcomes[0]?.kind], [true, true, 'failed'])
  })
}

test('a service that answers an upgrade with something else is passed on, and both connections end with it', () => {
  using fake = websocketEngine()
  const { client, service } = asked(fake, ask(HANDSHAKE) + SMUGGLED)
  assert.ok(service !== null)
  fake.deliver(service, OK)
  assert.match(client.text, /^HTTP\/1\.1 200 OK\r\n[^]*Connection: close\r\n\r\nok$/)
  assert.deepEqual([client.ended, service.destroyed, fake.services.length], [true, true, 1])
  assert.ok(!service.text.includes('smuggled'))
})

test('interim responses in front of 101 pass', () => {
  using fake = websocketEngine()
  const { client, service } = asked(fake, ask(HANDSHAKE))
  assert.ok(service !== null)
  fake.deliver(service, `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${SWITCHED}`)
  assert.match(client.text, /^HTTP\/1\.1 103 [^]*HTTP\/1\.1 101 /)
})

test('whoever takes nothing stops the other side, in both directions', () => {
  using fake = websocketEngine()
  const { client, service } = tunnelled(fake)
  for (const [from, to] of [
    [client, service],
    [service, client],
  ] as const) {
    to.stuck = true
    fake.deliver(from, 'x'.repeat(100_000), 50_000)
    assert.deepEqual([from.connection.paused, to.text.length], [true, 50_000])
    fake.drain(to)
    assert.equal(from.connection.paused, false)
  }
})

test('an end in good order crosses, the other direction goes on, and the exchange ends with both', () => {
  for (const first of ['client', 'service'] as const) {
    using fake = websocketEngine()
    const sides = tunnelled(fake)
    const [one, other] = first === 'client' ? [sides.client, sides.service] : [sides.service, sides.client]
    fake.end(one)
    assert.deepEqual([other.ended, one.ended, fake.outcomes.length], [true, false, 0])
    fake.deliver(other, 'still')
    assert.equal(one.text, 'still')
    fake.end(other)
    assert.equal(one.ended, true)
    assert.deepEqual([fake.outcomes[0]?.kind, fake.outcomes.length], ['answered', 1])
    fake.close(one)
    fake.close(other)
    assert.equal(fake.engine.connections, 0)
  }
})

test('an abrupt end of one side ends the other', () => {
  for (const first of ['client', 'service'] as const) {
    using fake = websocketEngine()
    const sides = tunnelled(fake)
    fake.close(sides[first])
    assert.equal(sides[first === 'client' ? 'service' : 'client'].destroyed, true)
    const [outcome] = fake.outcomes
    assert.deepEqual([outcome?.kind, outcome?.kind === 'answered' && outcome.status], ['answered', 101])
  }
})

test('a tunnel in which nothing moves ends, and a byte now and then keeps it', () => {
  using fake = websocketEngine({ websocketIdleMs: 60_000 })
  const { client, service } = tunnelled(fake)
  for (let minute = 0; minute < 5; minute++) {
    fake.pass(40_000)
    fake.deliver(minute % 2 === 0 ? client : service, '\x89\x00')
  }
  fake.pass(59_000)
  assert.equal(client.destroyed, false)
  fake.pass(2_000)
  assert.deepEqual([client.destroyed, service.destroyed, fake.outcomes.length], [true, true, 1])
})

test('whoever takes nothing, or has ended one direction, is not waited for like an idle tunnel', () => {
  for (const how of ['blocked', 'ended'] as const) {
    using fake = websocketEngine({ websocketIdleMs: 600_000, clientIdleMs: 15_000 })
    const { client, service } = tunnelled(fake)
    client.stuck = how === 'blocked'
    if (how === 'ended') fake.end(service)
    else fake.deliver(service, 'x')
    fake.pass(16_000)
    assert.deepEqual([client.destroyed, service.destroyed], [true, true])
  }
})

test('a tunnel does not last longer than it may, however busy it is', () => {
  using fake = websocketEngine({ websocketMsMax: 100_000 })
  const { client, service } = tunnelled(fake)
  for (let second = 0; second < 95; second++) {
    fake.pass(1_000)
    fake.deliver(client, 'x')
  }
  assert.equal(client.destroyed, false)
  fake.pass(10_000)
  assert.deepEqual([client.destroyed, service.destroyed], [true, true])
})

test('a tunnel takes no place of those who wait for the service, and its connection is not used again', () => {
  using fake = websocketEngine()
  for (let index = 0; index < 8; index++) {
    const client = fake.client()
    fake.deliver(client, ask(HANDSHAKE))
    const service = fake.services[index]
    assert.ok(service !== undefined)
    fake.open(service)
    fake.deliver(service, SWITCHED)
    assert.match(client.text, /^HTTP\/1\.1 101 /)
  }
  const client = fake.client()
  fake.deliver(client, ask(''))
  assert.equal(fake.services.length, 9)
})
