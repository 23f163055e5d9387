import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refused } from '#cli/fakes/admin-api.ts'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

const page = <T>(...data: readonly T[]) => ({ data: [...data], next_cursor: null, has_more: false })

const auth0 = samples.configObject('issuer', 'auth0', {
  issuer: 'https://acme.eu.auth0.com/',
  keys: { discovery: true },
  audiences: ['https://api.acme.test'],
})
const asked = samples.configObject('issuer', 'idp', {
  issuer: 'https://idp.acme.test',
  introspection: { url: 'https://idp.acme.test/introspect' },
  audiences: ['orders'],
})

/** An admin API that takes whatever is written. */
const taking = { putObject: () => samples.configObject('issuer', 'auth0', {}) }

const required = ['issuers', 'create', 'auth0', '--issuer', 'https://acme.eu.auth0.com/', '--audience', 'orders']

test('issuers ls says where the keys of each come from', async () => {
  const { code, stdout, api } = await headgate(['issuers', 'ls'], { listObjects: () => page(auth0, asked) })
  assert.equal(code, 0)
  assert.match(stdout, /auth0 +https:\/\/acme\.eu\.auth0\.com\/ +discovery +https:\/\/api\.acme\.test/)
  assert.match(stdout, /idp .*none, it is asked/)
  assert.equal(api.calls[0]?.query['kind'], 'issuer')
})

test('no issuers and no roles say the next step', async () => {
  for (const [plural, next] of [
    ['issuers', /headgate issuers create/],
    ['roles', /headgate roles create/],
  ] as const) {
    assert.match((await headgate([plural, 'ls'], { listObjects: () => page() })).stdout, next)
  }
})

test('issuers create trusts by discovery unless it is told another way', async () => {
  const { code, stderr, api } = await headgate(required, taking)
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\+ issuer auth0\n {2}in the draft of dev; live after: headgate releases publish/)
  const [call] = api.calls
  assert.deepEqual([call?.params['kind'], call?.params['name'], call?.ifMatch], ['issuer', 'auth0', undefined])
  const body = call?.body as { spec: unknown } | undefined
  assert.deepEqual(body?.spec, {
    issuer: 'https://acme.eu.auth0.com/',
    keys: { discovery: true },
    audiences: ['orders'],
  })
})

for (const [what, options, expected] of [
  ['an address of keys', ['--jwks-url', 'https://a.test/jwks'], { keys: { jwks_url: 'https://a.test/jwks' } }],
  ['keys in a file', ['--jwks', 'jwks.json'], { keys: { jwks: { keys: [{ kty: 'OKP' }] } } }],
  ['keys on standard input', ['--jwks', '-'], { keys: { jwks: { keys: [] } } }],
  [
    'asking about tokens',
    ['--introspect', 'https://a.test/introspect', '--client-id', 'headgate', '--secret-ref', 'env://SECRET'],
    {
      introspection: {
        url: 'https://a.test/introspect',
        client: { method: 'client_secret_basic', client_id: 'headgate', secret: 'env://SECRET' },
      },
    },
  ],
  [
    'what its tokens say',
    ['--algorithm', 'ES256', '--token-type', 'jwt', '--token-type', 'none', '--clock-skew', '1m', '--admit-unknown'],
    {
      keys: { discovery: true },
      algorithms: ['ES256'],
      token_types: ['jwt', 'none'],
      clock_skew_ms: 60_000,
      unknown_consumers: 'admit',
    },
  ],
  [
    'claims by path, and by an address as a whole',
    ['--role-claim', 'realm_access.roles', '--consumer-claim', 'https://acme.test/client'],
    {
      keys: { discovery: true },
      role_claim: 'realm_access.roles',
      consumer_claim: ['https://acme.test/client'],
    },
  ],
] as const) {
  test(`issuers create takes ${what}`, async () => {
    const files = { 'jwks.json': '{"keys":[{"kty":"OKP"}]}' }
    const { code, stderr, api } = await headgate([...required, ...options], taking, { files, input: '{"keys":[]}' })
    assert.equal(code, 0, stderr)
    const body = api.calls[0]?.body as { spec: object } | undefined
    assert.deepEqual(body?.spec, { issuer: 'https://acme.eu.auth0.com/', audiences: ['orders'], ...expected })
  })
}

for (const [what, options, message] of [
  ['two ways to prove tokens', ['--jwks-url', 'https://a.test', '--introspect', 'https://a.test'], /three ways/],
  ['asking without a name', ['--introspect', 'https://a.test'], /needs --client-id and --secret-ref/],
  ['a skew that is no duration', ['--clock-skew', 'soon'], /--clock-skew soon is not a duration/],
  ['keys that are not JSON', ['--jwks', '-'], /- is not JSON/],
  ['keys that are not there', ['--jwks', 'missing.json'], /missing\.json cannot be read: ENOENT/],
] as const) {
  test(`3 when issuers create is given ${what}`, async () => {
    const { code, stderr, api } = await headgate([...required, ...options], taking, { input: 'no' })
    assert.equal(code, 3)
    assert.match(stderr, message)
    assert.equal(api.calls.length, 0)
  })
}

test('roles create names scopes', async () => {
  const args = ['roles', 'create', 'reader', '--scope', 'orders:read', '--scope', 'invoices:read', '-o', 'name']
  const { code, stdout, api } = await headgate(args, { putObject: () => samples.configObject('role', 'reader', {}) })
  assert.deepEqual([code, stdout], [0, 'reader\n'])
  assert.deepEqual(api.calls[0]?.body, { spec: { scopes: ['orders:read', 'invoices:read'] }, origin: '' })
})

// Without If-Match only what is new may be written: a role of somebody else is never replaced by a create.
test('5 when there is a role of that name', async () => {
  const { code, stderr } = await headgate(['roles', 'create', 'reader'], {
    putObject: () => new Refused('precondition_needed'),
  })
  assert.equal(code, 5)
  assert.match(stderr, /has a role reader already\n[^]*headgate roles get reader/)
})

test('roles rm removes what was read, after --yes', async () => {
  const { code, api } = await headgate(['roles', 'rm', 'reader', '--yes'], {
    getObject: () => samples.configObject('role', 'reader', { scopes: ['orders:read'] }),
    deleteObject: () => undefined,
  })
  assert.equal(code, 0)
  assert.deepEqual([api.calls.at(-1)?.operation, api.calls.at(-1)?.ifMatch], ['deleteObject', '"3"'])
})
