/**
 * Both kinds of connection without sockets: every split of the bytes, and everything that can happen between them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeEngine, type FakeEngine, type Wire } from '#agent/testing/fake-engine.ts'

const HOST = 'Host: a.example\r\n'
const GET = `GET /a HTTP/1.1\r\n${HOST}\r\n`
const ORIGIN = 'X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.example\r\n'
const TOLD = `${ORIGIN}X-Request-Id: id\r\n`
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const AT_CLIENT = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-Id: id\r\n\r\nok'

/** Body of a text in chunks, whatever their sizes; null when it is not whole. */
function unchunk(text: string): string | null {
  let [at, body] = [0, '']
  for (;;) {
    const line = /^([0-9a-f]+)\r\n/.exec(text.slice(at, at + 12))
    if (line === null) return null
    const size = Number.parseInt(line[1] ?? '', 16)
    at += line[0].length
    if (size === 0) return text.slice(at) === '\r\n' ? body : null
    body += text.slice(at, at + size)
    at += size + 2
  }
}

function serviceOf({ services }: FakeEngine, index = 0): Wire {
  const wire = services[index]
  assert.ok(wire !== undefined, `there is no connection ${index}`)
  return wire
}

/** A client and a service with one answered request between them. */
function connected(fake: FakeEngine): { client: Wire; service: Wire } {
  const client = fake.client()
  fake.deliver(client, GET)
  const service = serviceOf(fake)
  fake.open(service)
  fake.deliver(service, OK)
  assert.equal(client.text, AT_CLIENT)
  client.text = service.text = ''
  return { client, service }
}

const requests: readonly (readonly [title: string, text: string, body: string | null])[] = [
  ['without a body', `GET /a HTTP/1.1\r\n${HOST}Accept:*/*\r\nX-Forwarded-For: 1\r\nB: c\r\n\r\n`, null],
  ['with a length', `POST /a HTTP/1.1\r\n${HOST}Content-Length: 11\r\n\r\nhello\r\n0\r\n\r`, 'hello\r\n0\r\n\r'],
  [
    'in chunks',
    `PUT /a HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: u\r\n\r\n`,
    'abc0123456789',
  ],
]

for (const isFresh of [true, false]) {
  for (const [title, text, body] of requests) {
    test(`a request ${title} reaches ${isFresh ? 'a new' : 'an idle'} connection alike, however it is split`, () => {
      const heads = new Set<string>()
      for (let size = 1; size <= text.length; size++) {
        using fake = createFakeEngine()
        const { client, service } = isFresh ? { client: fake.client(), service: null } : connected(fake)
        const rest = fake.deliver(client, text, size)
        const wire = service ?? serviceOf(fake)
        if (isFresh) fake.open(wire)
        assert.equal(fake.deliver(client, rest, size), '')
        const end = wire.text.indexOf('\r\n\r\n') + 4
        heads.add(wire.text.slice(0, end))
        const sent = wire.text.slice(end)
        if (body === null) assert.equal(sent, '')
        else assert.equal(title === 'in chunks' ? unchunk(sent) : sent, body, `by ${size}: ${wire.text}`)
        fake.deliver(wire, OK)
        assert.equal(client.text, AT_CLIENT, `by ${size}`)
        // The next request finds the connection in good order.
        client.text = ''
        fake.deliver(client, GET)
        fake.deliver(wire, OK)
        assert.equal(client.text, AT_CLIENT, `the next one, by ${size}`)
        assert.equal(fake.services.length, 1)
      }
      assert.equal(heads.size, 1, [...heads].join('\n'))
    })
  }
}

const responses: readonly (readonly [title: string, text: string, head: string, body: string, ends: boolean])[] = [
  [
    'with a length',
    'HTTP/1.1 200 OK\r\nA:b\r\nContent-Length: 5\r\n\r\nhello',
    'A: b\r\nContent-Length: 5\r\n',
    'hello',
    false,
  ],
  [
    'in chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\nT: u\r\n\r\n',
    'Transfer-Encoding: chunked\r\n',
    'hello',
    false,
  ],
  ['until the end', 'HTTP/1.0 200 OK\r\nA: b\r\n\r\nhello', 'A: b\r\nTransfer-Encoding: chunked\r\n', 'hello', true],
  [
    'behind interim ones',
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\n${OK}`,
    'Content-Length: 2\r\n',
    'ok',
    false,
  ],
  ['without a body', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n', 'Content-Length: 5\r\n', '', false],
]

for (const [title, text, head, body, ends] of responses) {
  test(`a response ${title} reaches the client alike, however it is split`, () => {
    for (let size = 1; size <= text.length; size++) {
      using fake = createFakeEngine()
      const { client, service } = connected(fake)
      fake.deliver(client, GET)
      fake.deliver(service, text, size)
      if (ends) fake.end(service)
      let answer = client.text
      if (title === 'behind interim ones') {
        assert.ok(answer.startsWith('HTTP/1.1 103 E\r\nLink: x\r\n\r\n'), answer)
        answer = answer.slice(answer.indexOf('\r\n\r\n') + 4)
      }
      const end = answer.indexOf('\r\n\r\n') + 4
      const fields = answer.slice(answer.indexOf('\r\n') + 2, end - 2)
      assert.deepEqual(
        fields.split('\r\n').toSorted(),
        `${head}X-Request-Id: id\r\n`.split('\r\n').toSorted(),
        `by ${size}`,
      )
      const sent = answer.slice(end)
      assert.equal(fields.includes('chunked') ? unchunk(sent) : sent, body, `by ${size}`)
      assert.equal(fake.outcomes.at(-1)?.kind, 'answered')
      assert.equal(service.destroyed, ends)
      assert.equal(client.ended, false)
    }
  })
}

test('the head that goes to a service is exactly this', () => {
  using fake = createFakeEngine()
  fake.deliver(fake.client(), `GET /a?b=c HTTP/1.1\r\n${HOST}Accept: */*\r\n\r\n`)
  fake.open(serviceOf(fake))
  assert.equal(serviceOf(fake).text, `GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n${TOLD}\r\n`)
})

test('requests that come at once are answered one after the other, in order', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  const targets = Array.from({ length: 50 }, (_, index) => `/${index}`)
  fake.deliver(client, targets.map((target) => GET.replace('/a', target)).join(''))
  for (const target of targets) {
    assert.ok(service.text.startsWith(`GET ${target} `), service.text)
    assert.equal(service.text.split('GET ').length, 2, 'one at a time')
    service.text = ''
    fake.deliver(service, OK)
  }
  assert.equal(client.text, AT_CLIENT.repeat(50))
  assert.equal(client.connection.paused, false)
})

test('refused requests that come at once are answered in order, and their bodies are skipped', () => {
  using fake = createFakeEngine()
  fake.handle = (exchange) => exchange.refuse(403, [], exchange.head.target)
  const client = fake.client()
  const post = `POST /b HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nGET /`
  const chunked = `POST /c HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n`
  for (const size of [1, 2, 7, 1_000]) {
    client.text = ''
    fake.deliver(client, GET + post + chunked + GET, size)
    assert.deepEqual(client.text.match(/\/[abc]$|\/[abc](?=HTTP)/g), ['/a', '/b', '/c', '/a'])
  }
  assert.equal(fake.services.length, 0)
})

test('a decision that is awaited finds the head again, and the body where it was', async () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  let decide = (): void => {}
  fake.handle = (exchange) => {
    decide = () => {
      assert.deepEqual(exchange.head.header('x-a'), ['1'])
      fake.forward(exchange)
    }
  }
  fake.deliver(client, `POST /p HTTP/1.1\r\n${HOST}X-A: 1\r\nContent-Length: 5\r\n\r\nhe`)
  // Another connection uses the same memory meanwhile.
  fake.deliver(fake.client(), 'GARBAGE\r\n\r\n')
  await Promise.resolve()
  decide()
  fake.deliver(client, 'llo')
  assert.equal(service.text, `POST /p HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\r\nContent-Length: 5\r\n${TOLD}\r\nhello`)
})

test('a client that leaves while its decision is awaited is not forwarded', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  let decide = (): void => {}
  fake.handle = (exchange) => (decide = () => fake.forward(exchange))
  fake.deliver(client, GET)
  fake.close(client)
  decide()
  assert.deepEqual([fake.outcomes.at(-1)?.kind, service.text], ['abandoned', ''])
})

test('a bug behind a decision that is awaited is answered once', () => {
  using fake = createFakeEngine()
  const { client } = connected(fake)
  fake.handle = (exchange) => {
    exchange.refuse(403, [], 'no')
    throw new Error('after the answer')
  }
  fake.deliver(client, GET)
  assert.equal(client.text.split('HTTP/1.1 ').length, 2)
  assert.equal(client.destroyed, true)
})

test('a slow client stops the service, and a slow service stops the client', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  service.stuck = client.stuck = true
  fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}Content-Length: 40000\r\n\r\n${'x'.repeat(20_000)}`)
  assert.equal(client.connection.paused, true)
  fake.drain(service)
  assert.equal(client.connection.paused, false)
  fake.deliver(client, 'x'.repeat(20_000))
  fake.deliver(service, `HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhe`)
  assert.equal(service.connection.paused, true)
  fake.drain(client)
  assert.equal(service.connection.paused, false)
  fake.deliver(service, 'llohello')
  assert.equal(fake.outcomes.at(-1)?.kind, 'answered')
})

test('a response whose last bytes wait for the client has not been answered yet', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  client.stuck = true
  fake.deliver(client, GET + GET)
  fake.deliver(service, OK)
  assert.equal(fake.outcomes.length, 1)
  fake.drain(client)
  assert.equal(fake.outcomes.length, 2)
  fake.deliver(service, OK)
  assert.equal(client.text, AT_CLIENT.repeat(2))
})

test('a client of HTTP/1.0 gets no chunks, and keeps its connection only when it asks', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(client, `GET / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`)
  fake.deliver(service, OK)
  assert.match(client.text, /\r\nConnection: keep-alive\r\n/)
  assert.equal(client.ended, false)
  client.text = ''
  fake.deliver(client, `GET / HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`)
  fake.deliver(service, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
  assert.match(client.text, /^HTTP\/1\.1 200 OK\r\nX-Request-Id: id\r\nConnection: close\r\n\r\nok$/)
  assert.equal(client.ended, true)
})

test('bytes that a service sends unasked end its connection, and reach nobody', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(service, OK)
  assert.deepEqual([service.destroyed, client.text], [true, ''])
  fake.close(service)
  fake.deliver(client, GET)
  fake.open(serviceOf(fake, 1))
  fake.deliver(serviceOf(fake, 1), `${OK}HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsecrets`)
  assert.deepEqual([serviceOf(fake, 1).destroyed, client.text], [true, AT_CLIENT])
})

test('a request is tried again when its idle connection ends before the response, and on another one', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(client, GET)
  assert.ok(service.text.startsWith('GET /a'))
  fake.close(service)
  const second = serviceOf(fake, 1)
  fake.open(second)
  assert.equal(second.text, service.text)
  fake.deliver(second, OK)
  assert.equal(client.text, AT_CLIENT)
  // Not a third time.
  fake.deliver(client, GET)
  fake.close(second)
  fake.close(serviceOf(fake, 2))
  assert.match(client.text, /upstream_(?:failed|unreachable)$/)
})

test('a request with a body is not tried again, and none is once its response has begun', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\n\r\nx`)
  fake.close(service)
  assert.deepEqual(fake.outcomes.at(-1)?.kind, 'failed')
  fake.deliver(client, GET)
  const second = serviceOf(fake, 1)
  fake.open(second)
  fake.deliver(second, OK.slice(0, -1))
  fake.close(second)
  assert.deepEqual([fake.outcomes.at(-1)?.kind, client.destroyed, fake.services.length], ['broken', true, 2])
})

const HALF = `POST /half HTTP/1.1\r\n${HOST}Content-Length: 40000\r\n\r\n${'x'.repeat(20_000)}`

// Guards against clients that promise bodies and send none: they would hold all connections to the service.
for (const [title, parts] of [
  ['with a length', ['Content-Length: 5\r\n\r\n', 'he', 'llo']],
  ['in chunks', ['Transfer-Encoding: chunked\r\n\r\n', '5\r\nhel', 'lo\r\n0\r\n', '\r\n']],
  ['that is large', [`Content-Length: 100000\r\n\r\n${'x'.repeat(16_383)}`, 'x']],
  ['in large chunks', [`Transfer-Encoding: chunked\r\n\r\n8000\r\n${'x'.repeat(16_377)}`, 'x']],
] as const) {
  test(`a request takes no connection to the service before its body ${title} is there`, () => {
    using fake = createFakeEngine()
    const { client, service } = connected(fake)
    fake.deliver(client, `POST /a HTTP/1.1\r\n${HOST}${parts[0]}`)
    for (const part of parts.slice(1)) {
      assert.deepEqual([service.text, fake.services.length], ['', 1])
      fake.deliver(client, part)
    }
    assert.ok(service.text.startsWith('POST /a HTTP/1.1\r\n'), service.text)
    const sent = service.text.slice(service.text.indexOf('\r\n\r\n') + 4)
    assert.equal(sent.replaceAll(/[^x]/g, '').length, parts.join('').replaceAll(/[^x]/g, '').length)
  })
}

test('a body that does not begin, or is none, is refused without the service', () => {
  for (const [text, status] of [
    ['Content-Length: 9\r\n\r\n', 408],
    ['Content-Length: 9\r\nExpect: 100-continue\r\n\r\n', 408],
    ['Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n', 408],
    ['Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nx', 400],
  ] as const) {
    using fake = createFakeEngine()
    const client = fake.client()
    fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}`)
    fake.deliver(client, text, 40)
    fake.pass(15_200)
    assert.match(client.text, new RegExp(`^(HTTP/1.1 100 Continue\r\n\r\n)?HTTP/1.1 ${status} `))
    assert.deepEqual([client.ended, fake.services.length, fake.outcomes.at(-1)?.kind], [true, 0, 'abandoned'])
  }
})

test('a client that leaves while its body is awaited leaves nothing behind', () => {
  using fake = createFakeEngine()
  const client = fake.client()
  fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}Content-Length: 9\r\n\r\nx`)
  fake.close(client)
  assert.deepEqual([fake.services.length, fake.outcomes.at(-1)?.kind], [0, 'abandoned'])
})

test('a body that is there when its decision comes late goes on, and one that is not is awaited', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  let decide = (): void => {}
  fake.handle = (exchange) => (decide = () => fake.forward(exchange))
  const head = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`
  for (const [before, behind] of [
    ['2\r\nhi\r\n0\r\n\r\n', ''],
    ['2\r\nhi\r\n', '0\r\n\r\n'],
    ['', '2\r\nhi\r\n0\r\n\r\n'],
  ] as const) {
    service.text = client.text = ''
    const rest = fake.deliver(client, head + before, 20)
    decide()
    fake.deliver(client, rest + behind)
    assert.match(service.text, /\r\n2\r\nhi\r\n0\r\n\r\n$/)
    fake.deliver(service, OK)
    assert.equal(client.text, AT_CLIENT)
  }
})

test('bodies beyond the memory for them are passed on as they come', () => {
  using fake = createFakeEngine({ connectionsMax: 10_000 })
  const begun = `POST / HTTP/1.1\r\n${HOST}Content-Length: 20000\r\n\r\n${'x'.repeat(16_000)}`
  const clients: Wire[] = []
  while (clients.length * 16_000 < 64 * 1_024 * 1_024) {
    const client = fake.client()
    clients.push(client)
    fake.deliver(client, begun)
  }
  assert.equal(fake.services.length, 0)
  fake.deliver(fake.client(), begun)
  assert.equal(fake.services.length, 1)
  for (const client of clients) fake.close(client)
  fake.deliver(fake.client(), begun)
  assert.equal(fake.services.length, 1)
})

for (const isAwaited of [true, false]) {
  test(`clients that stall are let go ${isAwaited ? 'when' : 'only when'} others wait for their connections`, () => {
    using fake = createFakeEngine()
    // Two that send no more, one that takes nothing, and one that is well.
    const clients = [HALF, HALF, GET, GET].map((text, index) => {
      const client = fake.client()
      fake.deliver(client, text)
      fake.open(serviceOf(fake, index))
      return client
    })
    const deaf = clients[2]
    assert.ok(deaf !== undefined)
    deaf.stuck = true
    fake.pass(300)
    fake.deliver(serviceOf(fake, 2), 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx')
    fake.pass(600)
    const others = isAwaited ? [fake.client(), fake.client(), fake.client()] : []
    for (const other of others) fake.deliver(other, GET)
    assert.equal(fake.outcomes.length, 0)
    fake.pass(600)
    assert.deepEqual(
      clients.map(({ text, destroyed }) => text.slice(9, 12) + (destroyed ? ' cut' : '')),
      isAwaited ? ['408', '408', '200 cut', ''] : ['', '', '200', ''],
    )
    for (const service of fake.services) if (service.destroyed) fake.close(service)
    for (const [index, other] of others.entries()) {
      fake.open(serviceOf(fake, 4 + index))
      fake.deliver(serviceOf(fake, 4 + index), OK)
      assert.equal(other.text, AT_CLIENT)
    }
  })
}

test('no more clients are let go than others wait, those that stall the longest first', () => {
  using fake = createFakeEngine()
  const clients = Array.from({ length: 4 }, (_, index) => {
    const client = fake.client()
    fake.deliver(client, HALF)
    fake.open(serviceOf(fake, index))
    fake.pass(100)
    return client
  })
  fake.pass(900)
  fake.deliver(fake.client(), GET)
  fake.pass(900)
  assert.deepEqual(
    clients.map(({ text }) => text.slice(9, 12)),
    ['408', '', '', ''],
  )
})

// Guards against a byte now and then that would make a stall look like none.
test('a body that drips stalls, and one that flows does not', () => {
  for (const [bytes, outcomes] of [
    [1, 1],
    [100, 0],
  ] as const) {
    using fake = createFakeEngine()
    const clients = Array.from({ length: 4 }, () => fake.client())
    for (const [index, client] of clients.entries()) {
      fake.deliver(client, HALF)
      fake.open(serviceOf(fake, index))
    }
    fake.deliver(fake.client(), GET)
    for (let passed = 0; passed < 900; passed += 100) {
      for (const client of clients) fake.deliver(client, 'x'.repeat(bytes))
      fake.pass(100)
    }
    const waiting = fake.client()
    fake.deliver(waiting, GET)
    for (let passed = 0; passed < 300; passed += 100) {
      for (const client of clients) fake.deliver(client, 'x'.repeat(bytes))
      fake.pass(100)
    }
    assert.equal(fake.outcomes.filter(({ kind }) => kind === 'abandoned').length >= 1 ? 1 : 0, outcomes)
  }
})

test('100 Continue is said when the request is allowed, unless the body is there, too', () => {
  using fake = createFakeEngine()
  const head = `POST / HTTP/1.1\r\n${HOST}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n`
  const client = fake.client()
  fake.deliver(client, head)
  assert.equal(client.text, 'HTTP/1.1 100 Continue\r\n\r\n')
  assert.equal(fake.services.length, 0)
  fake.deliver(client, 'hi')
  fake.open(serviceOf(fake))
  fake.deliver(serviceOf(fake), OK)
  client.text = ''
  fake.deliver(client, `${head}hi`)
  fake.deliver(serviceOf(fake), OK)
  assert.equal(client.text, AT_CLIENT)
})

test('an early response ends the request, and the rest of the body is skipped', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}Content-Length: 16390\r\n\r\n${'x'.repeat(16_384)}G`)
  fake.deliver(service, OK)
  assert.deepEqual([client.text, service.destroyed], [AT_CLIENT, true])
  fake.close(service)
  fake.deliver(client, `ET /x${GET}`)
  fake.open(serviceOf(fake, 1))
  assert.ok(serviceOf(fake, 1).text.startsWith('GET /a HTTP/1.1\r\n'))
})

test('a chunk that is none ends the request at the service, without its end', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n4000\r\n${'x'.repeat(0x4000)}\r\n`)
  fake.deliver(client, 'x\r\n0\r\n\r\n')
  assert.deepEqual([service.destroyed, client.ended, fake.outcomes.at(-1)?.kind], [true, true, 'abandoned'])
  assert.doesNotMatch(service.text, /\r\n0\r\n/)
  assert.match(client.text, /^HTTP\/1\.1 400 /)
})

for (const [title, before, ms, what] of [
  ['a connection without a request', '', 10_200, 'destroyed'],
  ['half a head', GET.slice(0, -2), 10_200, '408'],
  ['a body that does not come', `POST / HTTP/1.1\r\n${HOST}Content-Length: 9\r\n\r\nx`, 15_200, 'destroyed'],
  ['a connection after its request', GET, 60_200, 'destroyed'],
] as const) {
  test(`${title} has its time, and no more`, () => {
    using fake = createFakeEngine()
    const client = fake.client()
    fake.deliver(client, before)
    const [service] = fake.services
    if (service !== undefined) {
      fake.open(service)
      if (before === GET) fake.deliver(service, OK)
    }
    fake.pass(ms - 400)
    assert.equal(client.destroyed || client.ended, false)
    fake.pass(500)
    assert.equal(client.destroyed || client.ended, true)
    if (what === '408') assert.match(client.text, /^HTTP\/1\.1 408 /)
  })
}

// Guards against clients that send one byte at a time for ever.
test('a body that drips is cut off', () => {
  using fake = createFakeEngine()
  const { client, service } = connected(fake)
  fake.deliver(client, `POST / HTTP/1.1\r\n${HOST}Content-Length: 100000\r\n\r\n`)
  for (let second = 0; second < 16; second++) {
    fake.deliver(client, 'x')
    fake.pass(1_000)
  }
  assert.deepEqual([client.destroyed, service.destroyed, fake.outcomes.at(-1)?.kind], [true, true, 'abandoned'])
})

test('a head that drips is cut off, whatever comes', () => {
  using fake = createFakeEngine()
  const client = fake.client()
  fake.deliver(client, 'GET / HTTP/1.1\r\n')
  for (let second = 0; second < 11; second++) {
    fake.deliver(client, 'A: b\r\n')
    fake.pass(1_000)
  }
  assert.match(client.text, /^HTTP\/1\.1 408 /)
})

test('a service that sends nothing, half a response, or endless interim ones is let go', () => {
  for (const [text, ms, kind] of [
    ['', 30_200, 'failed'],
    ['HTTP/1.1 200 OK\r\nContent-Le', 30_200, 'failed'],
    ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe', 300_200, 'broken'],
    ['HTTP/1.1 103 x\r\n\r\n'.repeat(17), 0, 'failed'],
    [`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}`, 0, 'failed'],
  ] as const) {
    using fake = createFakeEngine()
    const { client, service } = connected(fake)
    fake.deliver(client, GET)
    fake.deliver(service, text)
    fake.pass(ms)
    assert.deepEqual([service.destroyed, fake.outcomes.at(-1)?.kind], [true, kind], text.slice(0, 40))
  }
})

test('an idle connection to a service is ended before the service ends it', () => {
  using fake = createFakeEngine()
  const { service } = connected(fake)
  fake.pass(3_900)
  assert.equal(service.destroyed, false)
  fake.pass(300)
  assert.equal(service.destroyed, true)
})

test('requests beyond the connections wait their turn, and those beyond the queue do not', () => {
  using fake = createFakeEngine()
  const clients = Array.from({ length: 9 }, () => fake.client())
  for (const client of clients) fake.deliver(client, GET)
  assert.equal(fake.services.length, 4)
  assert.match(clients[8]?.text ?? '', /upstream_overloaded$/)
  for (const service of fake.services) {
    fake.open(service)
    while (service.text !== '') {
      service.text = ''
      fake.deliver(service, OK)
    }
  }
  assert.deepEqual(
    clients.slice(0, 8).map(({ text }) => text),
    Array.from({ length: 8 }, () => AT_CLIENT),
  )
})

test('a client that leaves while it waits is forgotten, and its place is free', () => {
  using fake = createFakeEngine()
  const clients = Array.from({ length: 8 }, () => fake.client())
  for (const client of clients) fake.deliver(client, GET)
  for (const client of clients.slice(2, 6)) fake.close(client)
  for (const service of fake.services) {
    fake.open(service)
    if (service.destroyed) fake.close(service)
  }
  for (const service of fake.services) {
    if (service.destroyed) continue
    fake.open(service)
    fake.deliver(service, OK)
  }
  assert.deepEqual(
    clients.map(({ text }) => text === AT_CLIENT),
    [true, true, false, false, false, false, true, true],
  )
})

test('a connection ends in good order after as many requests as it may bring', () => {
  using fake = createFakeEngine({ connectionRequestsMax: 3 })
  const { client, service } = connected(fake)
  fake.deliver(client, GET + GET + GET)
  fake.deliver(service, OK)
  assert.ok(!client.text.includes('Connection: close'))
  fake.deliver(service, OK)
  assert.match(client.text, /\r\nConnection: close\r\n\r\nok$/)
  assert.deepEqual([client.ended, fake.outcomes.length, service.text.split('GET ').length - 1], [true, 3, 2])
})
