/**
 * Issuers and what counts once, where threads of their own serve and the main thread asks.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENVIRONMENT_ID, setRelease } from '#agent/testing/agent.ts'
import {
  bearer,
  call,
  callersDirectory,
  callersRelease,
  HOST,
  proofOf,
  signToken,
  testKey,
} from '#agent/testing/callers.ts'
import { AUDIENCE, CLIENT, type OpenIdProvider, startOpenIdProvider } from '#agent/testing/openid-provider.ts'
import { startService } from '#agent/testing/service.ts'
import { startThreads, type ThreadedAgent } from '#agent/testing/threads.ts'

const specOf = ({ issuer }: OpenIdProvider, how: object): object => ({
  issuer,
  ...how,
  audiences: [AUDIENCE],
  private_addresses: true,
})
const DISCOVERY = { keys: { discovery: true } }
const JWT = { kind: 'jwt', issuer: 'id' }

async function serve(agent: ThreadedAgent, serviceUrl: string, credential: object, spec: object): Promise<void> {
  agent.app.live.directory(ENVIRONMENT_ID).replace(callersDirectory({ consumers: ['shop'] }))
  setRelease(agent.app.live, callersRelease(serviceUrl, [credential], { id: spec }))
  await agent.app.live.settled()
}

/** Outcomes over so many new connections, which the kernel deals out among threads; each once. */
async function outcomes(
  agent: ThreadedAgent,
  lines: (index: number) => readonly string[],
  connections = 24,
): Promise<readonly string[]> {
  const all = Array.from({ length: connections }, async (_, index) => (await call(agent.http, lines(index))).outcome)
  return [...new Set(await Promise.all(all))]
}

test('threads get the keys of an issuer, one that is replaced at its start, and nobody fetches them again', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  await serve(agent, service.url, JWT, specOf(provider, DISCOVERY))
  const token = await provider.token('jwt')
  assert.deepEqual(await outcomes(agent, () => [bearer(token)]), ['200'])
  provider.down = true
  await agent.app.restart()
  assert.deepEqual(await outcomes(agent, () => [bearer(token)]), ['200'])
  assert.equal(provider.asked.get('/jwks'), 1)
})

test('keys rotate without a refused request, and bogus names of keys on all threads cause one fetch', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  await serve(agent, service.url, JWT, specOf(provider, DISCOVERY))
  const before = await provider.token('jwt')
  assert.deepEqual(await outcomes(agent, () => [bearer(before)]), ['200'])
  provider.rotate()
  const after = await provider.token('jwt')
  assert.deepEqual(await outcomes(agent, (index) => [bearer(index % 2 === 0 ? after : before)]), ['200'])
  const claims = { iss: provider.issuer, aud: AUDIENCE, exp: Math.floor(Date.now() / 1_000) + 600, client_id: 'shop' }
  const key = testKey()
  const bogus = (index: number): readonly string[] => [bearer(signToken(key, { kid: `made up ${index}` }, claims))]
  assert.deepEqual(await outcomes(agent, bogus, 200), ['token_key_unknown'])
  assert.equal(provider.asked.get('/jwks'), 2)
})

// The threads act on a release one after the other, and need the keys of the one before until then.
test('releases that change their issuer refuse no token of it meanwhile', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  await serve(agent, service.url, JWT, specOf(provider, DISCOVERY))
  const tokens = await Promise.all(Array.from({ length: 8 }, async () => await provider.token('jwt')))
  const lines = (index: number): readonly string[] => [bearer(tokens[index % tokens.length] ?? '')]
  for (let number = 2; number <= 6; number++) {
    const spec = specOf(provider, { ...DISCOVERY, keys_stale_ms_max: number * 1_000_000 })
    setRelease(agent.app.live, callersRelease(service.url, [JWT], { id: spec }), { number })
    assert.deepEqual(await outcomes(agent, lines), ['200'])
    await agent.app.live.settled()
    assert.deepEqual(await outcomes(agent, lines), ['200'])
  }
})

test('a token is asked about once for all threads', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 }, undefined, { ISSUER_SECRET: CLIENT.secret })
  const client = { method: 'client_secret_basic', client_id: CLIENT.id, secret: 'env://ISSUER_SECRET' }
  const introspection = { url: `${provider.issuer}/token/introspection`, client }
  await serve(agent, service.url, { kind: 'introspection', issuer: 'id' }, specOf(provider, { introspection }))
  const token = await provider.token('opaque')
  assert.deepEqual(await outcomes(agent, () => [bearer(token)]), ['200'])
  const asked = provider.asked.get('/token/introspection') ?? 0
  assert.ok(asked >= 1 && asked <= 2, `${asked}`)
  const [status] = agent.app.issuers.status()
  assert.deepEqual([status?.introspections, status?.problem], [asked, null])
})

test('a proof counts once, whichever thread it comes to', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  await using agent = await startThreads({ workers: 2 })
  await serve(agent, service.url, JWT, specOf(provider, DISCOVERY))
  const key = testKey()
  const token = await provider.token('jwt', undefined, { proof: proofOf(key, `${provider.issuer}/token`, null) })
  const lines = [`Authorization: DPoP ${token}`, `DPoP: ${proofOf(key, `http://${HOST}/`, token)}`]
  const all = await Promise.all(Array.from({ length: 24 }, async () => (await call(agent.http, lines)).outcome))
  assert.equal(all.filter((outcome) => outcome === '200').length, 1)
  assert.deepEqual(new Set(all), new Set(['200', 'proof_replayed']))
})

test('a source is locked out on every thread', async () => {
  await using service = await startService()
  await using agent = await startThreads({ workers: 2, lockOutFailures: 3, lockOutMsMax: 60_000 })
  const key = testKey('known')
  const spec = { issuer: 'https://id.test', keys: { jwks: { keys: [key.jwk] } }, audiences: ['orders'] }
  await serve(agent, service.url, JWT, spec)
  const claims = { iss: 'https://id.test', aud: 'orders', exp: Math.floor(Date.now() / 1_000) + 600 }
  const garbage = (): readonly string[] => [bearer(signToken(testKey(), { kid: 'known' }, claims))]
  // The first lock-outs are short, and a slow machine may outlast them; each further one is twice as long.
  let seen: readonly string[] = []
  for (let tries = 0; tries < 20 && seen.join() !== 'source_locked_out'; tries++) seen = await outcomes(agent, garbage)
  assert.deepEqual(seen, ['source_locked_out'])
})
