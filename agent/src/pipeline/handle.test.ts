/**
 * What a caller is told and what is recorded, through a whole agent.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { caseKey } from '@headgate/core'
import { CredentialState, DirectoryDeltaSchema } from '@headgate/proto'
import { directoryOf, ENVIRONMENT_ID, keyedRelease, openRelease, setRelease, startAgent } from '#agent/testing/agent.ts'
import { openRaw, type RawResponse, sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'

const HEAD = 'Host: api.example.com\r\n'
const GET = `GET / HTTP/1.1\r\n${HEAD}\r\n`
const withKey = (alias: string): string => `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${caseKey('production', alias)}\r\n\r\n`

function problem(response: RawResponse): Record<string, unknown> {
  return JSON.parse(response.body) as Record<string, unknown>
}

test('503 not_ready until a release is live, and never 404', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const response = await sendRaw(agent.http, GET)
  assert.deepEqual([response.status, problem(response)['code']], [503, 'not_ready'])
  setRelease(agent.app.live, openRelease(service.url))
  assert.equal((await sendRaw(agent.http, GET)).status, 200)
  agent.app.live.remove(ENVIRONMENT_ID)
  assert.equal((await sendRaw(agent.http, GET)).status, 503)
})

// Guards against a holder who throws a good key away because it was answered 401.
test('503 credential_unavailable while the directory has not arrived, and the key works once it has', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: keyedRelease(service.url) })
  const response = await sendRaw(agent.http, withKey('abc'))
  assert.deepEqual([response.status, problem(response)['code']], [503, 'credential_unavailable'])
  agent.app.live.directory(ENVIRONMENT_ID).replace(directoryOf(['abc']))
  assert.equal((await sendRaw(agent.http, withKey('abc'))).status, 200)
})

test('a revoked key is refused by the very next request, on a connection that is open already', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: keyedRelease(service.url), directory: directoryOf(['abc']) })
  await using client = await openRaw(agent.http)
  client.write(withKey('abc'))
  assert.equal((await client.read()).status, 200)
  const [key] = directoryOf(['abc']).apiKeys
  assert.ok(key !== undefined)
  key.state = CredentialState.REVOKED
  const delta = create(DirectoryDeltaSchema, { fromSequence: 1n, toSequence: 2n, apiKeys: [key] })
  assert.equal(agent.app.live.directory(ENVIRONMENT_ID).apply(delta), 'applied')
  client.write(withKey('abc'))
  const response = await client.read()
  assert.deepEqual([response.status, problem(response)['code']], [401, 'credential_revoked'])
})

test('the key stays at the agent, and the service is told who is calling', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: keyedRelease(service.url), directory: directoryOf(['abc']) })
  const key = caseKey('production', 'abc')
  await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}X-Api-Key: ${key}\r\nAuthorization: Bearer ${key}\r\n\r\n`)
  const [arrived] = service.arrived
  assert.equal(arrived?.field('x-headgate-consumer'), 'acme')
  assert.ok(!service.bytes().includes(key.slice(15, 40)))
})

test('the authorization of another scheme is the own business of the service', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: keyedRelease(service.url), directory: directoryOf(['abc']) })
  const key = `X-Api-Key: ${caseKey('production', 'abc')}\r\n`
  await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}${key}Authorization: Basic eDp5\r\n\r\n`)
  assert.equal(service.arrived[0]?.field('authorization'), 'Basic eDp5')
})

test('a public route is told nothing about a caller', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await sendRaw(agent.http, `GET / HTTP/1.1\r\n${HEAD}X-Headgate-Consumer: acme\r\n\r\n`)
  assert.equal(service.arrived[0]?.field('x-headgate-consumer'), undefined)
})

test('a limit is told on allowed and refused responses alike, and ends with 429', async () => {
  await using service = await startService(() => 'HTTP/1.1 200 OK\r\nRateLimit: theirs\r\ncontent-length: 2\r\n\r\nok')
  await using agent = await startAgent({
    objects: [
      ...openRelease(service.url),
      {
        kind: 'policy',
        name: 'two',
        spec: { type: 'limit', on: { environment: true }, requests: 2, window_ms: 60_000, key: ['address'] },
      },
    ],
  })
  const [first, second, third] = [
    await sendRaw(agent.http, GET),
    await sendRaw(agent.http, GET),
    await sendRaw(agent.http, GET),
  ]
  assert.deepEqual([first.status, second.status, third.status], [200, 200, 429])
  for (const response of [first, third]) assert.equal(response.field('ratelimit-policy'), '"two";q=2;w=60')
  assert.match(first.field('ratelimit') ?? '', /^"two";r=1;t=[0-9]+$/)
  assert.equal(first.fields.filter(([name]) => name === 'ratelimit').length, 1)
  assert.ok(Number(third.field('retry-after')) > 0)
  assert.equal(problem(third)['policy'], 'two')
  assert.equal(service.arrived.length, 2)
  assert.deepEqual(
    agent.records.map(({ limits, tightest }) => limits[tightest]?.remaining),
    [1, 0, 0],
  )
})

test('environments are told apart by host, and keys of one are worth nothing in the other', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  const [shop, route, keyed] = keyedRelease(service.url)
  assert.ok(shop !== undefined && route !== undefined && keyed !== undefined)
  for (const environment of ['production', 'staging']) {
    const id = `env_${environment}`
    const hosts = [`${environment}.example.com`]
    setRelease(agent.app.live, [shop, { ...route, spec: { ...(route.spec as object), hosts } }, keyed], {
      id,
      environment,
    })
    agent.app.live.directory(id).replace(directoryOf(environment === 'production' ? ['abc'] : []))
  }
  const ask = async (host: string): Promise<unknown> => {
    const bytes = `GET / HTTP/1.1\r\nHost: ${host}\r\nX-Api-Key: ${caseKey('production', 'abc')}\r\n\r\n`
    const response = await sendRaw(agent.http, bytes)
    return response.status === 200 ? 200 : problem(response)['code']
  }
  assert.equal(await ask('production.example.com'), 200)
  assert.equal(await ask('staging.example.com'), 'credential_wrong_environment')
  assert.equal(await ask('other.example.com'), 'route_unknown')
  // A path that nobody can read still has a host that somebody owns.
  await sendRaw(agent.http, 'GET /%2e HTTP/1.1\r\nHost: staging.example.com\r\n\r\n')
  assert.deepEqual(
    agent.records.map(({ environment }) => environment),
    ['production', 'staging', '', 'staging'],
  )
})

test('a request without a readable host is recorded under the only environment there is', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  await sendRaw(agent.http, 'GET /a?secret HTTP/1.1\r\n\r\n')
  assert.deepEqual(
    [agent.records[0]?.environment_id, agent.records[0]?.reason, agent.records[0]?.path],
    [ENVIRONMENT_ID, 'host_missing', '/a'],
  )
})

test('a bug in handling is 500 with a request id, ends nothing else, and says nothing about itself', async () => {
  await using service = await startService()
  await using agent = await startAgent({ objects: openRelease(service.url) })
  const { forHost } = agent.app.live
  agent.app.live.forHost = () => {
    throw new Error('an internal text')
  }
  const response = await sendRaw(agent.http, GET)
  assert.deepEqual([response.status, problem(response)['code']], [500, 'internal_error'])
  assert.ok(!response.body.includes('an internal text'))
  assert.ok(agent.logged().includes(String(problem(response)['request_id'])))
  agent.app.live.forHost = forHost
  assert.equal((await sendRaw(agent.http, GET)).status, 200)
})

test('a hundred requests at once are each answered with their own', async () => {
  await using service = await startService((arrived, socket) => {
    const body = arrived.line.split(' ')[1] ?? ''
    void sleep(Math.random() * 20).then(() =>
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`),
    )
    return null
  })
  await using agent = await startAgent({ objects: openRelease(service.url), settings: { upstreamConnectionsMax: 10 } })
  const answers = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => await sendRaw(agent.http, `GET /${index} HTTP/1.1\r\n${HEAD}\r\n`)),
  )
  assert.deepEqual(
    answers.map(({ body }) => body),
    Array.from({ length: 100 }, (_, index) => `/${index}`),
  )
  assert.equal(new Set(answers.map((response) => response.field('x-request-id'))).size, 100)
})
