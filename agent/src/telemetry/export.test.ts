/**
 * Telemetry of a whole agent, received over real OTLP: what arrives, what never may, and what happens while nobody
 * takes it.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { credentials, ServerCredentials } from '@grpc/grpc-js'
import { caseKey } from '@headgate/core'
import { createAuthority, issueClientCertificate, issueServerCertificate, pem } from '@headgate/kit/pki.ts'
import {
  type Directory,
  type ExportLogsServiceRequest,
  ExportLogsServiceRequestSchema,
  type ExportMetricsServiceRequest,
  ExportMetricsServiceRequestSchema,
} from '@headgate/proto'
import {
  directoryOf,
  ENVIRONMENT_ID,
  keyedRelease,
  openRelease,
  startAgent,
  type TestAgent,
} from '#agent/testing/agent.ts'
import { insecureLink, startGrpc, until } from './testing/receiver.ts'
import { openRaw, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'
import { DECISION_EVENT, type DecisionRecord, decisionAttributes } from './events.ts'

const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const QUICK = { logsIntervalMs: 50, metricsIntervalMs: 50 }

/** What has arrived, as records. */
function recordsOf(requests: readonly ExportLogsServiceRequest[]): DecisionRecord[] {
  return requests.flatMap(({ resourceLogs }) =>
    resourceLogs.flatMap(({ scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) =>
        logRecords
          .filter(({ eventName }) => eventName === DECISION_EVENT)
          .map(({ attributes }) => {
            const value = attributes.find(({ key }) => key === decisionAttributes.record)?.value?.value
            return JSON.parse(value?.case === 'stringValue' ? value.value : '') as DecisionRecord
          }),
      ),
    ),
  )
}

/** Sum of a metric's points over everything that has arrived. */
function sumOf(requests: readonly ExportMetricsServiceRequest[], name: string): number {
  let sum = 0
  for (const { resourceMetrics } of requests) {
    for (const metric of resourceMetrics.flatMap((each) => each.scopeMetrics.flatMap(({ metrics }) => metrics))) {
      if (metric.name !== name) continue
      if (metric.data.case === 'sum') {
        for (const { value } of metric.data.value.dataPoints) {
          if (value.case === 'asInt') sum += Number(value.value)
          if (value.case === 'asDouble') sum += value.value
        }
      }
      if (metric.data.case === 'histogram') {
        for (const { count } of metric.data.value.dataPoints) sum += Number(count)
      }
    }
  }
  return sum
}

test('records and metrics reach the control plane over mutual TLS, and every field is there', async () => {
  const life = { nowMs: Date.now(), lifeMs: 3_600_000 }
  const authority = await createAuthority({ name: 'agents', ...life })
  const server = await issueServerCertificate(authority, { hosts: ['localhost'], ...life })
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const publicKey = new Uint8Array(await crypto.subtle.exportKey('spki', keys.publicKey))
  const privateKey = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey))
  const client = await issueClientCertificate(authority, { publicKey, uri: 'spiffe://headgate/agent/agt_1', ...life })
  const [ca, cert] = [authority.certificate, client].map((der) => Buffer.from(pem('CERTIFICATE', der)))
  assert.ok(ca !== undefined && cert !== undefined)
  const serverPair = {
    private_key: Buffer.from(pem('PRIVATE KEY', server.privateKey)),
    cert_chain: Buffer.from(pem('CERTIFICATE', server.certificate)),
  }
  await using receiver = await startGrpc(ServerCredentials.createSsl(ca, [serverPair], true))
  await using service = await startService()
  await using agent = await startAgent({
    objects: keyedRelease(service.url),
    directory: directoryOf(['abc']),
    settings: QUICK,
  })
  agent.app.telemetry.useControlPlane({
    address: `localhost:${receiver.port}`,
    credentials: credentials.createSsl(ca, Buffer.from(pem('PRIVATE KEY', privateKey)), cert),
  })

  const allowed = await sendRaw(
    agent.http,
    `GET /a?b HTTP/1.1\r\n${HEAD}X-Api-Key: ${caseKey('production', 'abc')}\r\n\r\n`,
  )
  const refused = await sendRaw(agent.http, GET)
  assert.deepEqual([allowed.status, refused.status], [200, 401])
  await until('both records', () => recordsOf(receiver.logs).length === 2)
  await until('the metrics', () => sumOf(receiver.metrics, 'headgate.requests') === 2)
  assert.equal(sumOf(receiver.metrics, 'headgate.request.duration'), 2)

  const records = recordsOf(receiver.logs)
  const record = records.find(({ outcome }) => outcome === 'allow')
  assert.ok(record !== undefined)
  const { at, duration_ms: durationMs, upstream, ...rest } = record
  assert.ok(Math.abs(Date.parse(at) - Date.now()) < 30_000)
  assert.ok(durationMs > 0 && upstream !== null && upstream.duration_ms <= durationMs)
  assert.deepEqual(
    { ...rest, upstream: { target: upstream.target, status: upstream.status } },
    {
      request_id: allowed.field('x-request-id'),
      environment_id: ENVIRONMENT_ID,
      environment: 'production',
      tenant: 'case',
      agent: 'agent-under-test',
      release: 1,
      outcome: 'allow',
      reason: 'allowed',
      status: 200,
      method: 'GET',
      host: 'api.example.com',
      path: '/a',
      scheme: 'http',
      address: '127.0.0.1',
      peer_address: '127.0.0.1',
      route: 'all',
      service: 'shop',
      rule: { kind: 'policy', name: 'keyed', origin: 'case:3' },
      needed: [],
      had: [],
      principal: {
        consumer: 'acme',
        consumer_id: 'cns_acme',
        credential_id: 'key_abc',
        credential_kind: 'api_key',
        hint: '…0abc',
        issuer: null,
        scopes: [],
        roles: [],
      },
      certificate: null,
      limits: [],
      tightest: -1,
      tls: null,
      upstream: { target: service.url, status: 200 },
    },
  )
  const denied = records.find(({ outcome }) => outcome === 'deny')
  assert.deepEqual(
    [denied?.request_id, denied?.reason, denied?.needed, denied?.principal, denied?.upstream],
    [refused.field('x-request-id'), 'credential_missing', ['api_key'], null, null],
  )
})

/** A route whose keys may come in a query parameter. */
function queryKeyRelease(url: string): ReturnType<typeof keyedRelease> {
  const [service, route] = keyedRelease(url)
  assert.ok(service !== undefined && route !== undefined)
  const spec = { type: 'access', on: { route: 'all' }, credentials: [{ kind: 'api_key', query: 'api_key' }] }
  return [service, route, { kind: 'policy', name: 'keyed', spec }]
}

function withBait(directory: Directory, id: string): Directory {
  return { ...directory, apiKeys: directory.apiKeys.map((key) => (key.id === id ? { ...key, decoy: true } : key)) }
}

/** Sends planted values in every place of a request that a caller controls. */
async function plant(agent: TestAgent, values: ReadonlyMap<string, string>): Promise<void> {
  const value = (place: string): string => values.get(place) ?? ''
  const fields =
    `X-Api-Key: ${value('key')}\r\nCookie: session=${value('cookie')}\r\nX-Other: ${value('field')}\r\n` +
    `Referer: https://a.b/?${value('referer')}\r\nX-Forwarded-For: ${value('forwarded')}\r\n`
  const body = `Content-Length: ${value('body').length}\r\n\r\n${value('body')}`
  for (const head of [HEAD, 'Host: a b\r\n', '']) {
    for (const path of ['/', '/%2e%2e', `/a;session=${value('session')}`]) {
      await sendRaw(agent.http, `POST ${path}?token=${value('query')} HTTP/1.1\r\n${head}${fields}${body}`)
    }
  }
  await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}Authorization: Bearer ${value('bearer')}\r\n\r\n`)
  await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}Authorization: Basic ${value('basic')}\r\n\r\n`)
  for (const query of [`api_key=${value('queryKey')}`, `a&api_key=${value('queryKey')}&api_key=x`]) {
    await sendRaw(agent.http, `GET /a?${query} HTTP/1.1\r\n${HEAD}\r\n`)
  }
  await sendRaw(agent.http, `GET /?api_key=${value('otherQueryKey')} HTTP/1.1\r\n${HEAD}\r\n`)
  await sendRaw(
    agent.http,
    `GET /b%3Fapi_key=${value('encodedQueryKey')}?api%5fkey=${value('queryKey')} HTTP/1.1\r\nHost: a b\r\n\r\n`,
  )
  await sendRaw(agent.http, `GET /#${value('fragment')} HTTP/1.1\r\n${HEAD}\r\n`)
  await using client = await openRaw(agent.http)
  client.write(`GET / HTTP/1.1\r\n${HEAD}X: ${value('garbage')}\0\r\n\r\n`)
  await client.read()
}

test('planted secrets are in nothing that is sent, logged or counted', async (t) => {
  const places = [
    'key',
    'cookie',
    'field',
    'referer',
    'forwarded',
    'body',
    'query',
    'session',
    'bearer',
    'basic',
    'fragment',
    'garbage',
    'queryKey',
    'otherQueryKey',
    'encodedQueryKey',
  ]
  const values = new Map(places.map((place) => [place, `planted${randomBytes(16).toString('hex')}`]))
  // A key that is well formed, and one that is even known.
  const known = 'KnownKeyOfThisTest'
  values.set('key', caseKey('production', known))
  // Where a policy takes keys from the query as well: one that is known, and one that is bait.
  values.set('queryKey', caseKey('production', 'KnownKeyInTheQuery'))
  values.set('otherQueryKey', caseKey('production', 'BaitInTheQuery'))
  const sent: Buffer[] = []
  const collector = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => sent.push(chunk))
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end())
  })
  await new Promise<void>((resolve) => {
    collector.listen(0, '127.0.0.1', () => resolve())
  })
  const otlpEndpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  for (const [title, objects] of [
    ['behind a key', keyedRelease],
    ['behind a key in the query', queryKeyRelease],
    ['open', openRelease],
  ] as const) {
    await t.test(title, async () => {
      sent.length = 0
      await using service = await startService()
      const agent = await startAgent({
        objects: objects(service.url),
        directory: withBait(directoryOf([known, 'KnownKeyInTheQuery', 'BaitInTheQuery']), 'key_BaitInTheQuery'),
        settings: { ...QUICK, otlpEndpoint, otlpProtocol: 'http/protobuf' },
      })
      await plant(agent, values)
      await agent[Symbol.asyncDispose]()
      assert.ok(sent.length > 0 && agent.records.length >= 10)
      const everything = Buffer.concat(sent).toString('latin1') + agent.logged() + JSON.stringify(agent.records)
      for (const [place, value] of values) {
        assert.ok(!everything.includes(value), `the value of ${place} got out`)
        // The random part alone is as good as the key.
        assert.ok(!everything.includes(value.slice(15, 40)), `a part of the value of ${place} got out`)
      }
    })
  }
  collector.close()
})

for (const protocol of ['grpc', 'http/protobuf'] as const) {
  test(`an operator's own collector is sent the same over ${protocol}`, async () => {
    await using receiver = await startGrpc(ServerCredentials.createInsecure())
    const http = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks)
        if (request.url === '/v1/logs') receiver.logs.push(fromBinary(ExportLogsServiceRequestSchema, body))
        else receiver.metrics.push(fromBinary(ExportMetricsServiceRequestSchema, body))
        response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
      })
    })
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', () => resolve())
    })
    const port = protocol === 'grpc' ? receiver.port : (http.address() as AddressInfo).port
    const settings = { ...QUICK, otlpEndpoint: `http://127.0.0.1:${port}`, otlpProtocol: protocol }
    await using service = await startService()
    const agent = await startAgent({ objects: openRelease(service.url), settings })
    await sendRaw(agent.http, GET)
    await until('the record', () => recordsOf(receiver.logs).length === 1)
    await agent[Symbol.asyncDispose]()
    assert.ok(sumOf(receiver.metrics, 'headgate.requests') >= 1)
    http.close()
  })
}

test('nothing is lost and nothing is counted twice while the control plane is away', async () => {
  await using receiver = await startGrpc(ServerCredentials.createInsecure())
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url), settings: QUICK })
  // Before there is an identity.
  for (let index = 0; index < 5; index++) await sendRaw(agent.http, GET)
  receiver.down = true
  agent.app.telemetry.useControlPlane(await insecureLink(receiver))
  for (let index = 0; index < 5; index++) await sendRaw(agent.http, GET)
  await sleep(300)
  assert.equal(receiver.logs.length, 0)
  receiver.down = false
  await until('all records', () => recordsOf(receiver.logs).length === 10)
  await until('all metrics', () => sumOf(receiver.metrics, 'headgate.requests') === 10)
  await sleep(200)
  assert.equal(new Set(recordsOf(receiver.logs).map(({ request_id: id }) => id)).size, 10)
  assert.equal(sumOf(receiver.metrics, 'headgate.requests'), 10)
})

test('a renewed identity is used from the next send on', async () => {
  await using before = await startGrpc(ServerCredentials.createInsecure())
  await using after = await startGrpc(ServerCredentials.createInsecure())
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url), settings: QUICK })
  agent.app.telemetry.useControlPlane(await insecureLink(before))
  await sendRaw(agent.http, GET)
  await until('the first record', () => recordsOf(before.logs).length === 1)
  agent.app.telemetry.useControlPlane(await insecureLink(after))
  await sendRaw(agent.http, GET)
  await until('the second record', () => recordsOf(after.logs).length === 1)
  assert.equal(recordsOf(before.logs).length, 1)
})

test('the last records are sent before the process ends', async () => {
  await using receiver = await startGrpc(ServerCredentials.createInsecure())
  await using service = await startService()
  const settings = { logsIntervalMs: 60_000, metricsIntervalMs: 60_000 }
  const agent = await startAgent({ objects: openRelease(service.url), settings })
  agent.app.telemetry.useControlPlane(await insecureLink(receiver))
  await sendRaw(agent.http, GET)
  await agent[Symbol.asyncDispose]()
  assert.equal(recordsOf(receiver.logs).length, 1)
  assert.equal(sumOf(receiver.metrics, 'headgate.requests'), 1)
})

test('a receiver that hangs delays the end of the process by two seconds at most', async () => {
  const silent = createServer(() => {})
  await new Promise<void>((resolve) => {
    silent.listen(0, '127.0.0.1', () => resolve())
  })
  const otlpEndpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  await using service = await startService()
  const settings = { ...QUICK, otlpEndpoint, otlpProtocol: 'http/protobuf' } as const
  const agent = await startAgent({ objects: openRelease(service.url), settings })
  await sendRaw(agent.http, GET)
  await sleep(100)
  const startedMs = performance.now()
  await agent[Symbol.asyncDispose]()
  assert.ok(performance.now() - startedMs < 8_000)
  silent.closeAllConnections()
  silent.close()
})

test('allowed requests above the bound are counted but not recorded; refusals always are', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { recordsAllowedPerS: 0 } })
  for (let index = 0; index < 5; index++) await sendRaw(agent.http, GET)
  await sendRaw(agent.http, `GET /%2e HTTP/1.1\r\n${HEAD}\r\n`)
  assert.deepEqual(
    agent.records.map(({ reason }) => reason),
    ['path_ambiguous'],
  )
  const counted = agent.app.slots.all.map(({ reason, requests }) => [reason, requests])
  assert.deepEqual(counted, [
    ['allowed', 5],
    ['path_ambiguous', 1],
  ])
})
