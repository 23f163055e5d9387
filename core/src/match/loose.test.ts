import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, environment, keyed, limit, open, route } from '#core/fakes/release.ts'
import { matchRoute, type RouteIndex } from './match.ts'

const kind = ({ index }: { index: RouteIndex }, path: string, host = 'shop.test', method = 'GET'): string => {
  const match = matchRoute(index, host, path, method)
  return match.kind === 'route' ? match.route.name : match.kind
}

const site = [route('site', '/', { match: 'prefix' }), open('site-open', { route: 'site' })]
const admin = [route('admin', '/admin'), keyed('admin-access', { route: 'admin' })]

// Guards against frameworks that ignore case or a slash at the end: they would serve /admin.
for (const path of ['/Admin', '/ADMIN', '/admin/', '/aDMIN/']) {
  test(`${path} is ambiguous beside a closed /admin`, () => {
    assert.equal(kind(compiled(...site, ...admin), path), 'ambiguous')
  })
}

test('the spelling of a route itself is never ambiguous', () => {
  const release = compiled(...site, ...admin, route('upper', '/Admin'), open('upper-open', { route: 'upper' }))
  assert.equal(kind(release, '/admin'), 'admin')
  assert.equal(kind(release, '/Admin'), 'upper')
  assert.equal(kind(release, '/aDmin'), 'ambiguous')
})

test('routes that are guarded alike cannot be confused', () => {
  const release = compiled(keyed('all', environment), route('site', '/', { match: 'prefix' }), route('admin', '/admin'))
  assert.equal(release.index.loose, null)
  assert.equal(kind(release, '/ADMIN'), 'site')
})

test('a careless reading that leads to a public route is harmless', () => {
  const release = compiled(
    route('all', '/', { match: 'prefix' }),
    keyed('all-access', { route: 'all' }),
    route('health', '/health'),
    open('health-open', { route: 'health' }),
  )
  assert.equal(kind(release, '/HEALTH'), 'all')
})

test('a limit of its own cannot be escaped by another spelling', () => {
  const login = [
    route('login', '/login'),
    open('login-open', { route: 'login' }),
    limit('login-limit', { route: 'login' }, 5),
  ]
  assert.equal(kind(compiled(...site, ...login), '/Login'), 'ambiguous')
})

test('an undecided route cannot be escaped by another spelling', () => {
  assert.equal(kind(compiled(...site, route('lost', '/lost')), '/LOST'), 'ambiguous')
})

test('routes that share a path by method are not confused with each other', () => {
  const release = compiled(
    route('read', '/orders', { methods: ['GET'] }),
    open('read-open', { route: 'read' }),
    route('write', '/orders', { methods: ['POST'] }),
    keyed('write-access', { route: 'write' }),
  )
  assert.equal(kind(release, '/orders'), 'read')
  assert.equal(kind(release, '/orders', 'shop.test', 'POST'), 'write')
})

test('other hosts are other routes', () => {
  const release = compiled(
    ...site,
    route('admin', '/admin', { hosts: ['admin.test'] }),
    keyed('admin-access', { route: 'admin' }),
  )
  assert.equal(kind(release, '/ADMIN'), 'site')
  assert.equal(kind(release, '/ADMIN', 'admin.test'), 'ambiguous')
})

test('the root is not without its slash', () => {
  const release = compiled(...site, route('root', '/'), keyed('root-access', { route: 'root' }))
  assert.equal(kind(release, '/'), 'root')
  assert.equal(kind(release, '/x'), 'site')
})

test('a pattern with an upper-case letter or a slash at its end is looked for by paths without', () => {
  const upper = compiled(...site, route('admin', '/Admin'), keyed('admin-access', { route: 'admin' }))
  assert.equal(kind(upper, '/admin'), 'ambiguous')
  assert.equal(kind(upper, '/Admin'), 'admin')
  const slash = compiled(...site, route('admin', '/admin/'), keyed('admin-access', { route: 'admin' }))
  assert.equal(kind(slash, '/admin'), 'ambiguous')
  assert.equal(kind(slash, '/admin/'), 'admin')
})

test('a path that reads the same either way is never ambiguous', () => {
  const release = compiled(...site, ...admin, route('user', '/users/{id}'), keyed('user-access', { route: 'user' }))
  for (const [path, name] of [
    ['/admin', 'admin'],
    ['/users/7', 'user'],
    ['/users/7/x', 'site'],
    ['/', 'site'],
  ] as const) {
    assert.equal(kind(release, path), name)
  }
})
