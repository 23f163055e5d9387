/**
 * Tokens of a real OpenID provider, through a whole agent over HTTP.
 */
import assert from 'node:assert/strict'
import { request } from 'node:https'
import { test } from 'node:test'
import { caseKey } from '@headgate/core'
import { AheadClock } from '#agent/testing/ahead-clock.ts'
import { ENVIRONMENT_ID, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
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
import { ASKER, AUDIENCE, CLIENT, type OpenIdProvider, startOpenIdProvider } from '#agent/testing/openid-provider.ts'
import { openRaw } from '#agent/testing/raw-client.ts'
import { startService, type TestService } from '#agent/testing/service.ts'
import { ca, certificate, clientCertificate, issue } from '#agent/testing/tls.ts'

const byKeys = ({ issuer }: OpenIdProvider, more: object = {}): object => ({
  issuer,
  keys: { discovery: true },
  audiences: [AUDIENCE],
  private_addresses: true,
  ...more,
})

const byAsking = ({ issuer }: OpenIdProvider, more: object = {}): object => ({
  issuer,
  introspection: {
    url: `${issuer}/token/introspection`,
    client: { method: 'client_secret_basic', client_id: CLIENT.id, secret: 'env://ISSUER_SECRET' },
    ...more,
  },
  audiences: [AUDIENCE],
  private_addresses: true,
})

const DIRECTORY = callersDirectory({ consumers: ['shop', 'bound-shop'] })
const JWT = { kind: 'jwt', issuer: 'id' }
const OPAQUE = { kind: 'introspection', issuer: 'id' }

interface Rig extends AsyncDisposable {
  readonly provider: OpenIdProvider
  readonly service: TestService
  readonly agent: TestAgent
  readonly clock: AheadClock
  call(...lines: readonly string[]): Promise<string>
}

async function rig(credential: object, spec: (provider: OpenIdProvider) => object): Promise<Rig> {
  const stack = new AsyncDisposableStack()
  const provider = stack.use(await startOpenIdProvider())
  const service = stack.use(await startService())
  const clock = new AheadClock()
  const env = { ISSUER_SECRET: CLIENT.secret, ISSUER_KEY: ASKER.key }
  const agent = stack.use(await startAgent({ directory: DIRECTORY, env, clock }))
  setRelease(agent.app.live, callersRelease(service.url, [credential], { id: spec(provider) }))
  return {
    provider,
    service,
    agent,
    clock,
    call: async (...lines) => (await call(agent.http, lines)).outcome,
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  }
}

const fetches = ({ provider }: Rig): number => provider.asked.get('/jwks') ?? 0

test('a token by client credentials calls, found by discovery, and is its consumer', async () => {
  await using it = await rig(JWT, byKeys)
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  const principal = it.agent.records.at(-1)?.principal
  assert.deepEqual([principal?.consumer, principal?.credential_kind], ['shop', 'jwt'])
  assert.equal(it.service.arrived[0]?.field('authorization'), undefined)
  assert.equal(await it.call(bearer(token)), '200')
  assert.equal(fetches(it), 1)
})

test('keys rotate without one refused request', async () => {
  await using it = await rig(JWT, byKeys)
  const before = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(before)), '200')
  it.provider.rotate()
  const after = await it.provider.token('jwt')
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, async (_, index) => await it.call(bearer(index % 2 === 0 ? before : after))),
  )
  assert.deepEqual([...new Set(outcomes)], ['200'])
  assert.equal(fetches(it), 2)
})

test('a consumer that is switched off is refused by the next request, with a token that is remembered', async () => {
  await using it = await rig(JWT, byKeys)
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  const directory = it.agent.app.live.directory(ENVIRONMENT_ID)
  const off = callersDirectory({ consumers: ['shop'] }, 2n)
  for (const consumer of off.consumers) consumer.disabled = true
  directory.replace(off)
  assert.equal(await it.call(bearer(token)), 'consumer_disabled')
  directory.replace(callersDirectory({ consumers: ['other'] }, 3n))
  assert.equal(await it.call(bearer(token)), 'consumer_unknown')
  directory.replace(callersDirectory({ consumers: ['shop'] }, 4n))
  assert.equal(await it.call(bearer(token)), '200')
})

test('an issuer that is down for an hour refuses no token of a known key', async () => {
  await using it = await rig(JWT, byKeys)
  const [first, second] = [await it.provider.token('jwt'), await it.provider.token('jwt')]
  assert.equal(await it.call(bearer(first)), '200')
  it.provider.down = true
  await it.clock.pass(3_600_000)
  assert.equal(await it.call(bearer(first)), '200')
  assert.equal(await it.call(bearer(second)), '200')
})

test('keys count no longer than stated while the issuer is down', async () => {
  await using it = await rig(JWT, (provider) => byKeys(provider, { keys_stale_ms_max: 0 }))
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  it.provider.down = true
  await it.clock.pass(299_000)
  assert.equal(await it.call(bearer(token)), '200')
  await it.clock.pass(2_000)
  assert.equal(await it.call(bearer(token)), 'credential_unavailable')
})

test('ten thousand invented names of keys cause one fetch, and good tokens pass between', async () => {
  await using it = await rig(JWT, byKeys)
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  const key = testKey()
  const claims = {
    iss: it.provider.issuer,
    aud: AUDIENCE,
    exp: Math.floor(Date.now() / 1_000) + 600,
    client_id: 'shop',
  }
  const [, body = '', signature = ''] = signToken(key, {}, claims).split('.')
  const withKid = (kid: string): string =>
    `${Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid })).toString('base64url')}.${body}.${signature}`
  await using client = await openRaw(it.agent.http)
  for (let batch = 0; batch < 100; batch++) {
    const bogus = Array.from({ length: 100 }, (_, index) => withKid(`${batch} ${index}`))
    client.write(bogus.map((each) => `GET / HTTP/1.1\r\nHost: ${HOST}\r\n${bearer(each)}\r\n\r\n`).join(''))
    for (const _ of bogus) assert.match((await client.read()).body, /"token_key_unknown"/)
    assert.equal(await it.call(bearer(token)), '200')
  }
  assert.equal(fetches(it), 2)
  await it.clock.pass(30_000)
  assert.equal(await it.call(bearer(signToken(key, { kid: 'one more' }, claims))), 'token_key_unknown')
  assert.equal(fetches(it), 3)
})

test('a release is live while its issuer does not answer: only its tokens cannot be judged', async () => {
  await using it = await rig({ kind: 'api_key' }, byKeys)
  it.provider.down = true
  const { live, issuers } = it.agent.app
  live.directory(ENVIRONMENT_ID).replace(callersDirectory({ consumers: ['shop'], apiKeys: ['abc'] }, 2n))
  const release = callersRelease(it.service.url, [{ kind: 'api_key' }, JWT], {
    id: byKeys(it.provider, { audiences: ['https://new.test', AUDIENCE], keys_stale_ms_max: 1_000 }),
  })
  setRelease(live, release, { number: 2 })
  await live.settled()
  const token = signToken(
    testKey(),
    { kid: 'a' },
    { iss: it.provider.issuer, aud: AUDIENCE, exp: Math.floor(Date.now() / 1_000) + 600, client_id: 'shop' },
  )
  assert.equal(await it.call(`X-Api-Key: ${caseKey('production', 'abc')}`), '200')
  assert.equal(await it.call(bearer(token)), 'credential_unavailable')
  it.provider.down = false
  await it.clock.pass(30_000)
  assert.equal(await it.call(bearer(await it.provider.token('jwt'))), '200')
  assert.equal(issuers.status()[0]?.problem, null)
})

test('a release that leaves the issuer as it is fetches nothing, and what was proven counts on', async () => {
  await using it = await rig(JWT, byKeys)
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  it.provider.down = true
  const objects = callersRelease(it.service.url, [JWT], { id: byKeys(it.provider) })
  setRelease(it.agent.app.live, [...objects, { kind: 'role', name: 'reader', spec: { scopes: ['read'] } }], {
    number: 2,
  })
  assert.equal(await it.call(bearer(token)), '200')
  // With other rules it is judged anew, with the keys that are there.
  const others = { id: byKeys(it.provider, { audiences: ['https://invoices.test'] }) }
  setRelease(it.agent.app.live, callersRelease(it.service.url, [JWT], others), { number: 3 })
  assert.equal(await it.call(bearer(token)), 'token_audience_mismatch')
  assert.equal(fetches(it), 1)
})

test('a release that takes keys from another place is never served with those from before', async () => {
  await using it = await rig(JWT, byKeys)
  await using other = await startOpenIdProvider()
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  const spec = byKeys(it.provider, { keys: { jwks_url: `${other.issuer}/jwks` } })
  setRelease(it.agent.app.live, callersRelease(it.service.url, [JWT], { id: spec }), { number: 2 })
  assert.equal(await it.call(bearer(token)), 'token_key_unknown')
  assert.deepEqual([fetches(it), other.asked.get('/jwks')], [1, 1])
  await it.agent.app.live.settled()
  assert.equal(it.agent.app.issuers.published().length, 1)
})

test('operators see how it stands with each issuer, and nothing of tokens and secrets', async () => {
  await using provider = await startOpenIdProvider()
  await using service = await startService()
  const adminListen = { host: '127.0.0.1', port: 0 }
  const env = { ISSUER_SECRET: CLIENT.secret }
  await using agent = await startAgent({ directory: DIRECTORY, env, settings: { adminListen } })
  const issuers = { id: byKeys(provider), asked: byAsking(provider) }
  const release = callersRelease(service.url, [{ kind: 'introspection', issuer: 'asked' }], issuers)
  const known = new Promise<void>((resolve) => agent.app.issuers.onKeys(() => resolve()))
  setRelease(agent.app.live, release)
  await known
  const token = await provider.token('opaque')
  assert.equal((await call(agent.http, [bearer(token)])).outcome, '200')
  provider.down = true
  assert.equal((await call(agent.http, [bearer('another')])).outcome, 'credential_unavailable')
  const text = await (await fetch(`${agent.app.adminUrl}/state`)).text()
  const state = JSON.parse(text) as { issuers: readonly Record<string, unknown>[]; proofs_overflowed: number }
  const [id, asked] = state.issuers
  const ageMs = id?.['keys_age_ms']
  assert.ok(typeof ageMs === 'number' && ageMs >= 0)
  const base = { environment_id: ENVIRONMENT_ID }
  const counts = { fetches: 1, introspections: 0 }
  assert.deepEqual(id, { ...base, issuer: 'id', keys: 1, keys_age_ms: ageMs, problem: null, ...counts })
  const problem = 'the issuer answers 503'
  const none = { keys: null, keys_age_ms: null, problem, fetches: 0 }
  assert.deepEqual(asked, { ...base, issuer: 'asked', ...none, introspections: 2 })
  assert.equal(state.proofs_overflowed, 0)
  for (const secret of [token, 'another', CLIENT.secret]) assert.ok(!text.includes(secret))
  assert.ok(!agent.logged().includes(token))
})

test('an issuer that was gone for a release has its keys again, although nobody called meanwhile', async () => {
  await using it = await rig(JWT, byKeys)
  const { live, issuers } = it.agent.app
  const token = await it.provider.token('jwt')
  assert.equal(await it.call(bearer(token)), '200')
  const gone = new Promise<void>((resolve) => issuers.onKeys(({ jwks }) => jwks === null && resolve()))
  setRelease(live, callersRelease(it.service.url, [{ kind: 'api_key' }]), { number: 2 })
  await gone
  setRelease(live, callersRelease(it.service.url, [JWT], { id: byKeys(it.provider) }), { number: 3 })
  assert.equal(await it.call(bearer(token)), '200')
  assert.equal(fetches(it), 2)
})

test('an opaque token calls while its issuer says so, and is asked about seldom', async () => {
  await using it = await rig(OPAQUE, byAsking)
  const token = await it.provider.token('opaque')
  const asked = (): number => it.provider.asked.get('/token/introspection') ?? 0
  const outcomes = await Promise.all(Array.from({ length: 20 }, async () => await it.call(bearer(token))))
  assert.deepEqual([...new Set(outcomes)], ['200'])
  assert.equal(asked(), 1)
  assert.equal(it.agent.records.at(-1)?.principal?.credential_kind, 'introspection')
  await it.provider.revoke(token)
  await it.clock.pass(10_001)
  assert.equal(await it.call(bearer(token)), 'token_inactive')
  assert.equal(await it.call(bearer(token)), 'token_inactive')
  assert.equal(asked(), 2)
  it.provider.down = true
  assert.equal(await it.call(bearer('never-seen')), 'credential_unavailable')
  const [status] = it.agent.app.issuers.status()
  assert.deepEqual([status?.introspections, status?.problem, status?.keys], [3, 'the issuer answers 503', null])
})

test('the agent proves itself to an issuer with a key of its own, which it reads where the reference says', async () => {
  const client = { method: 'private_key_jwt', client_id: ASKER.id, key: 'env://ISSUER_KEY', key_id: 'asker' }
  await using it = await rig(OPAQUE, (provider) => byAsking(provider, { client }))
  assert.equal(await it.call(bearer(await it.provider.token('opaque'))), '200')
  assert.equal(await it.call(bearer('made-up')), 'token_inactive')
})

test('a secret that cannot be read proves nobody, and says so to operators', async () => {
  await using it = await rig(OPAQUE, (provider) =>
    byAsking(provider, { client: { method: 'client_secret_basic', client_id: CLIENT.id, secret: 'env://NOT_SET' } }),
  )
  assert.equal(await it.call(bearer('any')), 'credential_unavailable')
  assert.equal(it.agent.app.issuers.status()[0]?.problem, 'env://NOT_SET is not set')
})

test('a token that is bound to a key counts with a proof of it, once for each proof', async () => {
  await using it = await rig(JWT, byKeys)
  const key = testKey()
  const token = await it.provider.token('jwt', undefined, { proof: proofOf(key, `${it.provider.issuer}/token`, null) })
  const url = `http://${HOST}/`
  const dpop = `Authorization: DPoP ${token}`
  const proof = `DPoP: ${proofOf(key, url, token)}`
  assert.equal(await it.call(dpop, proof), '200')
  assert.equal(await it.call(dpop, proof), 'proof_replayed')
  assert.equal(await it.call(dpop, `DPoP: ${proofOf(key, url, token)}`), '200')
  assert.equal(await it.call(dpop), 'credential_unbound')
  assert.equal(await it.call(bearer(token), `DPoP: ${proofOf(key, url, token)}`), 'credential_unbound')
  assert.equal(await it.call(dpop, `DPoP: ${proofOf(testKey(), url, token)}`), 'proof_invalid')
  assert.equal(await it.call(`Authorization: DPoP ${await it.provider.token('jwt')}`, proof), 'credential_unbound')
})

test('a token that is bound to a certificate counts over a connection with it, and over no other', async () => {
  await using it = await rig(JWT, byKeys)
  const [own, other] = [await clientCertificate(), await clientCertificate()]
  const token = await it.provider.token('jwt', undefined, { certificate: own.cert })
  const asking = { client_certificates: { mode: 'optional', ca } }
  setRelease(
    it.agent.app.live,
    [
      ...callersRelease(it.service.url, [JWT], { id: byKeys(it.provider) }),
      await certificate('api', HOST, await issue(HOST), asking),
    ],
    { number: 2 },
  )
  await it.agent.app.certificates.settled()
  const over = async (presented: object): Promise<string> => await callOverTls(it.agent.https, token, presented)
  assert.equal(await over(own), '200')
  assert.equal(await over(own), '200')
  assert.equal(await over(other), 'credential_unbound')
  assert.equal(await over({}), 'credential_unbound')
  assert.equal(await it.call(bearer(token)), 'credential_unbound')
})

async function callOverTls(url: string, token: string, presented: object): Promise<string> {
  const { hostname, port } = new URL(url)
  const headers = { host: HOST, authorization: `Bearer ${token}` }
  return await new Promise((resolve, reject) => {
    request({ host: hostname, port, servername: HOST, ca, headers, agent: false, ...presented }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () =>
        resolve(response.statusCode === 200 ? '200' : String((JSON.parse(body) as { code: string }).code)),
      )
    })
      .on('error', reject)
      .end()
  })
}
