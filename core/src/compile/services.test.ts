/**
 * What can be said about a service, and what contradicts itself.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceSpec } from '#core/kinds/service.ts'
import { compileService } from './services.ts'

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'
const subject = { object: 'service/shop', origin: '' }
const base = { owner: 'team', targets: [{ url: 'https://a.test' }, { url: 'https://b.test', zone: 'eu-1' }] }

function compiled(spec: object): ReturnType<typeof compileService> {
  return compileService({ name: 'shop', spec: serviceSpec.parse({ ...base, ...spec }), subject })
}

/** Where and why a spec is refused. */
function refusals(spec: object): readonly string[] {
  const { error } = serviceSpec.safeParse({ ...base, ...spec })
  return error?.issues.map(({ path, message }) => `/${path.join('/')} ${message}`) ?? []
}

test('everything that can be said about a service arrives at the agent', () => {
  const service = compiled({
    targets: [{ url: 'https://A.test:443/', weight: 3, zone: 'eu-1' }],
    balancing: { algorithm: 'consistent_hash', hash_on: 'header:x-tenant', zone_preference: {} },
    health: { active: { path: '/healthz', statuses: [200] }, panic_percent: 0 },
    retries: { attempts_max: 2, budget_percent: 20, try_timeout_ms: 500 },
    breaker: { requests_max: 1, pending_max: 0, connections_max: 2 },
    overload: { adaptive: 'off', concurrency_max: 40 },
    tls: { ca: PEM, server_name: 'x.test', certificate: { chain: PEM, key: 'env://KEY' } },
    request_timeout_ms: 5_000,
    stream_idle_ms: 0,
  })
  assert.deepEqual(service.targets, [{ url: 'https://a.test', weight: 3, zone: 'eu-1' }])
  assert.deepEqual([service.balancing.hashOn, service.balancing.hashHeader], ['header', 'x-tenant'])
  assert.deepEqual([service.balancing.zonePanicPercent, service.health.panicPercent], [50, 0])
  assert.deepEqual(service.health.active, {
    path: '/healthz',
    host: null,
    intervalMs: 5_000,
    timeoutMs: 2_000,
    healthyAfter: 2,
    unhealthyAfter: 3,
    statuses: [200],
  })
  assert.deepEqual(service.retries, { attemptsMax: 2, budgetPercent: 20, onTimeout: true })
  assert.deepEqual(service.breaker, { requestsMax: 1, pendingMax: 0, connectionsMax: 2 })
  // What it always gets is never more than what it gets at most.
  assert.deepEqual(service.overload, { isAdaptive: false, concurrencyMin: 40, concurrencyMax: 40 })
  assert.deepEqual(service.tls, { ca: PEM, serverName: 'x.test', certificate: { chain: PEM, key: 'env://KEY' } })
  assert.deepEqual([service.requestTimeoutMs, service.streamIdleMs, service.responseTimeoutMs], [5_000, 0, 500])
})

test('what a service is told and how the agent proves itself arrive at the agent, with what callers may not send', () => {
  const { identity, authentication, reservedHeaders } = compiled({
    identity: {
      headers: { consumer: 'x-caller', scopes: 'x-headgate-scopes' },
      claims: [{ claim: 'org.id', header: 'x-org' }],
      token: { audience: 'orders', claims: ['sub', ['https://a.test/role']] },
    },
    authentication: {
      kind: 'oauth',
      token_url: 'https://issuer.test/token',
      client: { method: 'client_secret_basic', client_id: 'agent', secret: 'env://SECRET' },
      scopes: ['orders'],
    },
  })
  assert.deepEqual(identity, {
    headers: { consumer: 'x-caller', credential: null, scopes: 'x-headgate-scopes', roles: null },
    claims: [{ path: ['org', 'id'], header: 'x-org' }],
    token: {
      audience: 'orders',
      header: 'x-headgate-identity',
      lifeMs: 30_000,
      claims: [['sub'], ['https://a.test/role']],
    },
  })
  assert.deepEqual(authentication, {
    kind: 'oauth',
    tokenUrl: 'https://issuer.test/token',
    client: { method: 'client_secret_basic', clientId: 'agent', secret: 'env://SECRET' },
    issuer: 'https://issuer.test/token',
    scopes: ['orders'],
    audience: null,
    resource: null,
    privateAddresses: false,
    ca: null,
  })
  // What begins with x-headgate- never comes from a caller.
  assert.deepEqual(reservedHeaders, ['x-caller', 'x-org', 'authorization'])
})

test('a service is told the name of the consumer unless it is said otherwise', () => {
  assert.equal(compiled({}).identity.headers.consumer, 'x-headgate-consumer')
  assert.equal(compiled({ identity: { token: { audience: 'a' } } }).identity.headers.consumer, 'x-headgate-consumer')
  assert.equal(compiled({ identity: { headers: {} } }).identity.headers.consumer, null)
  assert.deepEqual(compiled({}).reservedHeaders, [])
})

test('no attempt waits longer than the whole request may take', () => {
  assert.equal(compiled({ request_timeout_ms: 700 }).responseTimeoutMs, 700)
})

const contradictions: readonly (readonly [title: string, spec: object, refusal: string])[] = [
  [
    'hash_on without consistent_hash',
    { balancing: { hash_on: 'address' } },
    '/balancing/hash_on give hash_on with consistent_hash, and only then',
  ],
  [
    'consistent_hash without hash_on',
    { balancing: { algorithm: 'consistent_hash' } },
    '/balancing/hash_on give hash_on with consistent_hash, and only then',
  ],
  [
    'slow start with consistent_hash',
    { balancing: { algorithm: 'consistent_hash', hash_on: 'consumer', slow_start_ms: 1 } },
    '/balancing/slow_start_ms consistent_hash has no slow start: the same value would go to two targets in turn',
  ],
  [
    'a preference of zones where no target has one',
    { targets: [{ url: 'http://a' }], balancing: { zone_preference: {} } },
    '/balancing/zone_preference give at least one target a zone',
  ],
  [
    'tls with a plain target',
    { targets: [{ url: 'http://a' }], tls: {} },
    '/targets/0/url tls is set, so give https://',
  ],
  [
    'a target twice',
    { targets: [{ url: 'http://a:80' }, { url: 'http://A/' }] },
    '/targets/1/url this target is there twice: use weight instead',
  ],
  [
    'a port that does not exist',
    { targets: [{ url: 'http://a:70000' }] },
    '/targets/0/url give a port up to 65535 and an address that exists',
  ],
  [
    'a check that outlasts its interval',
    { health: { active: { path: '/', interval_ms: 1_000, timeout_ms: 1_001 } } },
    '/health/active/timeout_ms a check must end before the next one begins: give at most interval_ms',
  ],
  [
    'an attempt that outlasts the response',
    { retries: { try_timeout_ms: 31_000 } },
    '/retries/try_timeout_ms give at most response_timeout_ms',
  ],
  [
    'a time for each attempt where there is one',
    { retries: { try_timeout_ms: 10, attempts_max: 1 } },
    '/retries/try_timeout_ms there is only one attempt: use response_timeout_ms',
  ],
  [
    'one field for two things',
    { identity: { headers: { consumer: 'x-a' }, claims: [{ claim: 'sub', header: 'x-a' }] } },
    '/identity/claims/0/header this field is there twice',
  ],
  [
    'one field for who calls and who we are',
    {
      identity: { headers: { consumer: 'x-api-key' } },
      authentication: { kind: 'header', name: 'x-api-key', value: 'env://A' },
    },
    '/authentication/name identity has this field as well',
  ],
  [
    'a token that is asked for in clear',
    {
      authentication: {
        kind: 'oauth',
        token_url: 'http://issuer.test/token',
        client: { method: 'client_secret_basic', client_id: 'agent', secret: 'env://A' },
      },
    },
    '/authentication/token_url use https://, or set private_addresses for a trial',
  ],
]
for (const [title, spec, refusal] of contradictions) {
  test(`${title} is refused, with what to do`, () => {
    assert.deepEqual(refusals(spec), [refusal])
  })
}

for (const [title, spec] of [
  ['a share above a hundred percent', { health: { panic_percent: 101 } }],
  ['a weight of none', { targets: [{ url: 'http://a', weight: 0 }] }],
  ['an algorithm that does not exist', { balancing: { algorithm: 'random' } }],
  ['a field name in upper case', { balancing: { algorithm: 'consistent_hash', hash_on: 'header:X-A' } }],
  // There is no way to switch verification off.
  ['a switch that nobody knows', { tls: { verify: false } }],
  ['a private key in place of its reference', { tls: { certificate: { chain: PEM, key: PEM } } }],
  ['a third attempt', { retries: { attempts_max: 3 } }],
  ['a field of ours with a meaning of its own', { identity: { headers: { consumer: 'content-type' } } }],
  ['a field of ours that says where a request came from', { identity: { headers: { roles: 'x-forwarded-for' } } }],
  ['a field of ours that a caller could send in another spelling', { identity: { headers: { roles: 'x_roles' } } }],
  ['an identity in place of a credential', { identity: { headers: { consumer: 'authorization' } } }],
  ['a secret in place of its reference', { authentication: { kind: 'header', value: 'hunter2' } }],
  ['a prefix with a line end', { authentication: { kind: 'header', value: 'env://A', prefix: 'Bearer\n' } }],
  ['a username with a colon', { authentication: { kind: 'basic', username: 'a:b', password: 'env://A' } }],
  ['an identity token that lives for long', { identity: { token: { audience: 'a', life_ms: 60_001 } } }],
  ['a path of a check with a line end', { health: { active: { path: '/a\r\nX: y' } } }],
] as const) {
  test(`${title} is refused`, () => {
    assert.notDeepEqual(refusals(spec), [])
  })
}
