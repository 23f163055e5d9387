import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, environment, open, route } from '#core/fakes/release.ts'
import { matchRoute, type Match } from './match.ts'

const { index } = compiled(
  open('all', environment),
  route('read', '/items/{id}', { methods: ['GET'] }),
  route('write', '/items/{id}', { methods: ['PUT', 'POST'] }),
  route('items', '/items', { match: 'prefix' }),
)
const found = (method: string, path: string): Match => matchRoute(index, 'shop.test', path, method)
const name = (match: Match): string => (match.kind === 'route' ? match.route.name : match.kind)

test('routes of one path share it by method, and HEAD goes with GET', () => {
  assert.equal(name(found('GET', '/items/1')), 'read')
  assert.equal(name(found('HEAD', '/items/1')), 'read')
  assert.equal(name(found('PUT', '/items/1')), 'write')
})

// Guards against a closed path being opened by a wider route beside it.
test('a method that the most specific path does not serve is refused there', () => {
  assert.deepEqual(found('DELETE', '/items/1'), {
    kind: 'method_not_allowed',
    allow: ['GET', 'HEAD', 'POST', 'PUT'],
  })
  assert.equal(name(found('DELETE', '/items/1/parts')), 'items')
})

test('a path that nothing takes is unknown', () => {
  assert.deepEqual(found('GET', '/'), { kind: 'unknown' })
})
