/**
 * What services are told about callers, through a whole agent and whatever is spoken on both sides.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { caseKey, type ObjectInput } from '@headgate/core'
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, SignJWT } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import { directoryOf, keyedRelease, openRelease, startAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'

type Objects = Omit<ObjectInput, 'origin'>[]

const HEAD = 'Host: api.example.com\r\n'
const KEY = caseKey('production', 'abc')
const IDENTITY = {
  headers: { consumer: 'x-caller', credential: 'x-caller-key' },
  claims: [{ claim: 'sub', header: 'x-user' }],
}
const FORGED = [
  'X-Caller: admin',
  'x-caller: admin',
  'X-CALLER-KEY: key_1',
  'X_Caller: admin',
  'x_caller_key: key_1',
  'x-caller_key: key_1',
  'X.Caller: admin',
  'x~caller-key: key_1',
  'X-User: root',
  'X-Headgate-Identity: a.b.c',
]

/** @param more of the service. */
function withService(objects: Objects, more: object): Objects {
  return objects.map((object) =>
    object.kind === 'service' ? { ...object, spec: { ...(object.spec as object), ...more } } : object,
  )
}

/** Fields of those names that arrived. */
const said = (fields: readonly (readonly [string, string])[]): string[] =>
  fields
    .filter(([name]) => /caller|user|identity/.test(name))
    .map(([name, value]) => `${name}: ${value}`)
    .toSorted()

test('a service is told who calls, and nobody can say it in our place', async () => {
  await using service = await startService()
  const objects = withService(keyedRelease(service.url), { identity: IDENTITY })
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  const requests = [
    `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${KEY}\r\n${FORGED.join('\r\n')}\r\n\r\n`,
    // Whoever names our fields as his own would take them away.
    `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${KEY}\r\nConnection: x-caller, x-user\r\nX-Caller: admin\r\n\r\n`,
    `POST / HTTP/1.1\r\n${HEAD}X-Api-Key: ${KEY}\r\nX-Caller: admin\r\nContent-Length: 2\r\n\r\nhi`,
  ]
  for (const request of requests) assert.equal((await sendRaw(agent.http, request)).status, 200)
  for (const { fields } of service.arrived) assert.deepEqual(said(fields), ['x-caller-key: key_abc', 'x-caller: acme'])
})

test('a public route is told nothing, whatever a caller says', async () => {
  await using service = await startService()
  const objects = withService(openRelease(service.url), {
    identity: { ...IDENTITY, token: { audience: 'orders' } },
    authentication: { kind: 'header', name: 'x-ours', value: 'env://SECRET' },
  })
  await using agent = await startAgent({ objects, env: { SECRET: 's3cret' } })
  const lines = [...FORGED, 'X-Ours: theirs', 'x_ours: theirs'].join('\r\n')
  assert.equal((await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}${lines}\r\n\r\n`)).status, 200)
  const [arrived] = service.arrived
  assert.deepEqual(said(arrived?.fields ?? []), [])
  assert.deepEqual(
    arrived?.fields.filter(([name]) => name.includes('ours')),
    [['x-ours', 's3cret']],
  )
})

test('fields that are ours do not come behind a body either', async () => {
  await using service = await startService()
  const objects = withService(keyedRelease(service.url), { identity: IDENTITY }).map((object) =>
    object.kind === 'route' ? { ...object, spec: { ...(object.spec as object), trailers: true } } : object,
  )
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  const body = '2\r\nhi\r\n0\r\nX-Caller: admin\r\nX.Caller: admin\r\nX-Fine: 1\r\n\r\n'
  const head = `POST / HTTP/1.1\r\n${HEAD}X-Api-Key: ${KEY}\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n`
  await sendRaw(agent.http, head + body)
  assert.ok(!service.bytes().toLowerCase().includes('admin'))
  assert.match(service.bytes(), /\r\n0\r\nX-Fine: 1\r\n\r\n$/)
})

async function startHttp2(): Promise<{ url: string; arrived: IncomingHttpHeaders[] } & AsyncDisposable> {
  const server = createServer()
  const arrived: IncomingHttpHeaders[] = []
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    arrived.push(headers)
    stream.respond({ ':status': 200 })
    stream.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
    },
  }
}

test('the same holds from HTTP/2 to HTTP/2', async () => {
  await using service = await startHttp2()
  const objects = withService(keyedRelease(service.url), { identity: IDENTITY, protocol: 'http2' })
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  const session = connect(agent.h2c)
  const forged = { 'x-caller': 'admin', x_caller: 'admin', 'x-user': 'root' }
  const stream = session.request({ ':authority': 'api.example.com', ':path': '/', 'x-api-key': KEY, ...forged })
  stream.resume()
  await once(stream, 'close')
  session.close()
  assert.deepEqual(said(Object.entries(service.arrived[0] ?? {}).map(([name, value]) => [name, String(value)])), [
    'x-caller-key: key_abc',
    'x-caller: acme',
  ])
})

test('a WebSocket is told who calls in its handshake', async () => {
  const websockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(websockets, 'listening')
  const { port } = websockets.address() as AddressInfo
  const told = new Promise<IncomingHttpHeaders>((resolve) => {
    websockets.on('connection', (_socket, request) => resolve(request.headers))
  })
  const objects = withService(keyedRelease(`http://127.0.0.1:${port}`), { identity: IDENTITY }).map((object) =>
    object.kind === 'route' ? { ...object, spec: { ...(object.spec as object), websocket: true } } : object,
  )
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  const headers = { host: 'api.example.com', 'x-api-key': KEY, 'x-caller': 'admin' }
  const socket = new WebSocket(`${agent.http.replace('http', 'ws')}/`, { headers })
  await once(socket, 'open')
  assert.equal((await told)['x-caller'], 'acme')
  socket.terminate()
  websockets.close()
})

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const identityKey = privateKey.export({ format: 'der', type: 'pkcs8' })

test('an identity token says who calls, is verified with the public key of the agent, and serves more than one request', async () => {
  await using service = await startService()
  const objects = withService(keyedRelease(service.url), {
    identity: { headers: {}, token: { audience: 'orders', life_ms: 60_000 } },
  })
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']), identityKey })
  for (let index = 0; index < 2; index++) {
    await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${KEY}\r\nX-Headgate-Identity: x\r\n\r\n`)
  }
  const [first, second] = service.arrived.map(({ fields }) => fields.filter(([name]) => name === 'x-headgate-identity'))
  assert.equal(first?.length, 1)
  assert.deepEqual(first, second)
  assert.equal(service.arrived[0]?.field('x-headgate-consumer'), undefined)
  const jwk = { ...publicKey.export({ format: 'jwk' }) }
  const published = { ...jwk, alg: 'ES256', kid: await calculateJwkThumbprint(jwk) }
  const { payload } = await jwtVerify(first[0]?.[1] ?? '', createLocalJWKSet({ keys: [published] }), {
    issuer: 'headgate:case/production',
    audience: 'orders',
  })
  assert.deepEqual([payload.sub, payload['credential']], ['acme', 'key_abc'])
})

function problem(body: string): string {
  return String((JSON.parse(body) as { code: string }).code)
}

test('503 upstream_credential_unavailable where a token is promised and the agent has no identity', async () => {
  await using service = await startService()
  const objects = withService(keyedRelease(service.url), { identity: { token: { audience: 'orders' } } })
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  const response = await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${KEY}\r\n\r\n`)
  assert.deepEqual([response.status, problem(response.body)], [503, 'upstream_credential_unavailable'])
  assert.deepEqual(
    agent.records.map(({ reason, principal }) => [reason, principal?.consumer]),
    [['upstream_credential_unavailable', 'acme']],
  )
  assert.equal(service.arrived.length, 0)
})

// A name that is changed on its way may be the name of somebody else.
test('403 upstream_identity_invalid where a caller is called what no field can say', async () => {
  await using service = await startService()
  const login = {
    issuer: 'https://login.test',
    keys: { jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] } },
    audiences: ['orders'],
    unknown_consumers: 'admit',
  }
  const objects: Objects = [
    ...openRelease(service.url).filter(({ kind }) => kind !== 'policy'),
    { kind: 'issuer', name: 'login', spec: login },
    {
      kind: 'policy',
      name: 'tokens',
      spec: { type: 'access', on: { environment: true }, credentials: [{ kind: 'jwt', issuer: 'login' }] },
    },
  ]
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  const outcomes: string[] = []
  for (const name of ['juergen', 'Jürgen', 'acme\r\nX-Admin: 1', ' acme', 'acme ']) {
    const token = await new SignJWT({ client_id: name })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
      .setIssuer('https://login.test')
      .setAudience('orders')
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
    const response = await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}Authorization: Bearer ${token}\r\n\r\n`)
    outcomes.push(response.status === 200 ? 'ok' : `${response.status} ${problem(response.body)}`)
  }
  const unsaid = '403 upstream_identity_invalid'
  assert.deepEqual(outcomes, ['ok', unsaid, '401 token_claims_invalid', unsaid, unsaid])
  assert.equal(service.arrived.length, 1)
})

test('a key in the query reaches neither the service nor a record nor the log, and the rest of the query stays', async () => {
  await using service = await startService()
  const objects = keyedRelease(service.url).map((object) =>
    object.kind === 'policy'
      ? {
          ...object,
          spec: { ...(object.spec as object), credentials: [{ kind: 'api_key', query: 'api-key' }] },
        }
      : object,
  )
  await using agent = await startAgent({ objects, directory: directoryOf(['abc']) })
  for (const target of [
    `/a?x=%2f+&api-key=${KEY}&y=;z`,
    `/a?api%2dkey=${KEY}`,
    `/%7ea?api-key=${KEY}&api-key=${KEY}`,
  ]) {
    assert.equal((await sendRaw(agent.http, `GET ${target} HTTP/1.1\r\n${HEAD}\r\n`)).status, 200)
  }
  const refused = await sendRaw(agent.http, `GET /a?api-key=${KEY}x HTTP/1.1\r\n${HEAD}\r\n`)
  assert.equal(refused.status, 401)
  assert.deepEqual(
    service.arrived.map(({ line }) => line),
    ['GET /a?x=%2f+&y=;z HTTP/1.1', 'GET /a HTTP/1.1', 'GET /~a HTTP/1.1'],
  )
  const secret = KEY.slice(15, 40)
  for (const text of [service.bytes(), JSON.stringify(agent.records), agent.logged(), refused.body]) {
    assert.ok(!text.includes(secret))
  }
})
