import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, environment, keyed, limit, open, route, service } from '#core/fakes/release.ts'
import { effectivePolicy, releaseHosts, servesHost } from './release.ts'

test('hosts of a release are those of its routes, each once, sorted', () => {
  const release = compiled(
    route('a', '/a', { hosts: ['b.test', 'a.test'] }),
    route('b', '/b', { hosts: ['*.c.test', 'a.test'] }),
  )
  assert.deepEqual(releaseHosts(release), ['*.c.test', 'a.test', 'b.test'])
  assert.deepEqual(releaseHosts(compiled(route('a', '/a'))), ['*'])
  assert.deepEqual(releaseHosts(compiled()), [])
})

test('a release serves the hosts of its routes and no others', () => {
  const release = compiled(route('a', '/a', { hosts: ['a.test', '*.c.test'] }))
  for (const host of ['a.test', 'x.c.test']) assert.ok(servesHost(release, host), host)
  for (const host of ['b.test', 'c.test', 'x.y.c.test', '']) assert.ok(!servesHost(release, host), host)
  assert.ok(servesHost(compiled(route('a', '/a')), 'anything'))
  assert.ok(!servesHost(compiled(), 'anything'))
})

test('the effective policy of a route says where each part comes from', () => {
  const release = compiled(
    service('shop'),
    route('orders', '/orders'),
    route('health', '/health'),
    keyed('env-access', environment),
    keyed('shop-access', { service: 'shop' }, { scopes: ['a'] }),
    open('health-access', { route: 'health' }),
    limit('z-env', environment, 10),
    limit('a-route', { route: 'health' }, 1),
  )
  const orders = effectivePolicy(release, 'orders')
  assert.deepEqual(orders?.access, {
    name: 'shop-access',
    origin: 'f:policy/shop-access',
    from: 'service',
    spec: {
      type: 'access',
      on: { service: 'shop' },
      credentials: [{ kind: 'api_key', header: 'x-api-key' }],
      scopes: ['a'],
    },
  })
  const health = effectivePolicy(release, 'health')
  assert.deepEqual([health?.access?.name, health?.access?.from], ['health-access', 'route'])
  assert.deepEqual(
    health?.limits.map(({ name, from }) => `${name} ${from}`),
    ['a-route route', 'z-env environment'],
  )
})

test('a route that nobody decided about has no access policy, and an unknown route has nothing', () => {
  const release = compiled(route('lost', '/lost'))
  assert.deepEqual(effectivePolicy(release, 'lost'), { access: null, limits: [], https: null, size: null })
  assert.equal(effectivePolicy(release, 'none'), null)
  assert.equal(effectivePolicy(release, '__proto__'), null)
})
