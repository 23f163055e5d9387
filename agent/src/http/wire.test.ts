/**
 * What arrives byte by byte: refused, or forwarded so that the service reads exactly what the agent read.
 *
 * The cases are those of published request smuggling and desync research, and of RFC 9112. In every one the service
 * keeps the raw bytes it got; a smuggled request would be seen there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { openRaw, type RawResponse, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'

const HEAD = 'Host: api.example.com\r\n'
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: api.example.com\r\n\r\n'

/** Bytes and the code of their refusal. */
const refused: readonly (readonly [title: string, bytes: string, code: string, status: number])[] = [
  // Where the body ends.
  [
    'Content-Length beside Transfer-Encoding (CL.TE)',
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX`,
    'framing_invalid',
    400,
  ],
  [
    'Transfer-Encoding beside Content-Length (TE.CL)',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n${SMUGGLED}\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'two different lengths',
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 0\r\nContent-Length: 44\r\n\r\n${SMUGGLED}`,
    'framing_invalid',
    400,
  ],
  [
    'two equal lengths',
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`,
    'framing_invalid',
    400,
  ],
  ['a list of lengths', `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1, 1\r\n\r\nx`, 'framing_invalid', 400],
  ['a length with a plus', `POST / HTTP/1.1\r\n${HEAD}Content-Length: +1\r\n\r\nx`, 'framing_invalid', 400],
  ['a negative length', `POST / HTTP/1.1\r\n${HEAD}Content-Length: -1\r\n\r\nx`, 'framing_invalid', 400],
  ['a hexadecimal length', `POST / HTTP/1.1\r\n${HEAD}Content-Length: 0x1\r\n\r\nx`, 'framing_invalid', 400],
  ['an empty length', `POST / HTTP/1.1\r\n${HEAD}Content-Length:\r\n\r\nx`, 'framing_invalid', 400],
  ['a length with a fraction', `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1.0\r\n\r\nx`, 'framing_invalid', 400],
  ['a length with a space in it', `POST / HTTP/1.1\r\n${HEAD}Content-Length: 1 0\r\n\r\nx`, 'framing_invalid', 400],
  [
    'a length beyond every number',
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 99999999999999999999\r\n\r\nx`,
    'framing_invalid',
    400,
  ],
  [
    'a length that wraps around 64 bits',
    `POST / HTTP/1.1\r\n${HEAD}Content-Length: 18446744073709551617\r\n\r\nx`,
    'framing_invalid',
    400,
  ],
  [
    'Transfer-Encoding twice',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'Transfer-Encoding twice, once unknown',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'another coding in front of chunked',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a coding behind chunked',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  ['identity', `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: identity\r\n\r\nx`, 'framing_invalid', 400],
  [
    'chunked with a comma',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'chunked in quotes',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  ['xchunked', `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 'framing_invalid', 400],
  [
    'chunked on HTTP/1.0',
    `POST / HTTP/1.0\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a space in front of the colon of Transfer-Encoding',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a folded Transfer-Encoding',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a vertical tab in front of chunked',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  // Chunks.
  [
    'a chunk size that is no number',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a chunk size with 0x',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a negative chunk size',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a chunk size beyond every number',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a chunk that is longer than its size',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'a chunk size that ends with a lone LF',
    `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  // Lines.
  ['a lone LF behind the request line', `GET / HTTP/1.1\n${HEAD}\r\n`, 'framing_invalid', 400],
  ['a lone LF behind a field', `GET / HTTP/1.1\r\nHost: api.example.com\nX: y\r\n\r\n`, 'framing_invalid', 400],
  ['a lone CR in a field', `GET / HTTP/1.1\r\n${HEAD}X: a\rY: b\r\n\r\n`, 'framing_invalid', 400],
  ['a NUL in a field', `GET / HTTP/1.1\r\n${HEAD}X: a\0b\r\n\r\n`, 'framing_invalid', 400],
  ['a folded field', `GET / HTTP/1.1\r\n${HEAD}X: a\r\n b\r\n\r\n`, 'framing_invalid', 400],
  ['a space in front of the first field', `GET / HTTP/1.1\r\n ${HEAD}\r\n`, 'framing_invalid', 400],
  ['a field without a colon', `GET / HTTP/1.1\r\n${HEAD}X\r\n\r\n`, 'framing_invalid', 400],
  ['a field without a name', `GET / HTTP/1.1\r\n${HEAD}: x\r\n\r\n`, 'framing_invalid', 400],
  ['a field name with a space', `GET / HTTP/1.1\r\n${HEAD}X Y: z\r\n\r\n`, 'framing_invalid', 400],
  ['a field name with a byte beyond ASCII', `GET / HTTP/1.1\r\n${HEAD}X\xff: z\r\n\r\n`, 'framing_invalid', 400],
  // The request line.
  ['a version of the future', `GET / HTTP/3.0\r\n${HEAD}\r\n`, 'framing_invalid', 400],
  ['a version with two digits', `GET / HTTP/1.10\r\n${HEAD}\r\n`, 'framing_invalid', 400],
  ['HTTP/0.9', 'GET /\r\n\r\n', 'framing_invalid', 400],
  ['another protocol', `GET / ICE/1.0\r\n${HEAD}\r\n`, 'framing_invalid', 400],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'framing_invalid', 400],
  ['a method in lower case', `get / HTTP/1.1\r\n${HEAD}\r\n`, 'method_invalid', 400],
  ['an unknown method', `HACK / HTTP/1.1\r\n${HEAD}\r\n`, 'method_invalid', 400],
  ['TRACE', `TRACE / HTTP/1.1\r\n${HEAD}\r\n`, 'method_invalid', 400],
  ['CONNECT', `CONNECT api.example.com:443 HTTP/1.1\r\n${HEAD}\r\n`, 'method_invalid', 400],
  ['the absolute form', `GET http://api.example.com/ HTTP/1.1\r\n${HEAD}\r\n`, 'target_invalid', 400],
  ['the authority form', `GET api.example.com:80 HTTP/1.1\r\n${HEAD}\r\n`, 'target_invalid', 400],
  ['the asterisk form', `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`, 'target_invalid', 400],
  ['a fragment', `GET /a#b HTTP/1.1\r\n${HEAD}\r\n`, 'target_invalid', 400],
  // Who is asked.
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 'host_missing', 400],
  ['two Hosts', `GET / HTTP/1.1\r\n${HEAD}Host: other.example.com\r\n\r\n`, 'host_invalid', 400],
  ['two equal Hosts', `GET / HTTP/1.1\r\n${HEAD}${HEAD}\r\n`, 'host_invalid', 400],
  ['an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 'host_invalid', 400],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: api.example.com/x\r\n\r\n', 'host_invalid', 400],
  ['a Host with user information', 'GET / HTTP/1.1\r\nHost: a@api.example.com\r\n\r\n', 'host_invalid', 400],
  // What Connection may not take away.
  ['Connection that names Host', `GET / HTTP/1.1\r\n${HEAD}Connection: close, Host\r\n\r\n`, 'framing_invalid', 400],
  [
    'Connection that names Content-Length',
    `POST / HTTP/1.1\r\n${HEAD}Connection: Content-Length\r\nContent-Length: 1\r\n\r\nx`,
    'framing_invalid',
    400,
  ],
  [
    'Connection that names Authorization',
    `GET / HTTP/1.1\r\n${HEAD}Connection: authorization\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  ['Connection that names Cookie', `GET / HTTP/1.1\r\n${HEAD}Connection: cookie\r\n\r\n`, 'framing_invalid', 400],
  [
    'Connection that names a field of ours',
    `GET / HTTP/1.1\r\n${HEAD}Connection: X-Forwarded-For\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'Connection that names the consumer',
    `GET / HTTP/1.1\r\n${HEAD}Connection: x-headgate-consumer\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  [
    'Connection with something that is no name',
    `GET / HTTP/1.1\r\n${HEAD}Connection: clo se\r\n\r\n`,
    'framing_invalid',
    400,
  ],
  // The rest.
  [
    'two Authorizations',
    `GET / HTTP/1.1\r\n${HEAD}Authorization: a\r\nAuthorization: b\r\n\r\n`,
    'credential_repeated',
    400,
  ],
  ['an expectation that nobody knows', `GET / HTTP/1.1\r\n${HEAD}Expect: a-lot\r\n\r\n`, 'expectation_unknown', 417],
  ['201 fields', `GET / HTTP/1.1\r\n${HEAD}${'X: y\r\n'.repeat(200)}\r\n`, 'head_too_large', 431],
  ['a head of more than 16 KiB', `GET / HTTP/1.1\r\n${HEAD}X: ${'y'.repeat(16_500)}\r\n\r\n`, 'head_too_large', 431],
  ['a target of more than 16 KiB', `GET /${'y'.repeat(16_500)} HTTP/1.1\r\n${HEAD}\r\n`, 'head_too_large', 431],
]

test('every malformed request is refused, and nothing of it reaches the service', async (t) => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  for (const [title, bytes, code, status] of refused) {
    await t.test(title, async () => {
      const before = service.bytes().length
      const response = await sendRaw(agent.http, bytes)
      assert.equal(response.status, status, response.body)
      assert.equal(response.field('content-type'), 'application/problem+json')
      const problem = JSON.parse(response.body) as Record<string, unknown>
      assert.equal(problem['code'], code)
      assert.equal(problem['request_id'], response.field('x-request-id'))
      const reached = service.bytes().slice(before)
      // A chunked body may be found broken after its head was forwarded: then the service must see it unfinished.
      assert.ok(!reached.includes('smuggled') && !reached.includes('\r\n0\r\n\r\n'), reached)
      assert.equal(service.arrived.length, 0)
    })
  }
  assert.ok(refused.length >= 60)
})

/** Bytes, and what the service must and must not see. */
const clean: readonly {
  readonly title: string
  readonly bytes: string
  readonly line?: string
  readonly has?: readonly (readonly [name: string, value: string])[]
  readonly lacks?: readonly string[]
  readonly body?: string
}[] = [
  {
    title: 'hop-by-hop fields end at the agent',
    bytes: `GET / HTTP/1.1\r\n${HEAD}Connection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\nProxy-Connection: x\r\nProxy-Authorization: Basic x\r\nTrailer: a\r\n\r\n`,
    lacks: ['connection', 'x-hop', 'keep-alive', 'te', 'proxy-connection', 'proxy-authorization', 'trailer'],
  },
  {
    title: 'an offer to upgrade is not passed on',
    bytes: `GET / HTTP/1.1\r\n${HEAD}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    lacks: ['upgrade', 'http2-settings'],
  },
  {
    title: 'a WebSocket offer is not passed on',
    bytes: `GET / HTTP/1.1\r\n${HEAD}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n`,
    lacks: ['upgrade'],
  },
  {
    title: 'forwarding fields of the client are replaced by those of the agent',
    bytes: `GET / HTTP/1.1\r\n${HEAD}X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nForwarded: for=1.2.3.4\r\nX-Real-IP: 1.2.3.4\r\nTrue-Client-IP: 1.2.3.4\r\nCF-Connecting-IP: 1.2.3.4\r\n\r\n`,
    has: [
      ['x-forwarded-for', '127.0.0.1'],
      ['x-forwarded-proto', 'http'],
      ['x-forwarded-host', 'api.example.com'],
    ],
    lacks: ['x-forwarded-port', 'forwarded', 'x-real-ip', 'true-client-ip', 'cf-connecting-ip'],
  },
  {
    title: 'fields that name another path or method are stripped',
    bytes: `GET / HTTP/1.1\r\n${HEAD}X-Original-URL: /admin\r\nX-Original-Method: DELETE\r\nX-Rewrite-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\nX-Method-Override: DELETE\r\n\r\n`,
    lacks: [
      'x-original-url',
      'x-original-method',
      'x-rewrite-url',
      'x-http-method-override',
      'x-http-method',
      'x-method-override',
    ],
  },
  {
    title: 'identity fields of the client are stripped',
    bytes: `GET / HTTP/1.1\r\n${HEAD}X-Headgate-Consumer: admin\r\nX-Headgate-Anything: 1\r\nRemote-User: admin\r\nX-Remote-User: admin\r\nX-Consumer-Username: admin\r\nX-Auth-Request-User: admin\r\nX-SSL-Client-Cert: x\r\n\r\n`,
    lacks: [
      'x-headgate-consumer',
      'x-headgate-anything',
      'remote-user',
      'x-remote-user',
      'x-consumer-username',
      'x-auth-request-user',
      'x-ssl-client-cert',
    ],
  },
  {
    title: 'names with an underscore are stripped',
    bytes: `GET / HTTP/1.1\r\n${HEAD}X_Forwarded_For: 1.2.3.4\r\nContent_Length: 5\r\nRemote_User: admin\r\n\r\n`,
    lacks: ['x_forwarded_for', 'content_length', 'remote_user'],
  },
  {
    title: 'a request id of the client is not trusted',
    bytes: `GET / HTTP/1.1\r\n${HEAD}X-Request-Id: mine\r\n\r\n`,
  },
  {
    title: 'path and query go on byte for byte',
    bytes: `GET /a/%2B%C3%A9/b?x=%2f..%2f&y=1&&=z%20 HTTP/1.1\r\n${HEAD}\r\n`,
    line: 'GET /a/+%C3%A9/b?x=%2f..%2f&y=1&&=z%20 HTTP/1.1',
  },
  {
    title: 'the service is asked under its own address',
    bytes: `GET / HTTP/1.1\r\nHost: api.example.com:8443\r\n\r\n`,
    has: [['x-forwarded-host', 'api.example.com:8443']],
  },
  {
    title: 'a body goes on with its length',
    bytes: `POST / HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`,
    has: [['content-length', '5']],
    body: 'hello',
  },
  {
    title: 'a chunked body goes on whole, whatever its chunks were',
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: Chunked\r\n\r\n1\r\nh\r\n4;ext=1\r\nello\r\n0\r\n\r\n`,
    body: 'hello',
  },
  {
    title: 'trailers are dropped',
    bytes: `POST / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nTrailer: X-Admin\r\n\r\n1\r\nh\r\n0\r\nX-Admin: yes\r\n\r\n`,
    lacks: ['x-admin', 'trailer'],
    body: 'h',
  },
  {
    title: 'a body of nothing on POST says so',
    bytes: `POST / HTTP/1.1\r\n${HEAD}Content-Length: 0\r\n\r\n`,
    has: [['content-length', '0']],
    body: '',
  },
  {
    title: 'a GET with a body keeps it',
    bytes: `GET / HTTP/1.1\r\n${HEAD}Content-Length: 2\r\n\r\nhi`,
    body: 'hi',
  },
  {
    title: 'a DELETE with a chunked body keeps it',
    bytes: `DELETE / HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    body: 'hi',
  },
  {
    title: 'fields keep their order, spelling and repetition',
    bytes: `GET / HTTP/1.1\r\n${HEAD}X-Two: a\r\nx-tWO: b\r\nAccept: */*\r\n\r\n`,
    has: [
      ['x-two', 'a'],
      ['x-two', 'b'],
    ],
  },
  {
    title: 'HTTP/1.0 goes on as HTTP/1.1',
    bytes: `GET /old HTTP/1.0\r\n${HEAD}\r\n`,
    line: 'GET /old HTTP/1.1',
  },
  {
    title: 'blank lines in front of a request are skipped',
    bytes: `\r\n\r\nGET /blank HTTP/1.1\r\n${HEAD}\r\n`,
    line: 'GET /blank HTTP/1.1',
  },
]

test('what is forwarded is exactly what was understood', async (t) => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  for (const { title, bytes, line, has = [], lacks = [], body } of clean) {
    await t.test(title, async () => {
      const before = service.arrived.length
      const response = await sendRaw(agent.http, bytes, bytes.trimStart().split(' ', 1)[0])
      assert.equal(response.status, 200, response.body)
      const [arrived, ...more] = service.arrived.slice(before)
      assert.ok(arrived !== undefined && more.length === 0)
      if (line !== undefined) assert.equal(arrived.line, line)
      const raw = JSON.stringify(arrived.fields)
      for (const field of has) {
        assert.ok(
          arrived.fields.some(([name, value]) => name === field[0] && value === field[1]),
          `${field.join(': ')} in ${raw}`,
        )
      }
      for (const name of lacks) assert.equal(arrived.field(name), undefined, raw)
      if (body !== undefined) assert.equal(arrived.body, body)
      assert.equal(arrived.field('host'), new URL(service.url).host)
      assert.equal(arrived.field('x-request-id'), response.field('x-request-id'))
    })
  }
})

// Guards against a response that is read as the answer to another request.
test('a request that cannot be read does not overtake the answer to the one before it', async () => {
  await using service = await startService(() => 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst')
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  client.write(`GET /one HTTP/1.1\r\n${HEAD}\r\nGARBAGE\r\n\r\n`)
  const first: RawResponse = await client.read()
  assert.equal(first.body, 'first')
  const second = await client.read()
  assert.equal(second.status, 400)
  assert.equal(await client.ended(), '')
})

test('200 pipelined requests are answered in order, and few of them are worked on at once', async () => {
  let open = 0
  let most = 0
  await using service = await startService((arrived, socket) => {
    open += 1
    most = Math.max(most, open)
    setTimeout(() => {
      open -= 1
      const body = arrived.line.split(' ')[1] ?? ''
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    }, 2)
    return null
  })
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  const count = 200
  for (let index = 0; index < count; index++) client.write(`GET /${index} HTTP/1.1\r\n${HEAD}\r\n`)
  for (let index = 0; index < count; index++) assert.equal((await client.read()).body, `/${index}`)
  assert.ok(most <= 8, `${most} at once`)
})

test('a client that sends on without an answer is not read any further', async () => {
  await using service = await startService(() => null)
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await using client = await openRaw(agent.http)
  const requests = `GET / HTTP/1.1\r\n${HEAD}\r\n`.repeat(10_000)
  for (let index = 0; index < 100; index++) client.write(requests)
  await sleep(200)
  const before = client.socket.writableLength
  assert.ok(before > requests.length, 'nothing piles up at the client')
  await sleep(200)
  assert.equal(client.socket.writableLength, before)
  assert.equal(service.arrived.length, 1)
})

test('a client that takes no refusals is not read any further', async () => {
  await using service = await startService()
  const settings = { connectionRequestsMax: 1_000_000 }
  await using agent = await startAgent({ objects: openRelease(service.url), settings })
  await using client = await openRaw(agent.http)
  client.socket.pause()
  const requests = `GET /%2e HTTP/1.1\r\n${HEAD}\r\n`.repeat(10_000)
  for (let index = 0; index < 100; index++) client.write(requests)
  await sleep(1_000)
  const before = client.socket.writableLength
  assert.ok(before > requests.length, 'nothing piles up at the client')
  await sleep(200)
  assert.equal(client.socket.writableLength, before)
})

test('a head that does not arrive in time is refused with 408', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { headTimeoutMs: 200 } })
  await using client = await openRaw(agent.http)
  client.write(`GET / HTTP/1.1\r\n${HEAD}`)
  const response = await client.read()
  assert.equal(response.status, 408)
  assert.equal((JSON.parse(response.body) as Record<string, unknown>)['code'], 'request_timeout')
})

test('an expected 100 Continue comes when the body is wanted, and not when the request is refused', async (t) => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await t.test('wanted', async () => {
    await using client = await openRaw(agent.http)
    const interim = new Promise<string>((resolve) => client.socket.once('data', (chunk) => resolve(chunk.toString())))
    client.write(`POST / HTTP/1.1\r\n${HEAD}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`)
    assert.match(await interim, /^HTTP\/1\.1 100 Continue\r\n/)
    client.write('hello')
    assert.equal((await client.read()).status, 200)
    assert.equal(service.arrived.at(-1)?.body, 'hello')
    assert.equal(service.arrived.at(-1)?.field('expect'), undefined)
  })
  await t.test('refused', async () => {
    await using client = await openRaw(agent.http)
    client.write(`POST /%2e HTTP/1.1\r\n${HEAD}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`)
    const response = await client.read()
    assert.equal(response.status, 400)
    assert.equal(response.field('connection'), 'close')
    assert.equal(await client.ended(), '')
  })
})

test('connections above the bound are closed, and counted', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { connectionsMax: 2 } })
  await using one = await openRaw(agent.http)
  await using two = await openRaw(agent.http)
  one.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`)
  two.write(`GET / HTTP/1.1\r\n${HEAD}\r\n`)
  assert.equal((await one.read()).status, 200)
  assert.equal((await two.read()).status, 200)
  // It may be reset before the client has heard that it was taken.
  const said = await openRaw(agent.http).then(
    async (three) => await three.ended(),
    () => '',
  )
  assert.equal(said, '')
  assert.equal(agent.app.slots.malformed.get('connections_full'), 1)
})
