import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ObjectInput } from '#core/compile.ts'
import { compiled, environment, findingsOf, open, route } from '#core/fakes/release.ts'
import { matchRoute } from '#core/match/match.ts'

const shadows = (...routes: readonly ObjectInput[]): readonly string[] =>
  findingsOf(...routes, open('all', environment))
    .filter(({ code }) => code === 'route_shadowed')
    .map(({ message }) => message)

test('a prefix whose path and everything below is taken is shadowed', () => {
  assert.deepEqual(
    shadows(route('wide', '/a', { match: 'prefix' }), route('exact', '/a'), route('below', '/a/', { match: 'prefix' })),
    ['wide never matches: exact, below take every request'],
  )
})

test('a prefix is shadowed by its path, its slash and a star together', () => {
  const routes = [route('exact', '/a'), route('slash', '/a/'), route('star', '/a/*')]
  assert.deepEqual(shadows(route('wide', '/a', { match: 'prefix' }), ...routes), [
    'wide never matches: exact, slash, star take every request',
  ])
})

test('a star is shadowed when a parameter takes one segment and a star the others', () => {
  assert.deepEqual(shadows(route('star', '/a/*'), route('rest', '/a/{x}', { match: 'prefix' })), [
    'star never matches: rest takes every request',
  ])
  assert.equal(
    shadows(route('star', '/a/*'), route('one', '/a/{x}'), route('slash', '/a/{x}/'), route('more', '/a/{x}/*')).length,
    1,
  )
})

for (const [title, routes] of [
  ['something below is left', [route('wide', '/a', { match: 'prefix' }), route('exact', '/a')]],
  ['the path itself is left', [route('wide', '/a', { match: 'prefix' }), route('star', '/a/*')]],
  ['the slash is left', [route('wide', '/a', { match: 'prefix' }), route('exact', '/a'), route('star', '/a/*')]],
  ['literals below are taken', [route('star', '/a/*'), route('b', '/a/b', { match: 'prefix' })]],
  ['it is the more specific one', [route('all', '/', { match: 'prefix' }), route('a', '/a')]],
  [
    'it matches at another host',
    [
      route('wide', '/a/*', { hosts: ['a.test', 'b.test'] }),
      route('rest', '/a/{x}', { hosts: ['a.test'], match: 'prefix' }),
    ],
  ],
] as const) {
  test(`a route is not shadowed while ${title}`, () => assert.deepEqual(shadows(...routes), []))
}

test('a route that is shadowed at all of its hosts is shadowed', () => {
  const hosts = ['a.test', '*.b.test']
  assert.equal(shadows(route('star', '/a/*', { hosts }), route('rest', '/a/{x}', { hosts, match: 'prefix' })).length, 1)
})

test('a refused method does not fall through, so a route for another method shadows too', () => {
  assert.equal(
    shadows(route('star', '/a/*', { methods: ['GET'] }), route('rest', '/a/{x}', { match: 'prefix', methods: ['PUT'] }))
      .length,
    1,
  )
})

test('a route is called shadowed exactly when no path of a full set leads to it', () => {
  const part = fc.constantFrom('a', '{x}')
  const shape = fc.record({
    segments: fc.array(part, { maxLength: 2 }),
    end: fc.constantFrom('', '/', '/*'),
    match: fc.constantFrom('exact', 'prefix'),
  })
  // One literal that patterns use, one that none does, up to a depth below all patterns, with and without slash.
  const words = ['', 'a', 'z']
  const paths = words
    .flatMap((one) => words.flatMap((two) => words.flatMap((three) => words.map((four) => [one, two, three, four]))))
    .map((segments) => segments.filter((segment) => segment !== ''))
    .flatMap((segments) => [`/${segments.join('/')}`, `/${segments.map((segment) => `${segment}/`).join('')}`])
  fc.assert(
    fc.property(fc.uniqueArray(shape, { maxLength: 8, selector: (one) => JSON.stringify(one) }), (shapes) => {
      const patterns = new Map(
        shapes.map(({ segments, end, match }): [string, string] => {
          const path = segments.map((segment) => `/${segment}`).join('') + end || '/'
          return [`${path} ${path.endsWith('*') ? 'exact' : match}`, path]
        }),
      )
      const routes = Array.from(patterns, ([id, path], number) =>
        route(`r${number}`, path, { match: id.split(' ')[1] }),
      )
      const { index } = compiled(...routes, open('all', environment))
      const reached = new Set(
        paths.map((path) => {
          const match = matchRoute(index, 'shop.test', path, 'GET')
          return match.kind === 'route' ? match.route.name : ''
        }),
      )
      const named = new Set(shadows(...routes).map((message) => message.split(' ')[0]))
      for (const { name } of routes)
        assert.equal(named.has(name), !reached.has(name), `${name} of ${[...patterns.keys()].join(', ')}`)
    }),
    { numRuns: 500 },
  )
})
