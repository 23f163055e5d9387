import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facts, key, ports } from '#core/fakes/request.ts'
import { certificate, compiled, environment, https, keyed, object, open, route } from '#core/fakes/release.ts'
import { decide } from './decide.ts'
import type { Decision, Facts, TlsPeer } from './decision.ts'
import { refuse } from './outcome.ts'
import type { CompiledRelease } from './release.ts'

const ours = '-----BEGIN CERTIFICATE-----\nours\n-----END CERTIFICATE-----'

async function ask(release: CompiledRelease, overrides: Partial<Facts>, steps: string[] = []): Promise<Decision> {
  const trace = {
    ...ports(),
    trace: ({ gate, outcome }: { gate: string; outcome: string }) => steps.push(`${gate} ${outcome}`),
  }
  return await decide(release, facts(overrides), trace)
}

const clients = compiled(
  route('all', '/', { match: 'prefix' }),
  open('open', environment),
  certificate('closed', ['*.closed.test'], { client_certificates: { mode: 'required', ca: ours } }),
  certificate('exception', ['open.closed.test']),
  certificate('asked', ['asked.test'], { client_certificates: { mode: 'optional', ca: ours } }),
)
const proven: TlsPeer = {
  kind: 'verified',
  certificate: 'closed',
  authorities: ours,
  sha256: '00',
  subject: 'CN=ci',
  names: [],
  notAfterMs: 1,
}

// The handshake refuses by server name; the request's host is another matter, and so is plain HTTP.
test('a host that requires client certificates is reached by nobody without, whatever the connection is for', async () => {
  const reasonOf = async (overrides: Partial<Facts>): Promise<string> =>
    (await ask(clients, { host: 'a.closed.test', scheme: 'https', ...overrides })).reason
  assert.equal(await reasonOf({ peer: proven }), 'allowed')
  assert.equal(await reasonOf({}), 'client_certificate_missing')
  assert.equal(await reasonOf({ scheme: 'http' }), 'client_certificate_missing')
  const unverified = { kind: 'unverified', certificate: 'closed', sha256: '00', why: 'CERT_HAS_EXPIRED' } as const
  assert.equal(await reasonOf({ peer: unverified }), 'client_certificate_missing')
  for (const host of ['open.closed.test', 'asked.test', 'other.test']) assert.equal(await reasonOf({ host }), 'allowed')
})

// A connection lives on while the world changes.
test('a client certificate that has expired since, or of authorities that are not trusted any more, is none', async () => {
  for (const peer of [
    { ...proven, notAfterMs: -1 },
    { ...proven, authorities: `${ours}\n` },
  ]) {
    const { reason, rule } = await ask(clients, { host: 'a.closed.test', scheme: 'https', peer })
    assert.deepEqual([reason, rule?.kind, rule?.name], ['client_certificate_missing', 'certificate', 'closed'])
  }
})

test('a caller without a client certificate learns nothing about routes', async () => {
  const release = compiled(
    route('orders', '/orders', { methods: ['GET'] }),
    open('open', environment),
    certificate('closed', ['closed.test'], { client_certificates: { mode: 'required', ca: ours } }),
  )
  for (const change of [{ path: '/orders' }, { path: '/none' }, { path: '/orders', method: 'POST' }]) {
    assert.equal((await ask(release, { host: 'closed.test', ...change })).status, 421)
  }
})

const shop = certificate('shop', ['shop.test'])
const secured = compiled(
  shop,
  route('all', '/', { match: 'prefix' }),
  keyed('keyed', environment),
  https('https', environment, 'redirect', { hsts: { max_age_s: 60, include_subdomains: true } }),
)

test('a request without TLS stops at the first gate, and is asked nothing behind it', async () => {
  const steps: string[] = []
  const { outcome, status, location, route: name } = await ask(secured, { path: '/a', query: '?b' }, steps)
  assert.deepEqual([outcome, status, location, name], ['deny', 308, 'https://shop.test/a?b', 'all'])
  const rest = ['network', 'route', 'identity', 'access', 'limit'].map((gate) => `${gate} not_reached`)
  assert.deepEqual(steps, ['tls stopped', ...rest])
})

test('a key in clear is refused without being looked up', async () => {
  const verify = (): never => assert.fail('a key in clear was looked up')
  const decision = await decide(secured, facts({}, { 'x-api-key': key }), ports({ verify }))
  assert.deepEqual([decision.reason, decision.principal], ['cleartext_credential', null])
})

test('browsers are told over HTTPS, on answers and refusals alike, and over plain HTTP never', async () => {
  const value = 'max-age=60; includeSubDomains'
  const allowed = await decide(secured, facts({ scheme: 'https' }, { 'x-api-key': key }), ports())
  assert.deepEqual([allowed.reason, allowed.hsts], ['allowed', value])
  const refused = await ask(secured, { scheme: 'https' })
  assert.deepEqual([refused.reason, refused.hsts], ['credential_missing', value])
  assert.equal(refuse('upstream_timeout', allowed).hsts, value)
  assert.equal((await ask(secured, {})).hsts, null)
})

test('a route without such a policy does not care', async () => {
  const release = compiled(shop, route('all', '/'), open('open', environment))
  for (const scheme of ['http', 'https'] as const) {
    const { reason, hsts, location } = await ask(release, { scheme })
    assert.deepEqual([reason, hsts, location], ['allowed', null, null])
  }
})

const foreign = '-----BEGIN CERTIFICATE-----\nforeign\n-----END CERTIFICATE-----'
const asking = { mode: 'optional', ca: ours } as const
const byCertificate = compiled(
  route('all', '/', { match: 'prefix' }),
  object('policy', 'proven', { type: 'access', on: environment, credentials: [{ kind: 'mtls' }] }),
  certificate('closed', ['closed.test'], { client_certificates: asking }),
  certificate('theirs', ['theirs.test'], { client_certificates: { mode: 'optional', ca: foreign } }),
  certificate('quiet', ['quiet.test']),
)

// Guards against whoever has authorities of its own on the same agent: a connection that was opened for its host proves
// whatever these authorities say, and carries requests for other hosts.
test('a client certificate proves nobody at a host where other authorities are believed', async () => {
  const reasonOf = async (host: string, peer: TlsPeer): Promise<string> =>
    (await ask(byCertificate, { host, scheme: 'https', peer })).reason
  assert.equal(await reasonOf('closed.test', proven), 'allowed')
  for (const host of ['theirs.test', 'quiet.test', 'other.test']) {
    assert.equal(await reasonOf(host, proven), 'credential_missing', host)
  }
  assert.equal(await reasonOf('closed.test', { ...proven, authorities: foreign }), 'credential_missing')
  const unverified = { kind: 'unverified', certificate: 'closed', sha256: '00', why: 'CERT_HAS_EXPIRED' } as const
  assert.equal(await reasonOf('closed.test', unverified), 'certificate_untrusted')
  assert.equal(await reasonOf('theirs.test', unverified), 'credential_missing')
})

test('a client certificate that has expired since the handshake is not trusted any more', async () => {
  const peer = { ...proven, notAfterMs: -1 }
  assert.equal((await ask(byCertificate, { host: 'closed.test', peer })).reason, 'certificate_untrusted')
})
