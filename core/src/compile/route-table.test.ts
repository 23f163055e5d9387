import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectInput } from '#core/compile.ts'
import { findInTrees } from '#core/match/hosts.ts'
import { compiled, environment, findingsOf, open, route, service, shortFindings } from '#core/fakes/release.ts'

const conflicts = (...routes: readonly ObjectInput[]): readonly string[] =>
  findingsOf(...routes, open('all', environment))
    .filter(({ code }) => code === 'route_conflict')
    .map(({ object, message }) => `${object}: ${message}`)

test('routes with the same host, path and method are refused, both named', () => {
  assert.deepEqual(conflicts(route('one', '/a'), route('two', '/a')), [
    'route/two: one and two serve the same method of every host and /a',
  ])
})

for (const [title, first, second] of [
  ['names of parameters differ', route('one', '/a/{x}'), route('two', '/a/{y}')],
  ['one takes all methods', route('one', '/a'), route('two', '/a', { methods: ['PUT'] })],
  ['the other takes all methods', route('one', '/a', { methods: ['PUT'] }), route('two', '/a')],
  [
    'one method is shared',
    route('one', '/a', { methods: ['GET', 'PUT'] }),
    route('two', '/a', { methods: ['PUT', 'POST'] }),
  ],
  ['GET includes HEAD', route('one', '/a', { methods: ['GET'] }), route('two', '/a', { methods: ['HEAD'] })],
  ['one host is shared', route('one', '/a', { hosts: ['a', 'b'] }), route('two', '/a', { hosts: ['b', 'c'] })],
  ['wildcards are the same', route('one', '/a', { hosts: ['*.a'] }), route('two', '/a', { hosts: ['*.a'] })],
  ['a star is a star with and without prefix', route('one', '/a/*'), route('two', '/a/*', { match: 'prefix' })],
] as const) {
  test(`routes conflict when ${title}`, () => assert.equal(conflicts(first, second).length, 1))
}

for (const [title, first, second] of [
  ['methods differ', route('one', '/a', { methods: ['GET'] }), route('two', '/a', { methods: ['PUT'] })],
  ['hosts differ', route('one', '/a', { hosts: ['a'] }), route('two', '/a', { hosts: ['b'] })],
  ['a wildcard takes a host too', route('one', '/a', { hosts: ['x.a'] }), route('two', '/a', { hosts: ['*.a'] })],
  ['one serves every host', route('one', '/a', { hosts: ['a'] }), route('two', '/a')],
  ['a slash differs', route('one', '/a'), route('two', '/a/')],
  ['case differs', route('one', '/a'), route('two', '/A')],
  ['one is a prefix', route('one', '/a'), route('two', '/a', { match: 'prefix' })],
  ['one is a literal', route('one', '/a'), route('two', '/{x}')],
] as const) {
  test(`routes do not conflict when ${title}`, () => assert.deepEqual(conflicts(first, second), []))
}

test('a host or method that a route names twice is no conflict with itself', () => {
  assert.deepEqual(conflicts(route('one', '/a', { hosts: ['a', 'a'], methods: ['GET', 'GET', 'HEAD'] })), [])
})

test('a pair of routes is reported once, however much they share', () => {
  const spec = { hosts: ['a', 'b', 'c'], methods: ['GET', 'PUT'] }
  assert.equal(conflicts(route('one', '/a', spec), route('two', '/a', spec)).length, 1)
})

test('methods of a path are listed once for Allow', () => {
  const { index } = compiled(
    route('one', '/a', { methods: ['PUT', 'GET'] }),
    route('two', '/a', { methods: ['DELETE'] }),
  )
  assert.deepEqual(findInTrees(index.strict, 'shop.test', '/a')?.allow, ['DELETE', 'GET', 'HEAD', 'PUT'])
})

// Guards an agent that serves several tenants: one of them must not make every look-up expensive.
test('patterns that make a look-up visit thousands of places are refused', () => {
  const routes = Array.from({ length: 1024 }, (_, bits) => {
    const path = Array.from({ length: 10 }, (_level, level) => ((bits >> level) & 1 ? '/a' : '/{x}')).join('')
    return route(`r${bits}`, path)
  })
  assert.deepEqual(shortFindings(service('shop'), ...routes, open('all', environment)), [
    'error routes_too_costly release',
  ])
})
