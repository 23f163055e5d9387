import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainLimit } from '#core/limits/plain-limit.ts'
import {
  certificate,
  compiled,
  environment,
  findingsOf,
  https,
  keyed,
  limit,
  object,
  open,
  route,
  service,
  shortFindings,
} from '#core/fakes/release.ts'
import { effectivePolicy } from '#core/release.ts'

test('the nearest access policy wins as a whole', () => {
  const release = compiled(
    service('shop'),
    service('other'),
    route('near', '/near'),
    route('middle', '/middle'),
    route('far', '/far', { service: 'other' }),
    keyed('env', environment, { scopes: ['env'] }),
    keyed('svc', { service: 'shop' }, { scopes: ['b', 'a', 'b'] }),
    open('own', { route: 'near' }),
  )
  const access = (name: string) => release.routes.get(name)?.access
  assert.deepEqual([access('near')?.policy, access('near')?.scopes], ['own', []])
  assert.deepEqual([access('middle')?.policy, access('middle')?.scopes], ['svc', ['a', 'b']])
  assert.deepEqual([access('far')?.policy, access('far')?.from], ['env', 'environment'])
})

test('the nearest HTTPS policy wins as a whole, beside every other kind', () => {
  const release = compiled(
    certificate('all', ['*.test']),
    route('near', '/near'),
    route('far', '/far'),
    keyed('keyed', environment),
    https('env', environment, 'refuse', { hsts: { max_age_s: 5 } }),
    https('own', { route: 'near' }, 'redirect', { port: 8443 }),
  )
  const of = (name: string) => release.routes.get(name)?.https
  const origin = { policy: 'own', origin: 'f:policy/own', from: 'route' }
  assert.deepEqual(of('near'), { ...origin, plain: 'redirect', portSuffix: ':8443', hsts: null })
  assert.deepEqual([of('far')?.plain, of('far')?.portSuffix, of('far')?.hsts], ['refuse', '', 'max-age=5'])
  assert.equal(release.effective.get('far')?.https?.name, 'env')
  assert.notEqual(release.routes.get('near')?.guard, release.routes.get('far')?.guard)
})

test('two HTTPS policies at one place, and routes that nobody can reach any more, are told about', () => {
  assert.deepEqual(
    shortFindings(
      route('all', '/', { hosts: ['a.test', 'b.test'] }),
      open('open', environment),
      certificate('a', ['a.test']),
      https('one', environment, 'refuse'),
    ),
    ['warning https_unreachable route/all /hosts'],
  )
  assert.deepEqual(
    shortFindings(
      route('all', '/'),
      open('open', environment),
      https('one', environment, 'refuse'),
      https('two', environment, 'allow'),
    ),
    ['error https_conflict policy/two /on'],
  )
})

test('limits add up, in the order of their names', () => {
  const release = compiled(
    route('a', '/a'),
    route('b', '/b'),
    limit('m', environment, 3, { burst: 2 }),
    limit('z', { service: 'shop' }, 2, { key: ['route', 'address', 'route'] }),
    limit('c', { route: 'a' }, 1),
  )
  assert.deepEqual(
    release.routes.get('a')?.limits.map(({ policy }) => policy),
    ['c', 'm', 'z'],
  )
  assert.deepEqual(
    release.routes.get('b')?.limits.map(({ policy }) => policy),
    ['m', 'z'],
  )
  assert.deepEqual(release.routes.get('b')?.limits, [
    plainLimit({
      policy: 'm',
      origin: 'f:policy/m',
      id: 'acme/production/m',
      amount: 3,
      windowMs: 60_000,
      burst: 2,
      key: ['consumer'],
    }),
    plainLimit({
      policy: 'z',
      origin: 'f:policy/z',
      id: 'acme/production/z',
      amount: 2,
      windowMs: 60_000,
      burst: 2,
      key: ['route', 'address'],
    }),
  ])
})

test('two access policies at one place are refused, both named', () => {
  for (const on of [environment, { service: 'shop' }, { route: 'a' }]) {
    const [finding] = findingsOf(route('a', '/a'), keyed('one', on), open('two', on))
    assert.equal(finding?.code, 'access_conflict')
    assert.match(finding?.message ?? '', /one and two/)
  }
})

test('a policy that sits nowhere, or that nearer ones replace everywhere, is named', () => {
  assert.deepEqual(
    shortFindings(
      service('shop'),
      service('idle'),
      route('a', '/a'),
      keyed('idle-access', { service: 'idle' }),
      keyed('env', environment),
      keyed('own', { route: 'a' }),
    ),
    [
      'warning policy_unused policy/idle-access',
      'warning policy_unused policy/env',
      'warning service_unused service/idle',
    ],
  )
})

test('more limits at one place than a request can pay for are refused', () => {
  const limits = Array.from({ length: 17 }, (_, index) => limit(`l${index}`, environment, 1))
  assert.deepEqual(shortFindings(route('a', '/a'), open('o', environment), ...limits), [
    'error limits_too_many policy/l16 /on',
  ])
})

test('routes have the same guard exactly when access policy and limits are the same', () => {
  const release = compiled(
    service('shop'),
    service('other'),
    route('a', '/a'),
    route('b', '/b', { service: 'other' }),
    route('c', '/c'),
    route('d', '/d'),
    keyed('env', environment),
    limit('l', { route: 'c' }, 1),
    open('own', { route: 'd' }),
  )
  const guards = ['a', 'b', 'c', 'd'].map((name) => release.routes.get(name)?.guard)
  assert.equal(guards[0], guards[1])
  assert.equal(new Set(guards).size, 3)
})

test('a limit for one exposure counts on routes of that exposure only', () => {
  const release = compiled(
    route('open', '/open', { exposure: 'public' }),
    route('inside', '/inside', { exposure: 'internal' }),
    limit('all', environment, 9),
    limit('outside', environment, 5, { exposure: 'public' }),
    limit('within', environment, 50, { exposure: 'internal' }),
  )
  const names = (name: string) => release.routes.get(name)?.limits.map(({ policy }) => policy)
  assert.deepEqual(
    [names('open'), names('inside')],
    [
      ['all', 'outside'],
      ['all', 'within'],
    ],
  )
  assert.deepEqual(
    effectivePolicy(release, 'inside')?.limits.map(({ name }) => name),
    ['all', 'within'],
  )
  assert.notEqual(release.routes.get('open')?.guard, release.routes.get('inside')?.guard)
})

test('the nearest size counts, and two at one place are refused', () => {
  const size = (name: string, on: Readonly<Record<string, unknown>>, bytes: number) =>
    object('policy', name, { type: 'size', on, body_bytes_max: bytes })
  const release = compiled(
    route('orders', '/orders'),
    route('files', '/files'),
    size('wide', environment, 1_000),
    size('own', { route: 'files' }, 0),
  )
  assert.equal(release.routes.get('orders')?.bodyBytesMax, 1_000)
  assert.equal(release.routes.get('files')?.bodyBytesMax, 0)
  assert.deepEqual(effectivePolicy(release, 'files')?.size?.name, 'own')
  assert.notEqual(release.routes.get('orders')?.guard, release.routes.get('files')?.guard)
  assert.equal(compiled(route('orders', '/orders')).routes.get('orders')?.bodyBytesMax, null)
  assert.deepEqual(shortFindings(route('r', '/'), size('a', environment, 1), size('b', environment, 2)).slice(0, 1), [
    'error size_conflict policy/b /on',
  ])
})
