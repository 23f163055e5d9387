/**
 * gRPC from client to service through a whole agent, with the library that clients use, over clear text and over TLS.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as grpc from '@grpc/grpc-js'
import type { ObjectInput } from '@headgate/core'
import { pem } from '@headgate/kit/pki.ts'
import { keyedRelease, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import { ca, certificate, issue } from '#agent/testing/tls.ts'
import { shop } from '#agent/upstream/testing/shop.ts'
import { type EchoClient, Echo, type EchoService, type Reply, startEcho } from './testing/echo.ts'

type Objects = readonly Omit<ObjectInput, 'origin'>[]

interface Stand extends AsyncDisposable {
  readonly agent: TestAgent
  readonly service: EchoService
  readonly client: EchoClient
}

/** An agent between a client and a service. @param change changes the objects of the release. */
async function stand(secure: boolean, change = (objects: Objects): Objects => objects): Promise<Stand> {
  const [ours, theirs] = await Promise.all([issue('api.example.com'), issue('localhost')])
  const pair = {
    cert_chain: pem('CERTIFICATE', theirs.certificate),
    private_key: pem('PRIVATE KEY', theirs.privateKey),
  }
  const service = await startEcho(secure ? pair : null)
  const url = secure ? `https://localhost:${service.port}` : `http://127.0.0.1:${service.port}`
  const agent = await startAgent({ settings: { clientIdleMs: 1_000 } })
  const objects = shop([url], { protocol: 'http2', response_timeout_ms: 1_500, ...(secure && { tls: { ca } }) })
  setRelease(agent.app.live, [...change(objects), await certificate('ours', 'api.example.com', ours)])
  await agent.app.certificates.settled()
  const credentials = secure ? grpc.credentials.createSsl(Buffer.from(ca)) : grpc.credentials.createInsecure()
  const client = new Echo(new URL(secure ? agent.https : agent.h2c).host, credentials, {
    'grpc.default_authority': 'api.example.com',
    'grpc.ssl_target_name_override': 'api.example.com',
    // Otherwise an answer of UNAVAILABLE is tried again.
    'grpc.enable_retries': 0,
  })
  return {
    agent,
    service,
    client,
    [Symbol.asyncDispose]: async () => {
      client.close()
      service.stop()
      await agent[Symbol.asyncDispose]()
    },
  }
}

async function unary(
  client: EchoClient,
  method: 'unary' | 'fail' | 'hang',
  text: string,
  deadlineMs = 30_000,
): Promise<Reply> {
  return await new Promise((resolve) => {
    let value = ''
    const call = client[method](
      Buffer.from(text),
      new grpc.Metadata(),
      { deadline: Date.now() + deadlineMs },
      (_error, response) => {
        value = response?.toString() ?? ''
      },
    )
    call.on('status', ({ code, details, metadata }) => {
      setImmediate(() => resolve({ code, details, value, trailers: metadata.getMap() }))
    })
  })
}

for (const secure of [false, true]) {
  test(`gRPC calls of every kind cross ${secure ? 'over TLS' : 'in clear text'}`, async (t) => {
    await using it = await stand(secure)
    const { client, service, agent } = it

    await t.test('one message for one message, with metadata and trailers', async () => {
      const { code, value, trailers } = await unary(client, 'unary', 'hello')
      assert.deepEqual([code, value, trailers['x-trailer']], [grpc.status.OK, 'hello', 'behind'])
    })
    await t.test('an error that is trailers only', async () => {
      const { code, details } = await unary(client, 'fail', 'hello')
      assert.deepEqual([code, details], [grpc.status.FAILED_PRECONDITION, 'not so: ü'])
    })
    await t.test('many messages of the service', async () => {
      const got: string[] = []
      for await (const message of client.serverStream(Buffer.from('5'))) got.push(String(message))
      assert.deepEqual(got, ['0', '1', '2', '3', '4'])
    })
    await t.test('many messages of the client, larger than every window', async () => {
      const sum = await new Promise<string>((resolve, reject) => {
        const call = client.clientStream((error, response) =>
          error === null ? resolve(String(response)) : reject(error),
        )
        for (let index = 0; index < 20; index++) call.write(Buffer.alloc(200_000))
        call.end()
      })
      assert.equal(sum, '4000000')
    })
    await t.test('both ways in turn, and silent for longer than a body may be', async () => {
      const call = client.bidi()
      const got: string[] = []
      call.on('data', (message: Buffer) => {
        got.push(String(message))
        // Longer than `clientIdleMs` and `response_timeout_ms` of this agent.
        if (got.length < 3) setTimeout(() => call.write(Buffer.from(`${got.length}`)), got.length === 2 ? 2_000 : 5)
        else call.end()
      })
      call.write(Buffer.from('0'))
      const { code } = await new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve))
      assert.deepEqual([code, got], [grpc.status.OK, ['0', '1', '2']])
    })
    await t.test('a deadline reaches the service', async () => {
      await unary(client, 'unary', 'hello', 20_000)
      const leftMs = (service.deadlines.at(-1) ?? 0) - Date.now()
      assert.ok(leftMs > 5_000 && leftMs <= 20_000, `${leftMs}`)
    })
    await t.test('a call that is cancelled is let go by the service, before its time is over', async () => {
      const cancelled = service.cancelled.length
      const call = client.hang(Buffer.from('x'), () => {})
      call.on('error', () => {})
      await sleep(100)
      const atMs = performance.now()
      call.cancel()
      while (service.cancelled.length === cancelled && performance.now() - atMs < 10_000) await sleep(2)
      assert.equal(service.cancelled.length, cancelled + 1)
      // A call whose time is over would be told as 504.
      while (agent.records.at(-1)?.status !== 499 && performance.now() - atMs < 10_000) await sleep(2)
      assert.equal(agent.records.at(-1)?.status, 499)
    })
    await t.test('a service that does not answer in time is UNAVAILABLE', async () => {
      const { code, details } = await unary(client, 'hang', 'x')
      assert.equal(code, grpc.status.UNAVAILABLE)
      assert.match(details, /^upstream_timeout: /)
    })
  })
}

const refusals: readonly (readonly [
  title: string,
  code: grpc.status,
  details: RegExp,
  change: (objects: Objects) => Objects,
])[] = [
  [
    'a call without a credential is UNAUTHENTICATED',
    grpc.status.UNAUTHENTICATED,
    /^credential_missing: .+ \(req_/,
    (objects) => [objects[0], ...keyedRelease('http://x').slice(1)].filter((object) => object !== undefined),
  ],
  [
    'a route that nobody may use is PERMISSION_DENIED',
    grpc.status.PERMISSION_DENIED,
    /^[a-z_]+: .+ \(req_/,
    (objects) => objects.filter(({ kind }) => kind !== 'policy'),
  ],
  [
    'a method that no route leads to is UNIMPLEMENTED',
    grpc.status.UNIMPLEMENTED,
    /^route_unknown: /,
    (objects) =>
      objects.map((object) =>
        object.kind === 'route' ? { ...object, spec: { ...(object.spec as object), path: '/other' } } : object,
      ),
  ],
  [
    'a caller over a limit is UNAVAILABLE',
    grpc.status.UNAVAILABLE,
    /^limit_exceeded: /,
    (objects) => [
      ...objects,
      {
        kind: 'policy',
        name: 'few',
        spec: { type: 'limit', on: { environment: true }, requests: 1, window_ms: 60_000, key: ['address'] },
      },
    ],
  ],
  [
    'a service that is not there is UNAVAILABLE',
    grpc.status.UNAVAILABLE,
    /^upstream_unreachable: /,
    (objects) =>
      objects.map((object) =>
        object.kind === 'service'
          ? { ...object, spec: { ...(object.spec as object), targets: [{ url: 'http://127.0.0.1:1' }] } }
          : object,
      ),
  ],
]
for (const [title, code, details, change] of refusals) {
  test(`${title}, and the caller is told why`, async () => {
    await using it = await stand(false, change)
    if (code === grpc.status.UNAVAILABLE) await unary(it.client, 'unary', 'x')
    const reply = await unary(it.client, 'unary', 'x')
    assert.equal(reply.code, code)
    assert.match(reply.details, details)
    assert.match(String(reply.trailers['x-request-id']), /^req_/)
    assert.equal(it.service.deadlines.length <= 1, true)
  })
}
