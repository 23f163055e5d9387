import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectInput } from '#core/compile.ts'
import { compiled, environment, findingsOf, keyed, object, route, shortFindings } from '#core/fakes/release.ts'
import type { CompiledAccess } from '#core/release.ts'

type Spec = Readonly<Record<string, unknown>>

const ISSUER = { issuer: 'https://login.test', audiences: ['shop'] }
const CLIENT = { method: 'client_secret_basic', client_id: 'gate', secret: 'env://SECRET' }
const issuer = (name: string, spec: Spec = {}) =>
  object('issuer', name, { ...ISSUER, keys: { discovery: true }, ...spec })
const asked = (name: string) =>
  object('issuer', name, { ...ISSUER, introspection: { url: 'https://login.test/i', client: CLIENT } })
const access = (credentials: readonly Spec[], spec: Spec = {}) =>
  object('policy', 'p', { type: 'access', on: environment, credentials, ...spec })
const open = (spec: Spec) =>
  object('policy', 'p', { type: 'access', on: environment, public: { owner: 'team', reason: 'open' }, ...spec })

function accessOf(...objects: readonly ObjectInput[]): CompiledAccess {
  const found = compiled(route('r', '/'), ...objects).routes.get('r')?.access
  assert.ok(found !== null && found !== undefined)
  return found
}

test('what a caller may present is compiled to where it is looked for', () => {
  const { sources } = accessOf(
    issuer('login'),
    asked('old-login'),
    access([
      { kind: 'api_key', query: 'api_key' },
      { kind: 'api_key', header: 'x-key', query: 'api_key' },
      { kind: 'introspection', issuer: 'old-login' },
      { kind: 'jwt', issuer: 'login', dpop: 'require' },
      { kind: 'mtls', identities: ['uri', 'dns', 'uri'] },
      { kind: 'signature', covered: ['@method'], age_ms_max: 60_000 },
    ]),
  )
  assert.deepEqual(sources, {
    kinds: ['api_key', 'introspection', 'jwt', 'mtls', 'signature'],
    apiKeyHeaders: ['x-api-key', 'x-key'],
    apiKeyQuery: ['api_key'],
    tokens: [
      { kind: 'jwt', issuer: 'login', mustBeBound: true },
      { kind: 'introspection', issuer: 'old-login', mustBeBound: false },
    ],
    certificate: ['uri', 'dns'],
    signature: { covered: ['@method'], ageMsMax: 60_000 },
  })
})

test('conditions are sorted, each once; without any there are none', () => {
  const role = object('role', 'reader', { scopes: ['b', 'a', 'b'] })
  const { conditions, scopes } = accessOf(
    role,
    keyed('p', environment, {
      scopes: ['b', 'a', 'b'],
      scopes_any: ['d', 'c', 'd'],
      roles: ['reader'],
      consumers: ['bob', 'alice'],
    }),
  )
  assert.deepEqual(scopes, ['a', 'b'])
  assert.deepEqual(conditions, {
    scopesAny: ['c', 'd'],
    roles: ['reader'],
    consumers: ['alice', 'bob'],
    times: [],
    expression: null,
  })
  assert.equal(accessOf(keyed('p', environment, { scopes: ['a'] })).conditions, null)
  assert.deepEqual(compiled(route('r', '/'), role, keyed('p', environment)).roles.get('reader'), ['a', 'b'])
})

test('a compiled release can be handed over as data', () => {
  const release = compiled(
    route('r', '/'),
    issuer('login'),
    access([{ kind: 'jwt', issuer: 'login' }], {
      addresses: { allow: ['10.0.0.0/8'] },
      times: [{ from: '08:00', zone: 'UTC' }],
      expression: 'request.method == "GET"',
    }),
  )
  assert.deepEqual(structuredClone(release), release)
})

for (const [title, objects, expected] of [
  [
    'an issuer that is not there',
    [access([{ kind: 'jwt', issuer: 'ghost' }])],
    ['error reference_unknown policy/p /credentials/0/issuer'],
  ],
  [
    'a role that is not there',
    [keyed('p', environment, { roles: ['ghost'] })],
    ['error reference_unknown policy/p /roles/0'],
  ],
  [
    'an issuer with keys that is to be asked',
    [issuer('login'), access([{ kind: 'introspection', issuer: 'login' }])],
    ['error source_mismatch policy/p /credentials/0/issuer'],
  ],
  [
    'an issuer without keys whose signatures are to count',
    [asked('login'), access([{ kind: 'jwt', issuer: 'login' }])],
    ['error source_mismatch policy/p /credentials/0/issuer'],
  ],
  [
    'one issuer twice',
    [
      issuer('login'),
      access([
        { kind: 'jwt', issuer: 'login' },
        { kind: 'jwt', issuer: 'login', dpop: 'require' },
      ]),
    ],
    ['error source_duplicate policy/p /credentials/1'],
  ],
  [
    'two issuers of one name in tokens',
    [
      issuer('login'),
      issuer('login-2'),
      access([
        { kind: 'jwt', issuer: 'login' },
        { kind: 'jwt', issuer: 'login-2' },
      ]),
    ],
    ['error source_duplicate policy/p /credentials/1'],
  ],
  [
    'two issuers to ask',
    [
      asked('a'),
      asked('b'),
      access([
        { kind: 'introspection', issuer: 'a' },
        { kind: 'introspection', issuer: 'b' },
      ]),
    ],
    ['error source_duplicate policy/p /credentials/1'],
  ],
  [
    'certificates twice',
    [access([{ kind: 'mtls' }, { kind: 'api_key' }, { kind: 'mtls', identities: ['dns'] }])],
    ['error source_duplicate policy/p /credentials/2'],
  ],
  [
    'signatures twice',
    [access([{ kind: 'signature' }, { kind: 'signature' }])],
    ['error source_duplicate policy/p /credentials/1'],
  ],
  [
    'an expression that cannot be read',
    [keyed('p', environment, { expression: 'request.methode == "GET"' })],
    ['error expression_invalid policy/p /expression'],
  ],
  [
    'an expression over claims on a public route',
    [open({ expression: 'claims.sub == "alice"' })],
    ['error expression_invalid policy/p /expression'],
  ],
  [
    'an expression over the caller on a public route',
    [open({ expression: 'request.method == "GET" || has(principal.consumer)' })],
    ['error expression_invalid policy/p /expression'],
  ],
] as const) {
  test(`${title} is reported where it stands`, () => {
    assert.deepEqual(shortFindings(route('r', '/'), ...objects), expected)
  })
}

test('two issuers of one name in tokens are good where no policy accepts both', () => {
  const second = { type: 'access', on: { route: 's' }, credentials: [{ kind: 'jwt', issuer: 'stock' }] }
  const found = shortFindings(
    route('r', '/'),
    route('s', '/s'),
    issuer('shop'),
    issuer('stock', { audiences: ['stock'] }),
    access([{ kind: 'jwt', issuer: 'shop' }]),
    object('policy', 'q', second),
  )
  assert.deepEqual(found, [])
})

test('a broken issuer is reported by itself, not again by all that name it', () => {
  const found = shortFindings(
    route('r', '/'),
    issuer('login', { audiences: [] }),
    access([{ kind: 'jwt', issuer: 'login' }]),
  )
  assert.deepEqual(found, ['error spec_invalid issuer/login /audiences'])
})

test('a public route may have addresses, times and an expression over the request', () => {
  const found = accessOf(
    open({
      addresses: { deny: ['192.0.2.0/24'] },
      times: [{ from: '08:00', to: '18:00', zone: 'Europe/Berlin' }],
      expression: 'request.headers["x-tenant"] == "acme"',
    }),
  )
  assert.equal(found.addresses?.allow, null)
  assert.deepEqual(
    found.addresses?.deny.map(({ text }) => text),
    ['192.0.2.0/24'],
  )
  assert.equal(found.conditions?.times[0]?.fromMinute, 480)
})

// Guards against looking through all issuers for each source of each policy.
test('many policies over many issuers are compiled quickly', () => {
  const count = 3_000
  const names = Array.from({ length: count }, (_, index) => `i${index}`)
  const objects = names.flatMap((name) => [
    route(name, `/${name}`),
    issuer(name, { issuer: `https://${name}.test` }),
    object('policy', name, { type: 'access', on: { route: name }, credentials: [{ kind: 'jwt', issuer: name }] }),
  ])
  const start = performance.now()
  assert.deepEqual(findingsOf(...objects), [])
  // Quadratic, it is tens of seconds.
  assert.ok(performance.now() - start < 10_000)
})
