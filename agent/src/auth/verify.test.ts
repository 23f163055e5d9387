/**
 * Credentials of every kind, proven by a whole agent over HTTP: every reason that proving one can give.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { caseKey, type CredentialReason, formatApiKey } from '@headgate/core'
import { createAuthority, pem } from '@headgate/kit/pki.ts'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { type Credential, CredentialState } from '@headgate/proto'
import type { AgentSettings } from '#agent/config.ts'
import { AheadClock } from '#agent/testing/ahead-clock.ts'
import { ENVIRONMENT_ID, setRelease, startAgent, type TestAgent } from '#agent/testing/agent.ts'
import {
  bearer,
  call,
  callersDirectory,
  callersRelease,
  certificateOf,
  credentialOf,
  HOST,
  proofOf,
  signatureOf,
  signToken,
  testKey,
} from '#agent/testing/callers.ts'
import { startService } from '#agent/testing/service.ts'
import { ca, certificate, clientCertificate, issue } from '#agent/testing/tls.ts'

const ISSUER = 'https://id.test'
const URL_OF_CALL = `http://${HOST}/`
const key = testKey('known')
const held = testKey()
const nowS = Math.floor(Date.now() / 1_000)
const claims = { iss: ISSUER, aud: 'orders', exp: nowS + 600, iat: nowS, client_id: 'acme', scope: 'read' }
const token = (changed: object = {}, header: object = { kid: 'known' }): string =>
  signToken(key, header, { ...claims, ...changed })

const issuerSpec = { issuer: ISSUER, keys: { jwks: { keys: [key.jwk] } }, audiences: ['orders'] }
const signer = generateKeyPairSync('ed25519')
const signerPem = signer.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const SECRET = 'a secret that both have'
const hmac = { id: 'hmac', secret: SECRET }

const signingKey = (keyId: string, of: object, state?: CredentialState): Credential =>
  credentialOf('acme', { case: 'signingKey', value: { keyId, key: of } as never }, state)

const CREDENTIALS = [
  signingKey('hmac', { case: 'hmacSecret', value: 'env://SIGNING_SECRET' }),
  signingKey('no-secret', { case: 'hmacSecret', value: 'env://NOT_SET' }),
  signingKey('ed', { case: 'ed25519PublicKey', value: signerPem }),
  signingKey('off', { case: 'ed25519PublicKey', value: signerPem }, CredentialState.DISABLED),
]
const DIRECTORY = callersDirectory({ consumers: ['acme', 'off', 'other'], apiKeys: ['abc'], credentials: CREDENTIALS })

interface Rig extends AsyncDisposable {
  readonly agent: TestAgent
  readonly clock: AheadClock
  readonly serviceUrl: string
  call(...lines: readonly string[]): Promise<string>
}

const ALL = [{ kind: 'api_key' }, { kind: 'jwt', issuer: 'id' }, { kind: 'signature' }]

async function rig(
  credentials: readonly object[] = ALL,
  issuers: Readonly<Record<string, object>> = { id: issuerSpec },
  settings: Partial<AgentSettings> = {},
): Promise<Rig> {
  const stack = new AsyncDisposableStack()
  const service = stack.use(await startService())
  const clock = new AheadClock()
  const env = { SIGNING_SECRET: `${SECRET}\n` }
  const agent = stack.use(await startAgent({ directory: DIRECTORY, env, settings, clock }))
  setRelease(agent.app.live, callersRelease(service.url, credentials, issuers))
  return {
    agent,
    clock,
    serviceUrl: service.url,
    call: async (...lines) => (await call(agent.http, lines)).outcome,
    [Symbol.asyncDispose]: async () => await stack.disposeAsync(),
  }
}

/** Bound to a key; `held` has it. */
const bound = async (): Promise<string> => {
  const { calculateJwkThumbprint } = await import('jose')
  return token({ cnf: { jkt: await calculateJwkThumbprint(held.jwk) } })
}
const dpop = (of: string): string => `Authorization: DPoP ${of}`
const bare = held.jwk

// One for each reason of tokens, proofs, keys and signatures. Those of certificates and issuers are below.
const tokenCases: readonly (readonly [reason: CredentialReason | '200', ...lines: string[]])[] = [
  ['200', bearer(token())],
  ['200', `X-Api-Key: ${caseKey('production', 'abc')}`],
  ['credential_unknown', `X-Api-Key: ${caseKey('production', 'unknown')}`],
  ['credential_malformed', bearer('a.b')],
  ['credential_malformed', bearer(token({ more: 'x'.repeat(8_192) }))],
  ['token_algorithm_not_allowed', bearer(token({}, { kid: 'known', alg: 'none' }))],
  ['token_algorithm_not_allowed', bearer(token({}, { kid: 'known', alg: 'RS512' }))],
  ['token_issuer_unknown', bearer(token({ iss: 'https://evil.test' }))],
  ['token_key_unknown', bearer(token({}, { kid: 'other' }))],
  ['token_signature_invalid', bearer(signToken(testKey(), { kid: 'known' }, claims))],
  ['token_type_not_allowed', bearer(token({}, { kid: 'known', typ: 'id+jwt' }))],
  ['token_audience_mismatch', bearer(token({ aud: 'invoices' }))],
  ['credential_expired', bearer(token({ exp: nowS - 60 }))],
  ['token_not_yet_valid', bearer(token({ nbf: nowS + 600 }))],
  ['token_claims_invalid', bearer(token({ exp: String(nowS + 600) }))],
  ['token_claims_invalid', bearer(token({ client_id: 7 }))],
  ['consumer_unknown', bearer(token({ client_id: 'stranger' }))],
  ['consumer_disabled', bearer(token({ client_id: 'off' }))],
  ['credential_unbound', bearer(token({ cnf: { jkt: 'of a key' } }))],
  ['credential_unbound', bearer(token({ cnf: { kid: 'not understood' } }))],
  ['credential_unbound', bearer(token({ cnf: { 'x5t#S256': 'of a certificate' } }))],
  ['credential_unbound', dpop(token())],
  ['200', ...signatureOf(hmac)],
  ['200', ...signatureOf({ id: 'ed', privateKey: signer.privateKey })],
  ['signature_invalid', ...signatureOf({ ...hmac, secret: 'guessed' })],
  ['signature_invalid', ...signatureOf(hmac).slice(0, 1)],
  ['signature_invalid', ...signatureOf({ id: 'ed', secret: signerPem })],
  ['signature_insufficient', ...signatureOf(hmac, { covered: ['@method'] })],
  ['signature_expired', ...signatureOf(hmac, { created: nowS - 301 })],
  ['signature_expired', ...signatureOf(hmac, { created: nowS + 600 })],
  ['credential_unknown', ...signatureOf({ id: 'nobody', secret: SECRET })],
  ['credential_unavailable', ...signatureOf({ id: 'no-secret', secret: '' })],
  ['credential_disabled', ...signatureOf({ id: 'off', privateKey: signer.privateKey })],
]

test('tokens, keys and signed requests: each is called what is wrong with it', async (t) => {
  await using it = await rig()
  for (const [index, [reason, ...lines]] of tokenCases.entries()) {
    await t.test(`${index} ${reason}`, async () => assert.equal(await it.call(...lines), reason))
  }
})

test('proofs of keys: each is called what is wrong with it, and counts once', async (t) => {
  await using it = await rig([{ kind: 'jwt', issuer: 'id', dpop: 'require' }])
  const of = await bound()
  const proof = (changed: object = {}): string => `DPoP: ${proofOf(held, URL_OF_CALL, of, changed)}`
  const good = proof()
  for (const [name, reason, ...lines] of [
    ['good', '200', dpop(of), good],
    ['the same again', 'proof_replayed', dpop(of), good],
    ['another', '200', dpop(of), proof()],
    ['for another method', 'proof_invalid', dpop(of), proof({ htm: 'POST' })],
    ['for another address', 'proof_invalid', dpop(of), proof({ htu: `http://${HOST}/other` })],
    ['old', 'proof_invalid', dpop(of), proof({ iat: nowS - 600 })],
    ['of another key', 'proof_invalid', dpop(of), `DPoP: ${proofOf(testKey(), URL_OF_CALL, of)}`],
    [
      'signed with another key',
      'proof_invalid',
      dpop(of),
      `DPoP: ${proofOf({ ...testKey(), jwk: bare }, URL_OF_CALL, of)}`,
    ],
    ['two', 'proof_invalid', dpop(of), proof(), proof()],
    ['none', 'credential_unbound', dpop(of)],
    ['as a bearer', 'credential_unbound', bearer(of), proof()],
    ['not bound', 'credential_unbound', bearer(token())],
  ] as const) {
    await t.test(name, async () => assert.equal(await it.call(...lines), reason))
  }
})

test('a signature counts once', async () => {
  await using it = await rig()
  const lines = signatureOf(hmac)
  assert.equal(await it.call(...lines), '200')
  assert.equal(await it.call(...lines), 'signature_replayed')
})

// A refusal rather than a second time: what cannot be remembered could come again.
test('with a full memory for signatures, further ones are refused and counted', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, { proofsMax: 1 })
  const outcomes: string[] = []
  for (let index = 0; index < 40; index++) outcomes.push(await it.call(...signatureOf(hmac, { created: nowS - index })))
  assert.equal(outcomes.filter((outcome) => outcome === '200').length, 32)
  assert.deepEqual(new Set(outcomes), new Set(['200', 'signature_replayed']))
})

test('a shared secret that was changed counts from the next look at it', async () => {
  const path = join(temporaryFolder('signing'), 'secret')
  await writeFile(path, 'first')
  await using it = await rig()
  const stored = callersDirectory(
    { consumers: ['acme'], credentials: [signingKey('file', { case: 'hmacSecret', value: `file://${path}` })] },
    2n,
  )
  it.agent.app.live.directory(ENVIRONMENT_ID).replace(stored)
  assert.equal(await it.call(...signatureOf({ id: 'file', secret: 'first' })), '200')
  await writeFile(path, 'second')
  await it.clock.pass(10_000)
  assert.equal(await it.call(...signatureOf({ id: 'file', secret: 'second' }, { created: nowS - 1 })), '200')
  assert.equal(await it.call(...signatureOf({ id: 'file', secret: 'first' })), 'signature_invalid')
  await rm(path)
  await it.clock.pass(10_000)
  assert.equal(await it.call(...signatureOf({ id: 'file', secret: 'second' })), 'credential_unavailable')
})

test('a token that nobody signed for us is one of the issuer that is asked, if there is one', async () => {
  const asked: string[] = []
  const server = createServer((incoming, response) => {
    let body = ''
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString()))
    incoming.on('end', () => {
      const text = new URLSearchParams(body).get('token') ?? ''
      asked.push(text)
      const active = { active: true, aud: 'orders', client_id: 'acme' }
      response.end(JSON.stringify(text.startsWith('good') ? active : { active: false }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = { method: 'client_secret_basic', client_id: 'agent', secret: 'env://SIGNING_SECRET' }
  const opaque = { issuer: url, introspection: { url, client }, audiences: ['orders'], private_addresses: true }
  try {
    await using it = await rig(
      [
        { kind: 'jwt', issuer: 'id' },
        { kind: 'introspection', issuer: 'opaque' },
      ],
      {
        id: issuerSpec,
        opaque,
      },
    )
    assert.equal(await it.call(bearer('good-one')), '200')
    assert.equal(await it.call(bearer(token())), '200')
    assert.equal(await it.call(bearer('bad-one')), 'token_inactive')
    const foreign = token({ iss: 'https://other.test' })
    assert.equal(await it.call(bearer(foreign)), 'token_inactive')
    assert.equal(await it.call(bearer('not a token')), 'credential_malformed')
    assert.equal(await it.call(bearer(token({ aud: 'invoices' }))), 'token_audience_mismatch')
    assert.deepEqual(asked, ['good-one', 'bad-one', foreign])
  } finally {
    server.close()
  }
})

test('without a directory nobody can be told from a stranger', async () => {
  await using service = await startService()
  await using agent = await startAgent()
  setRelease(agent.app.live, callersRelease(service.url, ALL, { id: issuerSpec }))
  const lines = [[bearer(token())], signatureOf(hmac), [`X-Api-Key: ${caseKey('production', 'abc')}`]]
  for (const each of lines) assert.equal((await call(agent.http, each)).outcome, 'credential_unavailable')
})

test('a change of the issuer in a release counts for tokens that were proven before', async () => {
  await using it = await rig()
  const text = token()
  assert.equal(await it.call(bearer(text)), '200')
  const next = async (spec: object, number: number): Promise<string> => {
    setRelease(it.agent.app.live, callersRelease(it.serviceUrl, ALL, { id: spec }), { number })
    return await it.call(bearer(text))
  }
  assert.equal(await next({ ...issuerSpec, audiences: ['invoices'] }, 2), 'token_audience_mismatch')
  assert.equal(await next(issuerSpec, 3), '200')
  assert.equal(
    await next({ ...issuerSpec, keys: { jwks: { keys: [testKey('known').jwk] } } }, 4),
    'token_signature_invalid',
  )
})

/** Over HTTPS with a client certificate of `spiffe://acme/ci`. */
async function overTls(agent: TestAgent, presented: object, servername = HOST, host = HOST): Promise<string> {
  const { hostname, port } = new URL(agent.https)
  return await new Promise((resolve, reject) => {
    const options = { host: hostname, port, servername, ca, headers: { host }, agent: false, ...presented }
    request(options, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => {
        resolve(response.statusCode === 200 ? '200' : String((JSON.parse(body) as { code: string }).code))
      })
    })
      .on('error', reject)
      .end()
  })
}

test('client certificates: whose they are is said by the names that the policy looks for', async (t) => {
  await using it = await rig()
  const { live, certificates } = it.agent.app
  const other = await createAuthority({ name: 'another authority', nowMs: Date.now(), lifeMs: 3_600_000 })
  const otherCa = pem('CERTIFICATE', other.certificate)
  const asking = (of: string): Readonly<Record<string, unknown>> => ({
    client_certificates: { mode: 'optional', ca: of },
  })
  const mtls = { kind: 'mtls', identities: ['uri', 'fingerprint'] }
  setRelease(
    live,
    [
      ...callersRelease(it.serviceUrl, [mtls]),
      await certificate('api', HOST, await issue(HOST), asking(ca)),
      await certificate('other', 'other.test', await issue('other.test'), asking(otherCa)),
    ],
    { number: 2 },
  )
  await certificates.settled()
  const own = await clientCertificate()
  const foreign = await clientCertificate(other)
  const fingerprint = `fingerprint:${new X509Certificate(own.cert).fingerprint256.replaceAll(':', '').toLowerCase()}`
  let sequence = 2n
  const known = (...credentials: readonly Credential[]): void =>
    live
      .directory(ENVIRONMENT_ID)
      .replace(callersDirectory({ consumers: ['acme', 'off', 'other'], credentials }, sequence++))
  const URI = 'uri:spiffe://acme/ci'
  for (const [name, reason, ...credentials] of [
    ['by a name', '200', certificateOf('acme', URI)],
    ['by a fingerprint', '200', certificateOf('acme', fingerprint)],
    ['by both', '200', certificateOf('acme', URI), certificateOf('acme', fingerprint)],
    ['of two consumers', 'credential_repeated', certificateOf('acme', URI), certificateOf('other', fingerprint)],
    ['of nobody', 'certificate_unknown', certificateOf('acme', 'uri:spiffe://acme/other')],
    ['by a name that is not looked for', 'certificate_unknown', certificateOf('acme', 'subject:CN=ci')],
    ['revoked', 'credential_revoked', certificateOf('acme', URI, CredentialState.REVOKED)],
    ['disabled', 'credential_disabled', certificateOf('acme', URI, CredentialState.DISABLED)],
    ['of a consumer that is off', 'consumer_disabled', certificateOf('off', URI)],
  ] as const) {
    await t.test(name, async () => {
      known(...credentials)
      assert.equal(await overTls(it.agent, own), reason)
    })
  }
  known(certificateOf('acme', URI))
  assert.equal(await overTls(it.agent, foreign), 'certificate_untrusted')
  assert.equal(await overTls(it.agent, {}), 'credential_missing')
  // An authority of one host vouches for nobody at another.
  assert.equal(await overTls(it.agent, foreign, 'other.test', HOST), 'credential_missing')
  assert.equal(await overTls(it.agent, foreign, 'other.test', 'other.test'), '200')
})

const strict = { lockOutFailures: 3, lockOutMsMax: 60_000 }
const garbage = (): string => bearer(signToken(testKey(), { kid: 'known' }, claims))

test('a source of bad credentials is locked out, and told for how long', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, strict)
  for (let index = 0; index < 4; index++) assert.equal(await it.call(garbage()), 'token_signature_invalid')
  const { outcome, response } = await call(it.agent.http, [garbage()])
  assert.equal(outcome, 'source_locked_out')
  assert.equal(response.status, 429)
  assert.equal(response.field('retry-after'), '1')
  assert.match(response.body, /"Try again in 1 s"/)
  assert.equal(await it.call(...signatureOf(hmac)), 'source_locked_out')
  assert.equal(await it.call(`X-Api-Key: ${caseKey('production', 'unknown')}`), 'source_locked_out')
  assert.equal((await call(it.agent.http, [bearer(token())], '127.0.0.2')).outcome, '200')
  await it.clock.pass(1_000)
  assert.equal(await it.call(garbage()), 'token_signature_invalid')
  const later = (await call(it.agent.http, [garbage()])).response
  assert.equal(later.field('retry-after'), '2')
  assert.match(later.body, /"Try again in 2 s"/)
})

test('behind the address of others that are locked out, good keys and tokens that were seen go on', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, strict)
  const seen = token()
  assert.equal(await it.call(bearer(seen)), '200')
  for (let index = 0; index < 4; index++) await it.call(garbage())
  assert.equal(await it.call(garbage()), 'source_locked_out')
  assert.equal(await it.call(bearer(seen)), '200')
  assert.equal(await it.call(`X-Api-Key: ${caseKey('production', 'abc')}`), '200')
  assert.equal(await it.call(bearer(token({ jti: 'new' }))), 'source_locked_out')
})

/** Bad ones of a kind, each from another address. @returns what became of the last. */
async function guessFrom(
  it: Awaited<ReturnType<typeof rig>>,
  fields: () => readonly string[],
  times: number,
): Promise<string> {
  let outcome = ''
  for (let time = 0; time < times; time++) {
    outcome = (await call(it.agent.http, [...fields()], `127.0.1.${time + 1}`)).outcome
  }
  return outcome
}

test('a key that is guessed at from many addresses is locked out for those who guess, and good ones pass', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, strict)
  const good = `X-Api-Key: ${caseKey('production', 'abc')}`
  const random = caseKey('production', 'abc').slice('hgk_production_'.length, -7)
  let guesses = 0
  const bad = (): readonly string[] => {
    guesses += 1
    return [`X-Api-Key: ${formatApiKey('production', random.slice(0, 26) + String(1_000 + guesses))}`]
  }
  assert.equal(await guessFrom(it, bad, 7), 'credential_unknown')
  const { outcome, response } = await call(it.agent.http, [...bad()], '127.0.1.1')
  assert.equal(outcome, 'credential_locked_out')
  assert.equal(response.status, 429)
  assert.equal(response.field('retry-after'), '1')
  // Also from an address that guessed.
  for (const from of ['127.0.0.1', '127.0.1.1']) assert.equal((await call(it.agent.http, [good], from)).outcome, '200')
  const { events } = it.agent.app.slots
  assert.equal([...events.keys()].filter((name) => name.startsWith('lock_out') && name.endsWith(' prefix')).length, 1)
  assert.ok(![...events.keys()].some((name) => name.includes('hgk_')))
})

test('tokens for one subject that are forged at many addresses are not looked at from those, and good ones pass', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, strict)
  await guessFrom(it, () => [garbage()], 7)
  assert.equal((await call(it.agent.http, [garbage()], '127.0.1.1')).outcome, 'credential_locked_out')
  // A good one that was never seen: not from there, and from everywhere else.
  assert.equal(
    (await call(it.agent.http, [bearer(token({ jti: 'new' }))], '127.0.1.1')).outcome,
    'credential_locked_out',
  )
  assert.equal(await it.call(bearer(token({ jti: 'newer' }))), '200')
  // One for somebody else, from the same address.
  const other = (await call(it.agent.http, [bearer(token({ sub: 'another', jti: 'other' }))], '127.0.1.2')).outcome
  assert.equal(other, '200')
})

test('signatures that are forged at many addresses are not looked at from those, and good ones pass', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, strict)
  const forged = (): readonly string[] => signatureOf({ ...hmac, secret: 'guessed' })
  assert.equal(await guessFrom(it, forged, 7), 'signature_invalid')
  assert.equal((await call(it.agent.http, [...signatureOf(hmac)], '127.0.1.1')).outcome, 'credential_locked_out')
  assert.equal(await it.call(...signatureOf(hmac)), '200')
})

test('credentials that were good once, consumers that may not, and keys that are not known yet are no strikes', async () => {
  await using it = await rig(ALL, { id: issuerSpec }, strict)
  for (let index = 0; index < 5; index++) {
    assert.equal(await it.call(bearer(token({ exp: nowS - 60 }))), 'credential_expired')
    assert.equal(await it.call(bearer(token({ client_id: 'off' }))), 'consumer_disabled')
    assert.equal(await it.call(bearer(token({ aud: 'invoices' }))), 'token_audience_mismatch')
    assert.equal(await it.call(bearer(token({}, { kid: 'new' }))), 'token_key_unknown')
  }
  assert.equal(await it.call(bearer(token())), '200')
})
