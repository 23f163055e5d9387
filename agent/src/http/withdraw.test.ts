/**
 * How requests end whose permission is taken back, at every point of their way, without sockets.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeEngine, type FakeEngine, type Wire } from '#agent/testing/fake-engine.ts'
import type { Exchange } from './exchange.ts'
import { closeFrame } from './websocket-frames.ts'

const HOST = 'Host: a.example\r\n'
const GET = `GET / HTTP/1.1\r\n${HOST}\r\n`
const REASON = 'credential_revoked'

/** A client that has sent this, and its exchange. Forwarding that may be refused still is refused with 401. */
function asked(fake: FakeEngine, request: string): { client: Wire; exchange: Exchange } {
  let exchange: Exchange | null = null
  fake.handle = (each) => {
    exchange = each
    each.forward({
      ...forwardingOf(fake, each),
      ended: (ended, forwarded) => {
        ;(fake.outcomes as unknown[]).push(forwarded)
        if (forwarded.kind === 'withdrawn' && forwarded.status === 0) ended.refuse(401, [], forwarded.reason)
      },
    })
  }
  const client = fake.client()
  fake.deliver(client, request)
  assert.ok(exchange !== null)
  return { client, exchange }
}

/** What the fake forwards with. */
function forwardingOf(fake: FakeEngine, exchange: Exchange): Parameters<Exchange['forward']>[0] {
  let forwarding: Parameters<Exchange['forward']>[0] | null = null
  const catching = { ...exchange, head: exchange.head, forward: (each: typeof forwarding) => void (forwarding = each) }
  fake.forward(catching as Exchange)
  if (forwarding === null) throw new Error('the fake forwards at once')
  return forwarding
}

const kinds = (fake: FakeEngine): readonly string[] =>
  fake.outcomes.map((each) => (each.kind === 'withdrawn' ? `${each.reason} ${each.status}` : each.kind))

test('a request that waits for a connection is refused, and the client goes on with the next one', () => {
  using fake = createFakeEngine()
  const { client, exchange } = asked(fake, GET)
  exchange.withdraw(REASON)
  assert.match(client.text, /^HTTP\/1\.1 401 [^]*credential_revoked$/)
  assert.deepEqual(kinds(fake), [`${REASON} 0`])
  client.text = ''
  fake.deliver(client, GET)
  const service = fake.services.at(-1)
  assert.ok(service !== undefined && service !== fake.services[0])
  fake.open(service)
  fake.deliver(service, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  assert.match(client.text, /^HTTP\/1\.1 200 OK/)
  assert.deepEqual(kinds(fake), [`${REASON} 0`, 'answered'])
})

test('a request without an answer is refused, its connection to the service ends, and what comes late is dropped', () => {
  using fake = createFakeEngine()
  const { client, exchange } = asked(fake, GET)
  const [service] = fake.services
  assert.ok(service !== undefined)
  fake.open(service)
  exchange.withdraw(REASON)
  assert.equal(service.destroyed, true)
  assert.match(client.text, /^HTTP\/1\.1 401 /)
  const before = client.text
  fake.close(service)
  assert.deepEqual([client.text, client.destroyed, kinds(fake)], [before, false, [`${REASON} 0`]])
})

test('a body that is under way is not passed on any more', () => {
  using fake = createFakeEngine({ gatherBytes: 1 })
  const { client, exchange } = asked(fake, `POST / HTTP/1.1\r\n${HOST}Content-Length: 1000\r\n\r\nxxxx`)
  const [service] = fake.services
  assert.ok(service !== undefined)
  fake.open(service)
  assert.ok(service.text.endsWith('xxxx'))
  exchange.withdraw(REASON)
  fake.deliver(client, 'yyyy')
  assert.ok(!service.text.includes('y') && service.destroyed)
  assert.match(client.text, /^HTTP\/1\.1 401 /)
})

for (const [title, head] of [
  ['of a known length', 'Content-Length: 100'],
  ['in chunks', 'Transfer-Encoding: chunked'],
] as const) {
  test(`a response ${title} that has begun is cut, and does not look whole`, () => {
    using fake = createFakeEngine()
    const { client, exchange } = asked(fake, GET)
    const [service] = fake.services
    assert.ok(service !== undefined)
    fake.open(service)
    fake.deliver(service, `HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nhello\r\n`)
    exchange.withdraw(REASON)
    assert.deepEqual([client.destroyed, service.destroyed], [true, true])
    assert.ok(!client.text.includes('\r\n0\r\n') && !client.text.includes('401'))
    assert.deepEqual(kinds(fake), [`${REASON} 200`])
  })
}

test('what has ended already is let be', () => {
  using fake = createFakeEngine()
  const { client, exchange } = asked(fake, GET)
  const [service] = fake.services
  assert.ok(service !== undefined)
  fake.open(service)
  fake.deliver(service, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const before = client.text
  exchange.withdraw(REASON)
  assert.deepEqual([client.text, client.destroyed, kinds(fake)], [before, false, ['answered']])
})

const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
/** Of RFC 6455 section 1.3. */
const HANDSHAKE = `${UPGRADE}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n`
const SWITCHED = `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n`

const GOODBYE = Buffer.from(closeFrame(1008, REASON, false)).toString('latin1')
/** A masked close frame with this reason: its mask is any. */
const MASKED = new RegExp(`^\x88${String.fromCharCode(0x80 | (2 + REASON.length))}[^]{${4 + 2 + REASON.length}}$`)
/** 10 bytes of data, from a client and from a service. */
const FROM_CLIENT = '\x82\x8a\0\0\0\x000123456789'
const FROM_SERVICE = '\x82\x0aabcdefghij'

function tunnelled(fake: FakeEngine): { client: Wire; service: Wire; exchange: Exchange } {
  fake.websocket = true
  const { client, exchange } = asked(fake, `GET / HTTP/1.1\r\n${HOST}${HANDSHAKE}\r\n`)
  const [service] = fake.services
  assert.ok(service !== undefined)
  fake.open(service)
  fake.deliver(service, SWITCHED)
  assert.match(client.text, /^HTTP\/1\.1 101 /)
  client.text = service.text = ''
  return { client, service, exchange }
}

test('both sides of a WebSocket are told why it ends, each with the mask that it expects', () => {
  using fake = createFakeEngine()
  const { client, service, exchange } = tunnelled(fake)
  exchange.withdraw(REASON)
  assert.equal(client.text, GOODBYE)
  assert.match(service.text, MASKED)
  assert.deepEqual([client.ended, service.ended], [true, true])
  for (const side of [service, client]) {
    fake.end(side)
    fake.close(side)
  }
  assert.deepEqual(kinds(fake), [`${REASON} 101`])
})

for (let cut = 1; cut < FROM_CLIENT.length; cut++) {
  test(`a frame of a client that is cut behind ${cut} bytes is let pass, and nothing behind it`, () => {
    using fake = createFakeEngine()
    const { client, service, exchange } = tunnelled(fake)
    fake.deliver(client, FROM_CLIENT.slice(0, cut))
    exchange.withdraw(REASON)
    assert.equal(service.text, FROM_CLIENT.slice(0, cut))
    assert.equal(client.text, GOODBYE)
    fake.deliver(client, FROM_CLIENT.slice(cut) + FROM_CLIENT)
    assert.equal(service.text.slice(0, FROM_CLIENT.length), FROM_CLIENT)
    assert.match(service.text.slice(FROM_CLIENT.length), MASKED)
    const before = service.text
    fake.deliver(client, FROM_CLIENT)
    assert.equal(service.text, before)
  })
}

test('a side that takes nothing is told when it takes something', () => {
  using fake = createFakeEngine()
  const { client, service, exchange } = tunnelled(fake)
  client.stuck = true
  fake.deliver(service, FROM_SERVICE)
  assert.equal(client.connection.blocked, true)
  exchange.withdraw(REASON)
  assert.equal(client.text, FROM_SERVICE)
  fake.drain(client)
  assert.equal(client.text, FROM_SERVICE + GOODBYE)
})

test('a frame that does not end is cut after a second', () => {
  using fake = createFakeEngine()
  const { client, service, exchange } = tunnelled(fake)
  fake.deliver(service, FROM_SERVICE.slice(0, 5))
  exchange.withdraw(REASON)
  fake.pass(900)
  assert.equal(client.destroyed, false)
  fake.deliver(service, 'c')
  fake.pass(300)
  assert.deepEqual([client.destroyed, service.destroyed], [true, true])
  assert.deepEqual(kinds(fake), [`${REASON} 101`])
})

test('a side that has said goodbye itself is not told again', () => {
  using fake = createFakeEngine()
  const { client, service, exchange } = tunnelled(fake)
  const own = Buffer.from(closeFrame(1000, '', false)).toString('latin1')
  fake.deliver(service, own)
  exchange.withdraw(REASON)
  assert.equal(client.text, own)
  assert.match(service.text, MASKED)
})
