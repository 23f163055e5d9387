/**
 * Every kind of caller, between real processes: tokens of a real OpenID provider, certificates, keys and streams.
 *
 * @module
 */
import {
  createAuthority,
  createCertificateRequest,
  createPrivateKeyDer,
  issueClientCertificate,
  issueServerCertificate,
  pem,
  readCertificateRequest,
} from '@headgate/kit/pki.ts'
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, randomUUID, sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { headgate } from './harness/cli.ts'
import { type ConfigDocument, createKey, release } from './harness/configuration.ts'
import { type RawResponse, get } from './harness/http.ts'
import { startLoad } from './harness/load.ts'
import { AUDIENCE, startOpenIdProvider } from './harness/openid-provider.ts'
import { SHOP, startStack } from './harness/stack.ts'
import { openStream, startStreamingService } from './harness/streams.ts'
import { until } from './harness/until.ts'

const NAME = 'orders.test'
const SPIFFE = 'spiffe://acme/ci'

/** How long an answer about a token counts, in milliseconds. */
const CACHE_MS = 1_000
/** The promise: a stream ends within this time of its credential, in milliseconds. */
const STREAM_MS = 5_000
/** The promise of a change of a credential, and what is allowed on a busy machine, in milliseconds. */
const AT_MOST_MS = 5_000

const started = new AsyncDisposableStack()
after(() => started.disposeAsync())
const provider = started.use(await startOpenIdProvider())
const streaming = started.use(await startStreamingService())
const stack = started.use(await startStack({ agents: 1 }))
const { client, upstream, controlPlane } = stack
const [agent] = stack.agents
assert.ok(agent !== undefined)
const { httpPort, httpsPort } = agent

const life = { nowMs: Date.now(), lifeMs: 3_600_000 }
const authority = await createAuthority({ name: 'authority of clients', ...life })
const ca = pem('CERTIFICATE', authority.certificate)

await publish()
for (const name of ['shop', 'shop-dpop', 'shop-mtls']) {
  await client.call('createConsumer', { params: SHOP, body: { name } })
}

/** A file on the agent's machine, for what it reads by a secret reference. */
async function secretFile(name: string, text: string): Promise<string> {
  const path = join(stack.directory, name)
  await writeFile(path, text, { mode: 0o600 })
  return `file://${path}`
}

async function publish(): Promise<void> {
  const { issuer, ca: issuerCa } = provider
  const common = { issuer, audiences: [AUDIENCE], algorithms: ['ES256'], private_addresses: true, ca: issuerCa }
  const secret = await secretFile('introspection.secret', `${provider.secret}\n`)
  const introspection = {
    url: `${issuer}/token/introspection`,
    client: { method: 'client_secret_basic', client_id: 'agent', secret },
    cache_ms: CACHE_MS,
  }
  const identity = { token: { audience: 'orders' } }
  const own = await issueServerCertificate(authority, { hosts: [NAME], ...life })
  const certificate = {
    hosts: [NAME],
    chain: pem('CERTIFICATE', own.certificate),
    key: await secretFile('orders.key', pem('PRIVATE KEY', own.privateKey)),
    client_certificates: { mode: 'optional', ca },
  }
  await release(client, SHOP, [
    { kind: 'issuer', name: 'provider', spec: { ...common, keys: { discovery: true } } },
    { kind: 'issuer', name: 'asked', spec: { ...common, introspection } },
    { kind: 'service', name: 'orders', spec: { owner: 'shop team', targets: [{ url: upstream.url }], identity } },
    { kind: 'service', name: 'streams', spec: { owner: 'shop team', targets: [{ url: streaming.url }] } },
    { kind: 'certificate', name: 'orders', spec: certificate },
    ...route('jwt', 'orders', { kind: 'jwt', issuer: 'provider' }),
    ...route('opaque', 'orders', { kind: 'introspection', issuer: 'asked' }),
    ...route('keys', 'orders', { kind: 'api_key' }),
    ...route('mtls', 'orders', { kind: 'mtls' }),
    ...route('stream', 'streams', { kind: 'api_key' }, { websocket: true }),
  ])
}

function route(name: string, service: string, credential: object, more: object = {}): ConfigDocument[] {
  return [
    { kind: 'route', name, spec: { service, path: `/${name}`, exposure: 'public', ...more } },
    {
      kind: 'policy',
      name: `${name}.access`,
      spec: { type: 'access', on: { route: name }, credentials: [credential], scopes: ['orders:read'] },
    },
  ]
}

const ask = (target: string, headers: Readonly<Record<string, string>>): Promise<RawResponse> =>
  get(httpPort, target, headers)

const bearer = (token: string, target = '/jwt'): Promise<RawResponse> =>
  ask(target, { authorization: `Bearer ${token}` })

/** The reason of a refusal; `allowed` when there is none. */
const reasonOf = (answer: RawResponse): string =>
  answer.status === 200 ? 'allowed' : (answer.json() as { code: string }).code

/** The value of a field that the service got. */
function fieldAtService(name: string): string | undefined {
  const { headers = [] } = upstream.last ?? {}
  const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name)
  return at === -1 ? undefined : headers[at + 1]
}

/** Keys of an issuer come behind a release, which does not wait for them. */
await until(
  'the keys of the issuer to be known',
  async () => (await bearer(await provider.token('shop'))).status === 200,
)

test('a token by client credentials is admitted, and one of nobody is not', async () => {
  const token = await provider.token('shop')
  assert.equal(reasonOf(await bearer(token)), 'allowed')
  assert.equal(fieldAtService('x-headgate-consumer'), 'shop')
  assert.equal(fieldAtService('authorization'), undefined)
  assert.equal(reasonOf(await bearer(token.replace(/.{8}$/, 'AAAAAAAA'))), 'token_signature_invalid')
  assert.equal(reasonOf(await bearer(await provider.token('agent'))), 'consumer_unknown')
})

test('the command explains a token as the agent decides about it', async () => {
  const caFile = join(stack.directory, 'control-plane.pem')
  await writeFile(caFile, controlPlane.certificate)
  const env = {
    HEADGATE_URL: controlPlane.url,
    HEADGATE_TOKEN: controlPlane.secrets.token,
    HEADGATE_CA_FILE: caFile,
    HEADGATE_TENANT: SHOP.tenant,
    HEADGATE_ENVIRONMENT: SHOP.environment,
  }
  for (const name of ['shop', 'agent'] as const) {
    const token = await provider.token(name)
    const args = ['explain', '--method', 'GET', '--host', 'localhost', '--path', '/jwt', '--jwt', '-', '-o', 'json']
    const run = await headgate(args, { directory: stack.directory, env, input: token })
    const { reason } = JSON.parse(run.stdout) as { readonly reason: string }
    assert.equal(reason, reasonOf(await bearer(token)), run.stderr)
    assert.ok(!(run.stdout + run.stderr).includes(token))
  }
})

test('a service can check by the published keys who called it', async () => {
  await bearer(await provider.token('shop'))
  const text = fieldAtService('x-headgate-identity') ?? ''
  const url = new URL(`${controlPlane.url}/.well-known/headgate/jwks.json`)
  const keys = createRemoteJWKSet(url, { [customFetch]: (target, init) => controlPlane.fetch(target, init) as never })
  const { payload } = await jwtVerify(text, keys, {
    issuer: `headgate:${SHOP.tenant}/${SHOP.environment}`,
    audience: 'orders',
    algorithms: ['ES256'],
    typ: 'headgate-identity+jwt',
  })
  assert.equal(payload.sub, 'shop')
  assert.ok((payload.exp ?? Infinity) - (payload.iat ?? 0) <= 60)
})

test('the provider takes a new key under load and no request is refused', async () => {
  const headers = { host: 'localhost', authorization: `Bearer ${await provider.token('shop')}` }
  const load = startLoad({ ratePerS: 200, targets: [{ host: '127.0.0.1', port: httpPort, path: '/jwt', headers }] })
  await until('load', () => load.result().answered > 100)
  const before = provider.keyRequests
  provider.rotate()
  // A token for each of several requests, so that none of them was seen before.
  for (let count = 0; count < 20; count++) {
    headers.authorization = `Bearer ${await provider.token('shop')}`
    await new Promise((settle) => setTimeout(settle, 30))
  }
  const { outcomes, sent, p99Ms } = await load.stop()
  console.log(
    `# ${sent} requests over a rotation, p99 ${p99Ms} ms, keys fetched ${provider.keyRequests - before} times`,
  )
  // A machine that is too busy to send them may give requests up; what is answered is answered well.
  const answers = Object.keys(outcomes).filter((outcome) => !outcome.startsWith('no answer within'))
  assert.deepEqual(answers, ['200'], JSON.stringify(outcomes))
  assert.equal(provider.keyRequests - before, 1)
})

test('a token that was revoked at the issuer that is asked is refused within the time of its answers', async () => {
  const token = await provider.token('shop', { opaque: true })
  assert.equal(reasonOf(await bearer(token, '/opaque')), 'allowed')
  await provider.revoke('shop', token)
  const revokedMs = performance.now()
  await until('the token to be refused', async () => reasonOf(await bearer(token, '/opaque')) === 'token_inactive')
  const refusedMs = performance.now() - revokedMs
  console.log(`# refused ${Math.round(refusedMs)} ms after the revocation at the issuer`)
  assert.ok(refusedMs < CACHE_MS + AT_MOST_MS)
})

const holder = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function proof(htm: string, htu: string, token?: string): string {
  const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: holder.publicKey.export({ format: 'jwk' }) }
  const ath = token === undefined ? {} : { ath: hash('sha256', token, 'base64url') }
  const claims = { jti: randomUUID(), htm, htu, iat: Math.floor(Date.now() / 1_000), ...ath }
  const text = [header, claims].map((each) => Buffer.from(JSON.stringify(each)).toString('base64url')).join('.')
  const signature = sign('sha256', Buffer.from(text), { key: holder.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

test('a token of a key counts with a proof of the key, once for each proof', async () => {
  const token = await provider.token('shop-dpop', { dpop: proof('POST', `${provider.issuer}/token`) })
  const proven = { authorization: `DPoP ${token}`, dpop: proof('GET', 'http://localhost/jwt', token) }
  assert.equal(reasonOf(await ask('/jwt', proven)), 'allowed')
  assert.equal(fieldAtService('x-headgate-consumer'), 'shop-dpop')
  assert.equal(reasonOf(await ask('/jwt', proven)), 'proof_replayed')
  assert.equal(reasonOf(await bearer(token)), 'credential_unbound')
  const elsewhere = { ...proven, dpop: proof('GET', 'http://localhost/keys', token) }
  assert.equal(reasonOf(await ask('/jwt', elsewhere)), 'proof_invalid')
})

interface Certified {
  readonly cert: string
  readonly key: string
}

async function clientCertificate(): Promise<Certified> {
  const key = await createPrivateKeyDer()
  const request = await readCertificateRequest(await createCertificateRequest(key))
  assert.ok(request.kind === 'ok')
  const subject = { publicKey: request.publicKey, uri: SPIFFE, ...life }
  return { cert: pem('CERTIFICATE', await issueClientCertificate(authority, subject)), key: pem('PRIVATE KEY', key) }
}

const overTls = (
  target: string,
  certified: Certified | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<RawResponse> =>
  get(httpsPort, target, { host: NAME, ...headers }, { tls: { ca, servername: NAME, ...certified } })

test('a token of a certificate counts over connections with that certificate', async () => {
  const [own, other] = [await clientCertificate(), await clientCertificate()]
  const token = await provider.token('shop-mtls', { certificate: own })
  const headers = { authorization: `Bearer ${token}` }
  assert.equal(reasonOf(await overTls('/jwt', own, headers)), 'allowed')
  assert.equal(fieldAtService('x-headgate-consumer'), 'shop-mtls')
  assert.equal(reasonOf(await overTls('/jwt', other, headers)), 'credential_unbound')
  assert.equal(reasonOf(await overTls('/jwt', undefined, headers)), 'credential_unbound')
  assert.equal(reasonOf(await bearer(token)), 'credential_unbound')
})

test('a certificate proves a consumer from its creation to its revocation, each at once', async () => {
  const certified = await clientCertificate()
  assert.equal(reasonOf(await overTls('/mtls', certified)), 'certificate_unknown')
  const body = {
    kind: 'certificate',
    identity: { kind: 'uri', value: SPIFFE },
    consumer: 'shop',
    scopes: ['orders:read'],
  }
  const query = { wait: 'true' } as const
  const createdMs = performance.now()
  const { id, receipt } = await client.call('createCredential', { params: SHOP, query, body: body as never })
  assert.deepEqual(
    receipt?.acked.map(({ name }) => name),
    [agent.name],
  )
  assert.equal(reasonOf(await overTls('/mtls', certified)), 'allowed')
  const admittedMs = performance.now() - createdMs
  assert.equal(fieldAtService('x-headgate-consumer'), 'shop')

  const revokedMs = performance.now()
  await client.call('revokeCredential', { params: { ...SHOP, credential: id }, query })
  assert.equal(reasonOf(await overTls('/mtls', certified)), 'credential_revoked')
  const refusedMs = performance.now() - revokedMs
  console.log(`# certificate: admitted after ${Math.round(admittedMs)} ms, refused after ${Math.round(refusedMs)} ms`)
  assert.ok(Math.max(admittedMs, refusedMs) < AT_MOST_MS)
})

test('events and a WebSocket end within 5 s of the revocation of their key, and others go on', async () => {
  const [{ id, key }, other] = [await createKey(client, SHOP, 'shop'), await createKey(client, SHOP, 'shop')]
  const open = (text: string, kind: 'events' | 'websocket') =>
    openStream(httpPort, '/stream', { 'x-api-key': text }, kind)
  const streams = [await open(key, 'events'), await open(key, 'websocket')]
  const others = [await open(other.key, 'events'), await open(other.key, 'websocket')]
  assert.deepEqual(
    [...streams, ...others].map(({ status }) => status),
    [200, 101, 200, 101],
  )
  const revokedMs = performance.now()
  await client.call('revokeKey', { params: { ...SHOP, key: id }, query: { wait: 'true' } })
  const ends = await Promise.all(streams.map(({ ended }) => ended.then(() => performance.now() - revokedMs)))
  console.log(`# streams ended ${ends.map(Math.round).join(' and ')} ms after the revocation of their key`)
  assert.ok(Math.max(...ends) < STREAM_MS)
  for (const stream of others) {
    const { received } = stream
    await until('the other streams to go on', () => stream.received > received)
    stream.end()
  }
})

test('when, where and from where a key was used is shown', async () => {
  const { id, key } = await createKey(client, SHOP, 'shop')
  assert.equal((await ask('/keys', { 'x-api-key': key })).status, 200)
  const used = await until(
    'the use of the key to be shown',
    async () => (await client.call('getKey', { params: { ...SHOP, key: id } })).last_used ?? undefined,
    { timeoutMs: 40_000, everyMs: 100 },
  )
  assert.deepEqual([used.agent, used.address], [agent.name, '127.0.0.1'])
  assert.ok(Math.abs(Date.parse(used.at) - Date.now()) < 60_000)
})

test('whoever presents bait is refused as if it were revoked, and is listed', async () => {
  const body = { consumer: 'shop', scopes: ['orders:read'], decoy: true }
  const query = { wait: 'true' } as const
  const { id, key } = await client.call('createKey', { params: SHOP, query, body })
  const answer = await ask('/keys', { 'x-api-key': key })
  assert.equal(reasonOf(answer), 'credential_revoked')
  const event = await until('the event', async () => {
    const { data } = await client.call('listSecurityEvents', { params: SHOP, query: { kind: 'decoy_used' } })
    return data.find(({ credential_id: credentialId }) => credentialId === id)
  })
  assert.deepEqual([event.consumer, event.agent, event.address], ['shop', agent.name, '127.0.0.1'])
  assert.equal(event.request_id, answer.header('x-request-id'))
})
