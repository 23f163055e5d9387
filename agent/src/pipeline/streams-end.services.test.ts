/**
 * Streams of every kind through a whole agent, and how they end when what allowed them counts no more.
 *
 * All streams of a test wait side by side, as each of them takes seconds.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as grpc from '@grpc/grpc-js'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { caseKey, type ObjectInput } from '@headgate/core'
import { CredentialState, type Directory, DirectoryDeltaSchema } from '@headgate/proto'
import { SignJWT } from 'jose'
import { WebSocket, WebSocketServer } from 'ws'
import { Echo, startEcho } from '#agent/http2/testing/echo.ts'
import { directoryOf, ENVIRONMENT_ID, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import {
  call as callAs,
  callersDirectory,
  callersRelease,
  certificateOf,
  credentialOf,
  HOST as CALLERS_HOST,
  signatureOf,
} from '#agent/testing/callers.ts'
import { serveNode } from '#agent/testing/node-service.ts'
import { openRaw } from '#agent/testing/raw-client.ts'
import { ca, certificate, clientCertificate, get, issue } from '#agent/testing/tls.ts'

type Objects = Omit<ObjectInput, 'origin'>[]
type Delta = Omit<MessageInitShape<typeof DirectoryDeltaSchema>, '$typeName'>

const HOST = 'api.example.com'
const ISSUER = 'https://login.test'
const AUDIENCE = 'https://orders.test'
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Streams at `/events`, takes bodies at `/upload`, answers nothing at `/poll`; WebSockets everywhere. */
interface Streams extends AsyncDisposable {
  readonly url: string
  /** What clients have told the service at the end of WebSockets: code and reason. */
  readonly goodbyes: string[]
  /** Requests that were let go before they were over. */
  readonly left: string[]
}

async function startStreams(): Promise<Streams> {
  const [goodbyes, left]: [string[], string[]] = [[], []]
  const websockets = new WebSocketServer({ noServer: true })
  const service = await serveNode(
    (request, response) => {
      const { url = '' } = request
      response.on('close', () => {
        if (!response.writableFinished) left.push(url)
      })
      request.resume()
      if (url !== '/events') return
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const timer = setInterval(() => response.write('data: x\n\n'), 50)
      response.on('close', () => clearInterval(timer))
    },
    (request, socket, head) => {
      websockets.handleUpgrade(request, socket, head, (websocket) => {
        const timer = setInterval(() => websocket.send('x'.repeat(70_000)), 10)
        websocket.on('close', (code, reason) => {
          clearInterval(timer)
          goodbyes.push(`${code} ${reason.toString()}`)
        })
        websocket.on('error', () => {})
      })
    },
  )
  return { url: service.url, goodbyes, left, [Symbol.asyncDispose]: async () => await service[Symbol.asyncDispose]() }
}

function release(http1: string, http2: string): Objects {
  const credentials = [{ kind: 'api_key' }, { kind: 'jwt', issuer: 'login' }]
  const jwks = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k' }] }
  return [
    { kind: 'service', name: 'streams', spec: { owner: 'team', targets: [{ url: http1 }] } },
    { kind: 'service', name: 'echo', spec: { owner: 'team', targets: [{ url: http2 }], protocol: 'http2' } },
    { kind: 'route', name: 'all', spec: { service: 'streams', path: '/', match: 'prefix', websocket: true } },
    { kind: 'route', name: 'calls', spec: { service: 'echo', path: '/test.Echo/', match: 'prefix' } },
    { kind: 'policy', name: 'keyed', spec: { type: 'access', on: { environment: true }, credentials } },
    {
      kind: 'issuer',
      name: 'login',
      spec: { issuer: ISSUER, keys: { jwks }, audiences: [AUDIENCE], clock_skew_ms: 0 },
    },
  ]
}

interface Stand extends AsyncDisposable {
  readonly agent: TestAgent
  readonly streams: Streams
  readonly directory: Directory
  change(delta: Delta): void
}

async function stand(aliases: readonly string[]): Promise<Stand> {
  const streams = await startStreams()
  const echo = await startEcho(null)
  const directory = directoryOf(aliases)
  const objects = release(streams.url, `http://127.0.0.1:${echo.port}`)
  const agent = await startAgent({ objects, directory })
  let sequence = 1n
  return {
    agent,
    streams,
    directory,
    change: (delta) => {
      const [fromSequence, toSequence] = [sequence, ++sequence]
      const whole = create(DirectoryDeltaSchema, { environmentId: ENVIRONMENT_ID, fromSequence, toSequence, ...delta })
      assert.equal(agent.app.live.directory(ENVIRONMENT_ID).apply(whole), 'applied')
    },
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]()
      echo.stop()
      await streams[Symbol.asyncDispose]()
    },
  }
}

type Fields = Readonly<Record<string, string>>

const keyed = (alias: string): Fields => ({ 'x-api-key': caseKey('production', alias) })
const lines = (fields: Fields): string =>
  Object.entries({ host: HOST, ...fields })
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

/** @returns how it was closed, told to the client. */
async function websocket({ agent }: Stand, fields: Fields): Promise<{ readonly closed: Promise<string> }> {
  const socket = new WebSocket(`${agent.http.replace('http', 'ws')}/`, { headers: { host: HOST, ...fields } })
  socket.on('error', () => {})
  const closed = once(socket, 'close').then(([code, reason]) => `${String(code)} ${String(reason)}`)
  await once(socket, 'open')
  return { closed }
}

/** @param until what is awaited first; null: nothing comes. @returns what came, once the connection is over. */
async function http1(
  { agent }: Stand,
  request: string,
  until: string | null,
): Promise<{ readonly closed: Promise<string> }> {
  const client = await openRaw(agent.http)
  let text = ''
  client.socket.on('data', (piece) => (text += piece.toString('latin1')))
  client.write(request)
  for (let waited = 0; until !== null && !text.includes(until) && waited < 20_000; waited += 10) await sleep(10)
  return {
    closed: client.ended().then(
      () => text,
      () => text,
    ),
  }
}

/** @returns the code of the reset. */
async function http2({ agent }: Stand, fields: Fields): Promise<{ readonly closed: Promise<string> }> {
  const session = connectHttp2(agent.h2c)
  session.on('error', () => {})
  const stream = session.request({ ':authority': HOST, ':path': '/events', ...fields })
  stream.on('error', () => {})
  stream.resume()
  const closed = new Promise<string>((resolve) => {
    stream.on('close', () => {
      session.close()
      resolve(`reset ${stream.rstCode}`)
    })
  })
  await once(stream, 'response')
  return { closed }
}

/** @param isAnswered whether the service has said something before. */
async function call(
  { agent }: Stand,
  fields: Fields,
  isAnswered: boolean,
): Promise<{ readonly closed: Promise<string> }> {
  const client = new Echo(new URL(agent.h2c).host, grpc.credentials.createInsecure(), {
    'grpc.default_authority': HOST,
    'grpc.enable_retries': 0,
  })
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  const stream = isAnswered
    ? client.bidi(metadata)
    : client.hang(Buffer.from('x'), metadata, { deadline: Date.now() + 60_000 }, () => {})
  stream.on('error', () => {})
  const closed = new Promise<string>((resolve) => {
    stream.on('status', ({ code, details }: grpc.StatusObject) => {
      client.close()
      resolve(`${code} ${details}`)
    })
  })
  if (stream instanceof Duplex) {
    stream.write(Buffer.from('x'))
    await once(stream, 'data')
  } else await sleep(100)
  return { closed }
}

/** More of a body than is gathered before a service is asked. */
const PIECE = `4e20\r\n${'x'.repeat(20_000)}\r\n`

const KEYS = ['ws', 'ws2', 'events', 'events2', 'upload', 'poll', 'call', 'hang'] as const

test('everything that a revoked key has in flight ends, each in the way of its protocol, and nothing else does', async (t) => {
  await using it = await stand([...KEYS, 'other'])
  const { agent, streams, directory } = it
  const other = await websocket(it, keyed('other'))
  const all = await Promise.all([
    websocket(it, keyed('ws')),
    http1(it, `GET /events HTTP/1.1\r\n${lines(keyed('events'))}\r\n`, 'data: x'),
    http2(it, keyed('events2')),
    http1(it, `POST /upload HTTP/1.1\r\n${lines(keyed('upload'))}transfer-encoding: chunked\r\n\r\n${PIECE}`, null),
    http1(it, `GET /poll HTTP/1.1\r\n${lines(keyed('poll'))}\r\n`, null),
    call(it, keyed('call'), true),
    call(it, keyed('hang'), false),
  ])
  // Longer than one look at everything takes: while the key counts, nothing ends.
  await sleep(2_500)
  assert.deepEqual([streams.left, streams.goodbyes], [[], []])
  const revoked = directory.apiKeys.filter(({ id }) => id !== 'key_other')
  it.change({ apiKeys: revoked.map((key) => ({ ...key, state: CredentialState.REVOKED })) })
  const startedMs = performance.now()
  const [ws, events, events2, upload, poll, streaming, hang] = await Promise.all(
    all.map(async ({ closed }) => await closed),
  )
  const tookMs = performance.now() - startedMs
  // The promise is 5 s; the bound is wide, for busy machines, and the figure is told.
  t.diagnostic(`${Math.round(tookMs)} ms`)
  assert.ok(tookMs < 15_000, `${tookMs} ms`)

  assert.equal(ws, '1008 credential_revoked')
  assert.match(events ?? '', /^HTTP\/1\.1 200 /)
  assert.ok(!(events ?? '').includes('\r\n0\r\n'), 'a body that is cut does not look whole')
  assert.equal(events2, 'reset 2')
  for (const refused of [upload, poll]) {
    assert.match(refused ?? '', /^HTTP\/1\.1 401 /)
    assert.match(refused ?? '', /"code":"credential_revoked"/)
  }
  assert.equal(streaming, '16 credential_revoked')
  assert.match(hang ?? '', /^16 credential_revoked/)

  for (let waited = 0; streams.left.length < 4 && waited < 20_000; waited += 10) await sleep(10)
  assert.deepEqual(streams.left.toSorted(), ['/events', '/events', '/poll', '/upload'])
  assert.deepEqual(streams.goodbyes, ['1008 credential_revoked'])
  assert.deepEqual(
    agent.records.map(({ reason, outcome }) => `${outcome} ${reason}`),
    all.map(() => 'deny credential_revoked'),
  )
  assert.deepEqual(
    agent.records.map(({ status }) => status).toSorted((one, other) => one - other),
    [101, 200, 200, 200, 401, 401, 401],
  )
  assert.equal(await Promise.race([other.closed, sleep(100, 'open')]), 'open')
})

test('a stream ends when its key is switched off or ends by time, and when its consumer is switched off or gone', async () => {
  for (const [reason, deltaOf] of [
    [
      'credential_disabled',
      ({ apiKeys }) => ({ apiKeys: apiKeys.map((key) => ({ ...key, state: CredentialState.DISABLED })) }),
    ],
    [
      'credential_expired',
      ({ apiKeys }) => ({ apiKeys: apiKeys.map((key) => ({ ...key, expiresAtMs: BigInt(Date.now()) })) }),
    ],
    ['credential_unknown', () => ({ deletedApiKeyIds: ['key_ws'] })],
    ['consumer_disabled', ({ consumers }) => ({ consumers: consumers.map((each) => ({ ...each, disabled: true })) })],
    ['credential_unknown', () => ({ deletedConsumerIds: ['cns_acme'] })],
  ] as const satisfies readonly (readonly [string, (directory: Directory) => Delta])[]) {
    await using it = await stand(['ws'])
    const { closed } = await websocket(it, keyed('ws'))
    it.change(deltaOf(it.directory))
    assert.equal(await closed, `1008 ${reason}`)
  }
})

async function token(lifeS: number): Promise<string> {
  return await new SignJWT({ client_id: 'acme' })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'k' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setSubject('acme')
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1_000) + lifeS)
    .sign(privateKey)
}

test('a stream ends with its token, and with the consumer of its token', async () => {
  await using it = await stand([])
  const [short, long] = await Promise.all([
    websocket(it, { authorization: `Bearer ${await token(2)}` }),
    websocket(it, { authorization: `Bearer ${await token(600)}` }),
  ])
  assert.equal(await short.closed, '1008 credential_expired')
  it.change({ consumers: it.directory.consumers.map((each) => ({ ...each, disabled: true })) })
  assert.equal(await long.closed, '1008 consumer_disabled')
})

test('what waits for an answer is refused when its client certificate or its signing key is revoked', async () => {
  await using streams = await startStreams()
  const signer = { id: 'ours', secret: 'a secret that the caller has too' }
  const credentials = [
    certificateOf('acme', 'uri:spiffe://acme/ci'),
    credentialOf('acme', {
      case: 'signingKey',
      value: { keyId: signer.id, key: { case: 'hmacSecret', value: 'env://SIGNER' } } as never,
    }),
  ]
  const directory = callersDirectory({ consumers: ['acme'], credentials })
  const objects = [
    ...callersRelease(streams.url, [{ kind: 'mtls' }, { kind: 'signature' }]),
    await certificate('ours', CALLERS_HOST, await issue(CALLERS_HOST), {
      client_certificates: { mode: 'optional', ca },
    }),
  ]
  await using agent = await startAgent({ objects, directory, env: { SIGNER: signer.secret } })
  await agent.app.certificates.settled()
  const answers = Promise.all([
    get(agent.https, CALLERS_HOST, await clientCertificate()),
    callAs(agent.http, signatureOf(signer)).then(({ response }) => response.status),
  ])
  await sleep(2_500)
  assert.equal(agent.records.length, 0)
  const delta = create(DirectoryDeltaSchema, {
    environmentId: ENVIRONMENT_ID,
    fromSequence: 1n,
    toSequence: 2n,
    credentials: credentials.map((each) => ({ ...each, state: CredentialState.REVOKED })),
  })
  assert.equal(agent.app.live.directory(ENVIRONMENT_ID).apply(delta), 'applied')
  assert.deepEqual(await answers, [401, 401])
  const told = agent.records.map(({ reason, principal }) => `${reason} ${principal?.credential_kind}`)
  assert.deepEqual(told.toSorted(), ['credential_revoked mtls', 'credential_revoked signature'])
})
