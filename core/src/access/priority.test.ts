import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiled, environment, keyed, object, open, route } from '#core/fakes/release.ts'
import type { CompiledRoute } from '#core/release.ts'
import { priorityRank, priorityRankMax } from './priority.ts'

const PLANS = [
  object('role', 'free', { scopes: [], priority: 'low' }),
  object('role', 'gold', { scopes: [], priority: 'critical' }),
  object('role', 'reader', { scopes: ['read'] }),
]

function released(...plans: typeof PLANS) {
  const routes = [route('all', '/', { exposure: 'public' }), route('inside', '/in', { exposure: 'internal' })]
  const release = compiled(...routes, keyed('p', environment), ...plans)
  const found = (name: string): CompiledRoute => {
    const one = release.routes.get(name)
    assert.ok(one !== undefined)
    return one
  }
  return { release, all: found('all'), inside: found('inside') }
}

test('without plans, what is called from inside comes before what is public, whoever calls', () => {
  const { release, all, inside } = released()
  assert.deepEqual([priorityRank(release, all, ['gold']), priorityRank(release, inside, [])], [1, 2])
  assert.deepEqual([priorityRankMax(release, all), priorityRankMax(release, inside)], [1, 2])
})

test('a plan counts in place of the exposure, the highest of several, and a role without one does not matter', () => {
  const { release, all, inside } = released(...PLANS)
  const ranks = [[], ['reader'], ['free'], ['free', 'gold'], ['gold', 'free'], ['gone']].map((roles) => [
    priorityRank(release, all, roles),
    priorityRank(release, inside, roles),
  ])
  assert.deepEqual(ranks, [
    [1, 2],
    [1, 2],
    [0, 0],
    [3, 3],
    [3, 3],
    [1, 2],
  ])
})

test('before anybody is proven, a caller may have the highest plan, unless the route asks for no credential', () => {
  const { release, all } = released(...PLANS)
  assert.equal(priorityRankMax(release, all), 3)
  const anybody = compiled(route('all', '/', { exposure: 'public' }), open('p', environment), ...PLANS)
  const [open1] = anybody.routes.values()
  assert.ok(open1 !== undefined)
  assert.equal(priorityRankMax(anybody, open1), 1)
})
