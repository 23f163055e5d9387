/**
 * Forwarding through a whole agent to a real service: streams, failures, retries, and who is let go when.
 */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:https'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSelfSigned, pem } from '@headgate/kit/pki.ts'
import { openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { serveNode } from '#agent/testing/node-service.ts'

const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const MIB = 1024 * 1024

async function until(what: string, condition: () => boolean, everyMs = 10): Promise<void> {
  for (let waited = 0; waited < 20_000; waited += everyMs) {
    if (condition()) return
    await sleep(everyMs)
  }
  assert.fail(`waited in vain for ${what}`)
}

function codeOf(body: string): unknown {
  return (JSON.parse(body) as Record<string, unknown>)['code']
}

test('a large upload arrives whole, and no faster than the service takes it', async () => {
  const chunk = randomBytes(MIB)
  const hash = createHash('sha256')
  await using service = await serveNode((incoming, response) => {
    void (async () => {
      for await (const piece of incoming as AsyncIterable<Buffer>) {
        hash.update(piece)
        if (Math.random() < 0.01) await sleep(1)
      }
      response.end(hash.digest('hex'))
    })()
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  const expected = createHash('sha256')
  const answer = await new Promise<string>((resolve, reject) => {
    const outgoing = request(agent.http, { method: 'POST', headers: { host: 'api.example.com' } }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      response.on('end', () => resolve(text))
    })
    outgoing.on('error', reject)
    void (async () => {
      for (let index = 0; index < 64; index++) {
        expected.update(chunk)
        if (!outgoing.write(chunk)) await new Promise((drained) => outgoing.once('drain', drained))
      }
      outgoing.end()
    })()
  })
  assert.equal(answer, expected.digest('hex'))
})

test('a client that takes nothing slows the service down instead of filling the memory', async () => {
  let written = 0
  await using service = await serveNode((_incoming, response) => {
    const piece = Buffer.alloc(MIB)
    const more = (): void => {
      while (written < 256 * MIB) {
        written += piece.length
        if (!response.write(piece)) {
          response.once('drain', more)
          return
        }
      }
      response.end()
    }
    more()
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  client.socket.pause()
  client.write(GET)
  let before = -1
  await until(
    'the service to stop',
    () => {
      const stopped = before === written && written > 0
      before = written
      return stopped
    },
    300,
  )
  assert.ok(written < 32 * MIB, `${written / MIB} MiB`)
})

test('a client that takes nothing for too long is cut off, and the service is let go', async () => {
  let closed = false
  await using service = await serveNode((_incoming, response) => {
    response.on('close', () => (closed = true))
    response.write(Buffer.alloc(64 * MIB))
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { clientIdleMs: 200 } })
  await using client = await openRaw(agent.http)
  client.socket.pause()
  client.write(GET)
  await until('the service to be let go', () => closed)
  assert.equal(agent.records[0]?.status, 499)
})

test('a client that owes its body for too long is cut off, and the service is let go', async () => {
  let aborted = false
  await using service = await serveNode((incoming) => {
    incoming.on('error', () => {}).on('close', () => (aborted = !incoming.complete))
    incoming.resume()
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { clientIdleMs: 200 } })
  await using client = await openRaw(agent.http)
  client.write(`POST / HTTP/1.1\r\n${HEAD}Content-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`)
  await client.ended()
  await until('the service to be let go', () => aborted)
  assert.equal(agent.records[0]?.status, 499)
})

test('a client that leaves takes its request to the service along', async (t) => {
  let open = 0
  await using service = await serveNode((incoming, response) => {
    open += 1
    response.on('close', () => (open -= 1))
    if (incoming.url === '/started') response.write('first')
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  for (const target of ['/waiting', '/started']) {
    await t.test(target.slice(1), async () => {
      const client = await openRaw(agent.http)
      client.write(`GET ${target} HTTP/1.1\r\n${HEAD}\r\n`)
      await until('the request to arrive', () => open === 1)
      await sleep(20)
      client.socket.destroy()
      await until('the service to be let go', () => open === 0)
      await until('the record', () => agent.records.at(-1)?.path === target)
      assert.equal(agent.records.at(-1)?.status, 499)
      assert.equal(agent.records.at(-1)?.outcome, 'allow')
    })
  }
})

test('the first bytes of a slow response are not held back', async () => {
  await using service = await serveNode((_incoming, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    setTimeout(() => response.write('data: 1\n\n'), 50)
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  let text = ''
  client.socket.on('data', (piece) => (text += piece.toString()))
  client.write(GET)
  await until('the head', () => text.includes('text/event-stream'))
  await until('the event', () => text.includes('data: 1'))
})

test('a service that is not there is 502, and another target takes over', async (t) => {
  const gone = await startService()
  await gone[Symbol.asyncDispose]()
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(gone.url) })
  await t.test('alone', async () => {
    const response = await sendRaw(agent.http, GET)
    assert.equal(response.status, 502)
    assert.equal(codeOf(response.body), 'upstream_unreachable')
    const record = agent.records.at(-1)
    assert.deepEqual(
      [record?.outcome, record?.reason, record?.upstream?.target, record?.upstream?.status],
      ['deny', 'upstream_unreachable', gone.url, 0],
    )
  })
  await t.test('with another', async () => {
    setRelease(agent.app.live, openRelease(gone.url, service.url))
    for (let index = 0; index < 10; index++) {
      const body = index % 2 === 0 ? 'Content-Length: 2\r\n\r\nhi' : '\r\n'
      const response = await sendRaw(agent.http, `POST / HTTP/1.1\r\n${HEAD}${body}`)
      assert.equal(response.status, 200)
    }
    assert.equal(service.arrived.length, 10)
    // Found out once, then left alone.
    assert.ok(agent.records.every((record, index) => index === 0 || record.upstream?.target === service.url))
  })
})

test('targets are asked in turn', async () => {
  await using one = await startService()
  await using two = await startService()
  await using agent = await startAgent({ objects: openRelease(one.url, two.url) })
  for (let index = 0; index < 6; index++) await sendRaw(agent.http, GET)
  assert.deepEqual([one.arrived.length, two.arrived.length], [3, 3])
})

test('a service that takes too long is 504, and is let go', async () => {
  let aborted = false
  await using service = await serveNode((incoming) => {
    incoming.on('close', () => (aborted = true))
  })
  await using agent = await startAgent()
  const [shop, ...rest] = openRelease(service.url)
  const slow = { ...shop, kind: 'service', name: 'shop', spec: { ...(shop?.spec as object), response_timeout_ms: 100 } }
  setRelease(agent.app.live, [slow, ...rest])
  const response = await sendRaw(agent.http, GET)
  assert.equal(response.status, 504)
  assert.equal(codeOf(response.body), 'upstream_timeout')
  await until('the service to be let go', () => aborted)
})

test('the wait for a free connection is bounded', async () => {
  await using service = await startService(() => null)
  await using agent = await startAgent({ settings: { upstreamConnectionsMax: 1, upstreamQueueMax: 1 } })
  const [shop, ...rest] = openRelease(service.url)
  const quick = { ...shop, kind: 'service', name: 'shop', spec: { ...(shop?.spec as object), connect_timeout_ms: 100 } }
  setRelease(agent.app.live, [quick, ...rest])
  await using first = await openRaw(agent.http)
  first.write(GET)
  await until('the first request to arrive', () => service.arrived.length === 1)
  const second = sendRaw(agent.http, GET)
  await sleep(30)
  const third = await sendRaw(agent.http, GET)
  assert.equal(third.status, 503, 'beyond the queue: at once')
  assert.equal(codeOf((await second).body), 'upstream_overloaded', 'in the queue: after the connect timeout')
  assert.equal(service.arrived.length, 1)
})

const nonsense: readonly (readonly [title: string, response: string])[] = [
  ['something else than HTTP', 'hello\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx'],
  [
    'a length beside chunks',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n',
  ],
  ['a field with a NUL', 'HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n'],
  [
    'a switch of protocols that nobody asked for',
    'HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
  ],
  ['a head of 100 KiB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(102_400)}\r\n\r\n`],
]
for (const [title, answer] of nonsense) {
  test(`a service that answers with ${title} is 502`, async () => {
    await using service = await startService(() => answer)
    await using agent = await startAgent({ objects: openRelease(service.url) })
    const response = await sendRaw(agent.http, `POST / HTTP/1.1\r\n${HEAD}Content-Length: 0\r\n\r\n`)
    assert.equal(response.status, 502)
    assert.equal(codeOf(response.body), 'upstream_failed')
  })
}

for (const [title, answer] of [
  ['its length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ['its last chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
] as const) {
  test(`a response that stops short of ${title} does not look whole to the client`, async () => {
    await using service = await startService((_arrived, socket) => {
      setTimeout(() => socket.destroy(), 30)
      return answer
    })
    await using agent = await startAgent({ objects: openRelease(service.url) })
    await using client = await openRaw(agent.http)
    client.write(GET)
    const text = await client.ended()
    assert.match(text, /abc/)
    assert.doesNotMatch(text, /\r\n0\r\n\r\n$/)
    assert.deepEqual([agent.records[0]?.reason, agent.records[0]?.status], ['upstream_failed', 200])
  })
}

// Guards the usual race with a service that closes an idle connection just as a request leaves.
test('a connection that ends before a response is tried once more for GET, and not for POST', async () => {
  let times = 0
  await using service = await startService((_arrived, socket) => {
    times += 1
    if (times % 2 === 0) return 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
    socket.destroy()
    return null
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  assert.equal((await sendRaw(agent.http, GET)).status, 200)
  assert.equal(service.arrived.length, 2)
  const post = await sendRaw(agent.http, `POST / HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\nhi`)
  assert.equal(codeOf(post.body), 'upstream_failed')
  assert.equal(service.arrived.length, 3)
})

test('a service that answers before the upload is over is passed on', async () => {
  await using service = await serveNode((_incoming, response) => {
    response.writeHead(413, { connection: 'close' }).end('too much')
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  client.write(`POST / HTTP/1.1\r\n${HEAD}Content-Length: 100000\r\n\r\n${'x'.repeat(20_000)}`)
  const response = await client.read()
  assert.deepEqual([response.status, response.body], [413, 'too much'])
})

test('a refused request with a large body is answered, and the rest of the body is bounded', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  client.write(`POST /%2e HTTP/1.1\r\n${HEAD}Content-Length: 1000000000\r\n\r\n`)
  assert.equal((await client.read()).status, 400)
  client.write(Buffer.alloc(MIB))
  await client.ended()
})

test('a refused request with a small body keeps its connection', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  client.write(`POST /%2e HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`)
  assert.equal((await client.read()).status, 400)
  client.write(GET)
  assert.equal((await client.read()).status, 200)
})

test('responses cross with what belongs to them and without what belongs to the connection', async (t) => {
  const answers: Record<string, string> = {
    '/fields':
      'HTTP/1.1 200 OK\r\nServer: nginx\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nConnection: x-hop\r\nX-Hop: 1\r\n' +
      'X-Request-Id: theirs\r\nKeep-Alive: timeout=5\r\nProxy-Authenticate: x\r\ncontent-length: 2\r\n\r\nok',
    '/none': 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\nx: y\r\n\r\n',
    '/same': 'HTTP/1.1 304 Not Modified\r\netag: "x"\r\ncontent-length: 10\r\n\r\n',
    '/hints': 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    '/close': 'HTTP/1.0 200 OK\r\n\r\nold',
    '/trailers': 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nok\r\n0\r\nx: y\r\n\r\n',
    '/teapot': 'HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n',
  }
  await using service = await startService((arrived, socket) => {
    const target = arrived.line.split(' ')[1] ?? ''
    if (arrived.line.startsWith('HEAD')) return 'HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n'
    if (target === '/close') {
      socket.end(answers[target] ?? '', 'latin1')
      return null
    }
    return answers[target] ?? 'HTTP/1.1 500 x\r\n\r\n'
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  const get = async (target: string, method = 'GET') =>
    await sendRaw(agent.http, `${method} ${target} HTTP/1.1\r\n${HEAD}\r\n`, method)

  await t.test('fields', async () => {
    const response = await get('/fields')
    assert.deepEqual(
      response.fields.filter(([name]) => name === 'set-cookie').map(([, value]) => value),
      ['a=1', 'b=2'],
    )
    assert.equal(response.field('server'), 'nginx')
    for (const name of ['x-hop', 'proxy-authenticate']) assert.equal(response.field(name), undefined)
    assert.match(response.field('x-request-id') ?? '', /^req_/)
    assert.equal(response.fields.filter(([name]) => name === 'x-request-id').length, 1)
  })
  await t.test('204 has neither body nor length', async () => {
    const response = await get('/none')
    assert.deepEqual([response.status, response.field('content-length'), response.field('x')], [204, undefined, 'y'])
  })
  await t.test('304 keeps its length and has no body', async () => {
    const response = await get('/same')
    assert.deepEqual([response.status, response.field('content-length')], [304, '10'])
  })
  await t.test('HEAD keeps its length and has no body', async () => {
    const response = await get('/fields', 'HEAD')
    assert.deepEqual([response.status, response.field('content-length'), response.body], [200, '1234', ''])
  })
  await t.test('interim responses are passed on, and end nothing', async () => {
    await using client = await openRaw(agent.http)
    client.write(`GET /hints HTTP/1.1\r\n${HEAD}\r\n`)
    const hints = await client.read()
    assert.deepEqual([hints.status, hints.field('link')], [103, 'x'])
    assert.equal((await client.read()).body, 'ok')
  })
  await t.test('interim responses are no business of a client of HTTP/1.0', async () => {
    assert.equal((await sendRaw(agent.http, `GET /hints HTTP/1.0\r\n${HEAD}\r\n`)).status, 200)
  })
  await t.test('a response that ends with its connection is passed on whole', async () => {
    assert.equal((await get('/close')).body, 'old')
  })
  await t.test('trailers are dropped', async () => {
    const response = await get('/trailers')
    assert.deepEqual([response.body, response.field('trailer'), response.field('x')], ['ok', undefined, undefined])
  })
  await t.test('a status that few know is passed on', async () => {
    assert.equal((await get('/teapot')).status, 418)
  })
})

test('a new release leaves requests in flight alone', async () => {
  let answer = (): void => {}
  await using old = await startService((_arrived, socket) => {
    answer = () => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold')
    return null
  })
  await using fresh = await startService(() => 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfresh')
  await using agent = await startAgent({ objects: openRelease(old.url) })
  const inFlight = sendRaw(agent.http, GET)
  await until('the request to arrive', () => old.arrived.length === 1)
  setRelease(agent.app.live, openRelease(fresh.url), { number: 2 })
  assert.equal((await sendRaw(agent.http, GET)).body, 'fresh')
  answer()
  assert.equal((await inFlight).body, 'old')
})

test('a process that stops finishes what is in flight, says so to the client, and takes nothing new', async () => {
  let answer = (): void => {}
  await using service = await startService((_arrived, socket) => {
    answer = () => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone')
    return null
  })
  const agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 5_000 } })
  await using client = await openRaw(agent.http)
  client.write(GET)
  await until('the request to arrive', () => service.arrived.length === 1)
  const stopped = agent[Symbol.asyncDispose]()
  await sleep(50)
  await assert.rejects(sendRaw(agent.http, GET))
  answer()
  const response = await client.read()
  assert.deepEqual([response.body, response.field('connection')], ['done', 'close'])
  await stopped
})

test('what does not finish within the drain time is cut', async () => {
  await using service = await startService(() => null)
  const agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 100 } })
  await using client = await openRaw(agent.http)
  client.write(GET)
  await until('the request to arrive', () => service.arrived.length === 1)
  const startedMs = performance.now()
  await agent[Symbol.asyncDispose]()
  assert.ok(performance.now() - startedMs < 10_000)
  assert.equal(await client.ended(), '')
})

test('a process that stops under load answers every request that it was sent', async () => {
  await using service = await serveNode((_incoming, response) => {
    setTimeout(() => response.end('ok'), Math.random() * 10)
  })
  const agent = await startAgent({ objects: openRelease(service.url), settings: { drainMs: 5_000 } })
  let [answered, ended] = [0, 0]
  // Each keeps its connection until it is told to give it up; then it would go to another agent.
  const callers = Array.from({ length: 20 }, async () => {
    await using client = await openRaw(agent.http)
    for (;;) {
      client.write(GET)
      const response = await client.read()
      assert.equal(response.status, 200)
      answered += 1
      if (response.field('connection') === 'close') break
    }
    ended += 1
  })
  await until('some traffic', () => answered > 100)
  await agent[Symbol.asyncDispose]()
  await Promise.all(callers)
  assert.equal(ended, 20)
})

test('a service whose certificate nobody vouches for is 502, and is sent nothing', async () => {
  const keyed = await createSelfSigned({ hosts: ['localhost'], nowMs: Date.now(), lifeMs: 3_600_000 })
  const pair = { cert: pem('CERTIFICATE', keyed.certificate), key: pem('PRIVATE KEY', keyed.privateKey) }
  let asked = 0
  const server = createTlsServer(pair, (_request, response) => {
    asked += 1
    response.end('ok')
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  await using agent = await startAgent({
    objects: openRelease(`https://localhost:${(server.address() as AddressInfo).port}`),
  })
  const response = await sendRaw(agent.http, GET)
  assert.deepEqual([response.status, codeOf(response.body), asked], [502, 'upstream_unreachable', 0])
  server.close()
})
