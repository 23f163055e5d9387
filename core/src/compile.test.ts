import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  compiled,
  environment,
  findingsOf,
  input,
  keyed,
  limit,
  object,
  open,
  route,
  service,
  shortFindings,
} from '#core/fakes/release.ts'
import { compile, type ReleaseInput } from './compile.ts'

test('an empty release is a release: it serves nothing', () => {
  const result = compile(input())
  assert.equal(result.kind, 'compiled')
  assert.deepEqual(result.kind === 'compiled' && [result.release.hosts, result.warnings], [[], []])
})

test('a release has what an agent needs of services and certificates', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'
  const release = compiled(
    service('shop', { targets: [{ url: 'http://10.0.0.7:3000/' }], response_timeout_ms: 500, data_label: 'card' }),
    route('orders', '/orders'),
    object('certificate', 'main', { hosts: ['a.test', 'a.test'], chain: pem, key: 'file:///run/key.pem' }),
  )
  const { tenant, environment: name, number } = release
  assert.deepEqual([tenant, name, number], ['acme', 'production', 1])
  assert.deepEqual(release.services.get('shop'), {
    name: 'shop',
    origin: 'f:service/shop',
    owner: 'team',
    dataLabel: 'card',
    targets: [{ url: 'http://10.0.0.7:3000', weight: 1, zone: null }],
    protocol: 'http1',
    connectTimeoutMs: 2000,
    responseTimeoutMs: 500,
    requestTimeoutMs: null,
    streamIdleMs: null,
    balancing: {
      algorithm: 'round_robin',
      hashOn: 'address',
      hashHeader: '',
      slowStartMs: 0,
      zonePanicPercent: null,
    },
    health: {
      active: null,
      passive: {
        failures: 5,
        windowMs: 10_000,
        statuses: [502, 503, 504],
        ejectMs: 5_000,
        ejectedMaxPercent: 50,
      },
      panicPercent: 25,
    },
    breaker: { requestsMax: null, pendingMax: null, connectionsMax: null },
    overload: { isAdaptive: true, concurrencyMin: 100, concurrencyMax: null },
    retries: { attemptsMax: 2, budgetPercent: 10, onTimeout: false },
    tls: null,
    identity: {
      headers: { consumer: 'x-headgate-consumer', credential: null, scopes: null, roles: null },
      claims: [],
      token: null,
    },
    authentication: null,
    reservedHeaders: [],
  })
  assert.deepEqual(release.certificates, [
    {
      name: 'main',
      origin: 'f:certificate/main',
      hosts: ['a.test'],
      chain: pem,
      key: 'file:///run/key.pem',
      alternative: null,
      profile: null,
      clientCertificates: null,
    },
  ])
})

test('all problems are told at once, errors before warnings, each with object, origin, pointer and fix', () => {
  const findings = findingsOf(
    route('undecided', '/a'),
    route('dangling', '/b', { service: 'none' }),
    object('pigeon', 'x', {}),
    service('odd', { owner: '', colour: 'red' }),
    route('bad', 'b', { methods: ['FETCH'] }),
    keyed('lost', { route: 'none' }),
  )
  assert.deepEqual(
    findings.map(({ severity, code, object: about, pointer }) => [severity, code, about, pointer].join(' ')),
    [
      'error kind_unknown pigeon/x ',
      'error spec_invalid service/odd /owner',
      'error field_unknown service/odd /colour',
      'error value_unknown route/bad /methods/0',
      'error spec_invalid route/bad /path',
      'error reference_unknown policy/lost /on/route',
      'error reference_unknown route/dangling /service',
      'warning access_undecided route/undecided ',
    ],
  )
  for (const { origin, message, fix } of findings) {
    assert.match(origin, /^f:/)
    assert.ok(message.length > 5 && fix.length > 5)
  }
})

test('an object that is broken is told once, not again by all that refer to it', () => {
  assert.deepEqual(shortFindings(service('shop', { owner: '' }), route('a', '/a'), keyed('p', { service: 'shop' })), [
    'error spec_invalid service/shop /owner',
  ])
})

test('an unknown policy type refuses the release: it may be what closes a route', () => {
  assert.deepEqual(shortFindings(object('policy', 'p', { type: 'shield', on: environment })), [
    'error value_unknown policy/p /type',
  ])
})

test('a duplicate names where the first one is', () => {
  const [finding] = findingsOf(route('a', '/a'), { ...route('a', '/b'), origin: 'g:1' })
  assert.equal(finding?.code, 'object_duplicate')
  assert.equal(finding?.origin, 'g:1')
  assert.match(finding?.message ?? '', /route\/a is there twice \(first at f:route\/a\)/)
})

test('two certificates for one host are refused, both named', () => {
  const certificate = (name: string) =>
    object('certificate', name, { hosts: ['a.test'], chain: '-----BEGIN CERTIFICATE-----', key: 'env://KEY' })
  const [finding] = findingsOf(certificate('one'), certificate('two'))
  assert.equal(finding?.code, 'certificate_conflict')
  assert.match(finding?.message ?? '', /one and two .* a\.test/)
})

test('what nothing leads to is named', () => {
  assert.deepEqual(shortFindings(service('shop'), service('idle'), route('a', '/a'), open('p', environment)), [
    'warning service_unused service/idle',
  ])
})

test('a WebSocket route to a service of HTTP/2 is refused: nothing could come of it', () => {
  assert.deepEqual(
    shortFindings(
      service('shop', { protocol: 'http2' }),
      route('a', '/a', { websocket: true }),
      open('p', environment),
    ),
    ['error websocket_unsupported route/a /websocket'],
  )
})

test('a route without access policy compiles, and is named', () => {
  const [finding] = findingsOf(route('a', '/a'))
  assert.equal(finding?.code, 'access_undecided')
  assert.match(finding?.message ?? '', /403/)
})

test('an order of objects that refers ahead is as good as any', () => {
  const objects = [limit('l', environment, 1), keyed('p', { service: 'shop' }), route('a', '/a'), service('shop')]
  fc.assert(
    fc.property(fc.shuffledSubarray(objects, { minLength: objects.length }), (shuffled) => {
      return compile(input(...shuffled)).kind === 'compiled'
    }),
  )
})

test('what is compiled does not change when the input is changed afterwards', () => {
  const spec = { owner: 'team', targets: [{ url: 'http://a' }] }
  const release = compiled(object('service', 'shop', spec), route('a', '/a'))
  spec.targets.push({ url: 'http://b' })
  spec.owner = 'other'
  assert.equal(release.services.get('shop')?.targets.length, 1)
  assert.equal(release.services.get('shop')?.owner, 'team')
})

for (const [title, value] of [
  ['undefined', undefined],
  ['null', null],
  ['a text', 'release'],
  ['a list', []],
  ['objects that are no list', { ...input(), objects: { length: 3 } }],
  ['objects that are none', { ...input(), objects: [null, 1, 'x', [], {}, { kind: 1, name: 2, origin: 3 }] }],
  ['a list with holes', { ...input(), objects: Array.from({ length: 2 }) }],
  ['no tenant', { ...input(), tenant: '' }],
  ['an environment that no key can name', { ...input(), environment: 'Prod!' }],
  ['number 0', { ...input(), number: 0 }],
  ['a number that is not whole', { ...input(), number: 1.5 }],
  ['too large', { ...input(), objects: Array.from({ length: 200_001 }) }],
] as const) {
  test(`a release that is ${title} is refused, not thrown at`, () => {
    const result = compile(value as ReleaseInput)
    assert.equal(result.kind, 'refused')
    assert.ok(result.kind === 'refused' && result.findings.every(({ code }) => code === 'release_invalid'))
  })
}

test('no JSON value makes it throw, and only good objects get through', () => {
  const spec = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        service: fc.constantFrom<unknown>('shop', '__proto__', 1),
        path: fc.constantFrom<unknown>('/', '/{a}/*', '//', 1),
        type: fc.constantFrom('access', 'limit', 'constructor'),
        on: fc.oneof(fc.constant(environment), fc.jsonValue()),
        requests: fc.oneof(fc.integer(), fc.jsonValue()),
        window_ms: fc.constant(1000),
        hosts: fc.oneof(fc.array(fc.constantFrom('a.test', '*.b', '*')), fc.jsonValue()),
        ['__proto__']: fc.jsonValue(),
      },
      { requiredKeys: [] },
    ),
  )
  const name = fc.oneof(fc.constantFrom('a', 'b', 'shop', '__proto__', 'constructor', ''), fc.string())
  const kind = fc.constantFrom('service', 'route', 'policy', 'certificate', '__proto__', 'toString', '')
  const one = fc.record({ kind, name, spec, origin: fc.string() })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 8 }), (objects) => {
      const result = compile({ tenant: 't', environment: 'e', number: 1, objects })
      assert.ok(result.kind === 'compiled' || result.findings.length > 0)
    }),
    { numRuns: 1000 },
  )
})

test('a spec that is nested a million levels deep is refused', () => {
  let deep: unknown = 1
  for (let level = 0; level < 1_000_000; level++) deep = [deep]
  for (const spec of [deep, { owner: deep }, { owner: 'a', targets: deep }]) {
    assert.equal(compile(input(object('service', 'shop', spec))).kind, 'refused')
  }
})

test('a list of a million values is refused with a bounded answer', () => {
  const scopes = Array.from({ length: 1_000_000 }, () => '!')
  const result = compile(input(keyed('p', environment, { scopes })))
  assert.ok(result.kind === 'refused' && result.findings.length <= 1002)
})

// Guards the publish path and the agent's swap. The bound is wide, for slow and busy machines.
test('10,000 routes with policies compile well within a second', () => {
  const routes = Array.from({ length: 10_000 }, (_, index) =>
    route(`r${index}`, `/group${index % 100}/item${index}/{id}`, {
      hosts: [`h${index % 7}.test`],
      methods: ['GET', 'POST'],
    }),
  )
  const policies = Array.from({ length: 500 }, (_, index) => keyed(`p${index}`, { route: `r${index}` }))
  const release = input(service('shop'), ...routes, keyed('env', environment), limit('l', environment, 10), ...policies)
  const times = [1, 2, 3].map(() => {
    const start = performance.now()
    assert.equal(compile(release).kind, 'compiled')
    return performance.now() - start
  })
  assert.ok(Math.min(...times) < 800, `${times.map(Math.round).join(', ')} ms`)
})
