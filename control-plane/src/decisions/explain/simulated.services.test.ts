/**
 * What a request can be thought to present, over REST: keys, tokens, claims, certificates, signing keys. The cases of
 * core hold what becomes of each (cases.services.test.ts); here it is how one is asked for, and what is said about it.
 */
import type { Explanation, Given } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import test, { after, before } from 'node:test'
import { type Place, newPlace, service } from '#control-plane/fakes/configuration.ts'
import { type TestControlPlane, startControlPlane } from '#control-plane/fakes/control-plane.ts'
import { refusal } from '#control-plane/fakes/refusal.ts'

type Request = NonNullable<Given<'explain'>['body']['request']>
type Simulated = Pick<Request, 'target'> & Partial<Request>

let controlPlane: TestControlPlane
let place: Place
let [certificateId, signingKeyId] = ['', '']

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const PEM = '-----BEGIN CERTIFICATE-----\nof a test\n-----END CERTIFICATE-----\n'
const AUDIENCE = 'https://orders.test'

const issuer = (name: string, spec: object) => ({
  kind: 'issuer' as const,
  name,
  spec: { issuer: `https://${name}.test`, audiences: [AUDIENCE], ...spec },
})
const client = { method: 'client_secret_basic', client_id: 'gate', secret: 'env://SECRET' }
const route = (name: string, credentials: readonly object[], more: object = {}) => [
  { kind: 'route' as const, name, spec: { service: 'orders', path: `/${name}` } },
  {
    kind: 'policy' as const,
    name: `${name}.access`,
    spec: { type: 'access', on: { route: name }, credentials, ...more },
  },
]

before(async () => {
  controlPlane = await startControlPlane()
  const { client: owner } = controlPlane.owner
  place = await newPlace(owner)
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }
  const objects = [
    service,
    issuer('known', { keys: { jwks: { keys: [jwk] } }, role_claim: 'roles' }),
    issuer('fetched', { keys: { discovery: true } }),
    issuer('asked', { introspection: { url: 'https://asked.test/i', client } }),
    { kind: 'role' as const, name: 'reader', spec: { scopes: ['orders:read'] } },
    {
      kind: 'certificate' as const,
      name: 'edge',
      spec: {
        hosts: ['clients.test'],
        chain: PEM,
        key: 'env://KEY',
        client_certificates: { mode: 'optional', ca: PEM },
      },
    },
    ...route('known', [{ kind: 'jwt', issuer: 'known' }], { scopes: ['orders:read'] }),
    ...route('fetched', [{ kind: 'jwt', issuer: 'fetched' }]),
    ...route('asked', [{ kind: 'introspection', issuer: 'asked' }]),
    ...route('mtls', [{ kind: 'mtls' }]),
    ...route('bound', [{ kind: 'jwt', issuer: 'known', dpop: 'require' }]),
    ...route('signed', [{ kind: 'signature' }]),
    ...route('keys', [{ kind: 'api_key', query: 'key' }]),
  ]
  await owner.call('applyObjects', { params: place, body: { objects } })
  await owner.call('publishRelease', { params: place, body: {} })
  await owner.call('createConsumer', { params: place, body: { name: 'alice', roles: ['reader'] } })
  const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }) as string
  const identity = { kind: 'uri' as const, value: 'spiffe://acme/ci' }
  const certificate = { kind: 'certificate' as const, identity, consumer: 'alice' }
  const key = { kind: 'signing_key' as const, key_id: 'bank', algorithm: 'ed25519' as const, public_key: pem }
  certificateId = (await owner.call('createCredential', { params: place, body: certificate })).id
  signingKeyId = (await owner.call('createCredential', { params: place, body: { ...key, consumer: 'alice' } })).id
})
after(async () => {
  await controlPlane[Symbol.asyncDispose]()
})

const explain = (request: Simulated): Promise<Explanation> =>
  controlPlane.owner.client.call('explain', { params: place, body: { request } })

function token(claims: object, header: object = {}): string {
  const now = Math.floor(Date.now() / 1_000)
  const parts = [
    { alg: 'ES256', typ: 'at+jwt', kid: 'one', ...header },
    { iss: 'https://known.test', aud: AUDIENCE, exp: now + 60, client_id: 'alice', ...claims },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
  const signature = sign('sha256', Buffer.from(parts.join('.')), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${parts.join('.')}.${signature.toString('base64url')}`
}

const identityOf = ({ gates }: Explanation): string => gates.find(({ gate }) => gate === 'identity')?.detail ?? ''

test('200 a token is checked with keys of the release, and not shown again', async () => {
  const text = token({})
  const explanation = await explain({ target: '/known', as_token: text })
  assert.deepEqual([explanation.outcome, explanation.reason], ['allow', 'allowed'])
  assert.deepEqual(explanation.principal, {
    consumer: 'alice',
    consumer_id: explanation.principal?.consumer_id,
    credential_id: 'known:alice',
    credential_kind: 'jwt',
    hint: 'known',
    issuer: 'known',
    scopes: ['orders:read'],
    roles: ['reader'],
  })
  assert.ok(!identityOf(explanation).includes('taken for good'))
  assert.ok(!JSON.stringify(explanation).includes(text.slice(-20)))
  const changed = await explain({ target: '/known', as_token: `${text.slice(0, -4)}AAAA` })
  assert.deepEqual(
    [changed.reason, changed.fixes[0]?.command],
    ['token_signature_invalid', 'headgate issuers get known'],
  )
})

test('200 a signature that only agents can check is taken for good, and that is said', async () => {
  const explanation = await explain({ target: '/fetched', as_token: token({ iss: 'https://fetched.test' }) })
  assert.equal(explanation.reason, 'allowed')
  assert.match(
    identityOf(explanation),
    /taken for good: the agent checks it with the keys that it fetches from fetched/,
  )
  // What can be checked is.
  const expired = await explain({ target: '/fetched', as_token: token({ iss: 'https://fetched.test', exp: 1 }) })
  assert.equal(expired.reason, 'credential_expired')
})

test('200 a token that only its issuer can read is not judged, and that is said', async () => {
  const explanation = await explain({ target: '/asked', as_token: 'opaque' })
  assert.equal(explanation.reason, 'credential_unavailable')
  assert.match(identityOf(explanation), /Only asked knows what this token says/)
})

test('200 claims that are thought stand for a token of their issuer', async () => {
  for (const [target, name] of [
    ['/known', 'known'],
    ['/fetched', 'fetched'],
    ['/asked', 'asked'],
  ] as const) {
    const explanation = await explain({ target, as_claims: { issuer: name, claims: { client_id: 'alice' } } })
    assert.deepEqual([explanation.reason, explanation.principal?.issuer], ['allowed', name], target)
    assert.match(identityOf(explanation), /taken for good/)
  }
  const poor = { issuer: 'known', claims: { client_id: 'bob' } }
  assert.equal((await explain({ target: '/known', as_claims: poor })).reason, 'consumer_unknown')
  const wrong = { issuer: 'known', claims: { client_id: 'alice', aud: 'https://other.test' } }
  assert.equal((await explain({ target: '/known', as_claims: wrong })).reason, 'token_audience_mismatch')
  const elsewhere = { issuer: 'known', claims: { client_id: 'alice' } }
  assert.equal((await explain({ target: '/fetched', as_claims: elsewhere })).reason, 'token_issuer_unknown')
})

test('200 a token that is bound to a key is presented with its proof', async () => {
  const bound = token({ cnf: { jkt: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' } })
  const explanation = await explain({ target: '/bound', as_token: bound })
  assert.equal(explanation.reason, 'allowed')
  assert.match(identityOf(explanation), /proof of its key is taken as shown/)
  assert.equal((await explain({ target: '/bound', as_token: token({}) })).reason, 'credential_unbound')
  // In a field of the request it counts as it stands there.
  const headers = [{ name: 'authorization', value: `DPoP ${bound}` }]
  assert.equal((await explain({ target: '/bound', headers })).reason, 'credential_unbound')
})

test('200 a client certificate is presented where a host asks for one', async () => {
  const request = { target: '/mtls', host: 'clients.test', as_credential: certificateId } as const
  const explanation = await explain({ ...request, scheme: 'https' })
  assert.deepEqual(
    [explanation.reason, explanation.principal?.consumer, explanation.principal?.credential_kind],
    ['allowed', 'alice', 'mtls'],
  )
  assert.equal((await explain({ ...request, scheme: 'http' })).reason, 'credential_missing')
  assert.equal((await explain({ ...request, scheme: 'https', host: 'other.test' })).reason, 'credential_missing')
  const none = await explain({ target: '/mtls', host: 'clients.test', scheme: 'https' })
  assert.deepEqual(
    [none.reason, none.fixes[0]?.command],
    ['credential_missing', 'headgate credentials create --consumer <name> --certificate <file> --by uri'],
  )
})

test('200 a request is signed with a key that is chosen, in place of what is in its fields', async () => {
  const explanation = await explain({
    target: '/signed',
    as_credential: signingKeyId,
    headers: [{ name: 'authorization', value: 'Bearer other' }],
  })
  assert.deepEqual([explanation.reason, explanation.principal?.hint], ['allowed', 'bank'])
  assert.match(identityOf(explanation), /taken for good: it is made for one request/)
})

test('200 a key that is chosen takes the place of one in the query', async () => {
  const body = { consumer: 'alice' }
  const { id } = await controlPlane.owner.client.call('createKey', { params: place, body })
  const explanation = await explain({ target: '/keys?a=1&key=other', as_key: id })
  assert.deepEqual([explanation.reason, explanation.principal?.credential_id], ['allowed', id])
})

test('404 what is chosen does not exist; 422 two tokens are chosen', async () => {
  const claims = { issuer: 'ghost', claims: {} }
  assert.equal((await refusal(explain({ target: '/known', as_credential: 'crd_none' }))).status, 404)
  assert.equal((await refusal(explain({ target: '/known', as_claims: claims }))).status, 404)
  const both = { target: '/known', as_token: 'a', as_claims: { issuer: 'known', claims: {} } }
  assert.equal((await refusal(explain(both))).status, 422)
})
