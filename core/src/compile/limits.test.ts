import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ObjectInput } from '#core/compile.ts'
import { environment, findingsOf, limit, open, route, shortFindings } from '#core/fakes/release.ts'

const limitFindings = (...objects: readonly ObjectInput[]): readonly string[] =>
  shortFindings(...objects).filter((text) => text.includes(' limit_') || text.includes(' reference_unknown'))

const shop = [
  route('out', '/out', { exposure: 'public' }),
  route('in', '/in', { exposure: 'internal' }),
  open('out-access', { route: 'out' }),
  open('in-access', { route: 'in' }),
]

test('a public route without a limit that refuses anybody is told, and an internal one needs none', () => {
  assert.deepEqual(limitFindings(...shop), ['warning limit_missing route/out'])
  const shadow = limit('l', environment, 5, { shadow: true })
  const inside = limit('m', environment, 5, { exposure: 'internal' })
  assert.deepEqual(limitFindings(...shop, shadow, inside), ['warning limit_missing route/out'])
  assert.deepEqual(limitFindings(...shop, limit('l', environment, 5, { exposure: 'public' })), [])
})

test('a public route that nobody may call needs no limit', () => {
  assert.deepEqual(limitFindings(route('out', '/out', { exposure: 'public' })), [])
})

test('a public route that admits more than internal ones of its service is told', () => {
  const both = (outside: number, inside: number, more = {}) =>
    limitFindings(
      ...shop,
      limit('outside', environment, outside, { exposure: 'public' }),
      limit('inside', environment, inside, { exposure: 'internal', ...more }),
    )
  assert.deepEqual(both(100, 50), ['warning limit_looser route/out'])
  assert.deepEqual(both(50, 50), [])
  // What is counted by something else cannot be compared.
  assert.deepEqual(both(100, 50, { key: ['service'] }), [])
  assert.deepEqual(both(100, 50, { shadow: true }), [])
})

test('of several limits the tightest is compared', () => {
  const limits = [
    limit('wide', environment, 1_000),
    limit('tight', environment, 10, { exposure: 'public' }),
    limit('inside', environment, 50, { exposure: 'internal' }),
  ]
  assert.deepEqual(limitFindings(...shop, ...limits), [])
})

test('a cost that is above what may come at once is refused', () => {
  const costly = (spec: object, cost = 11) =>
    limitFindings(...shop, limit('l', environment, 20, { costs: [{ methods: ['GET'], cost: 1 }, { cost }], ...spec }))
  assert.deepEqual(costly({ burst: 10 }), ['error limit_cost_too_high policy/l /costs/1/cost'])
  assert.deepEqual(costly({}), [])
  assert.deepEqual(costly({ algorithm: 'sliding_window' }, 21), ['error limit_cost_too_high policy/l /costs/1/cost'])
})

test('a cost of a route that is not there is refused', () => {
  const costs = [{ routes: ['in', 'gone'], cost: 2 }]
  assert.deepEqual(limitFindings(...shop, limit('l', environment, 20, { costs })), [
    'error reference_unknown policy/l /costs/0/routes/1',
  ])
})

test('every algorithm may be shared, and bytes too', () => {
  const shared = {}
  const period = { algorithm: 'quota', period: 'day', window_ms: undefined, shared }
  const errors = findingsOf(
    ...shop,
    limit('rate', environment, 5, { shared }),
    limit('window', environment, 5, { algorithm: 'sliding_window', shared }),
    limit('places', environment, 5, { algorithm: 'concurrency', window_ms: undefined, shared }),
    limit('quota', environment, 5, period),
    limit('bytes', environment, 5, { requests: undefined, bytes: 1_000, shared }),
  ).filter(({ severity }) => severity === 'error')
  assert.deepEqual(errors, [])
})
