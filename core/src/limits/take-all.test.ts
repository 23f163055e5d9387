import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CompiledLimit } from '#core/compile.ts'
import type { LimitDemand } from '#core/decision.ts'
import { plainLimit } from './plain-limit.ts'
import { demandKey, takeAll } from './take-all.ts'

const NOW_MS = 1_800_000_000_000

function limit(policy: string, burst: number): CompiledLimit {
  const id = `acme/production/${policy}`
  return plainLimit({ policy, id, amount: burst, windowMs: 86_400_000, burst, key: ['consumer'] })
}
const demand = (policy: string, burst: number, key = 'c1:x;'): LimitDemand => ({
  limit: limit(policy, burst),
  key,
  cost: 1,
})

function counter() {
  const stored = new Map<string, number>()
  const take = (...demands: readonly LimitDemand[]) =>
    takeAll(
      demands,
      NOW_MS,
      (one) => stored.get(demandKey(one)) ?? 0,
      (one, tatMs) => void stored.set(demandKey(one), tatMs),
    )
  return { stored, take }
}

test('all limits are taken from, and their states are in the order of the demands', () => {
  const { take, stored } = counter()
  const taken = take(demand('b', 2), demand('a', 5))
  assert.equal(taken.kind, 'taken')
  assert.deepEqual(taken.kind === 'taken' && taken.states.map(({ policy, remaining }) => [policy, remaining]), [
    ['b', 1],
    ['a', 4],
  ])
  assert.deepEqual([...stored.keys()], ['acme/production/b c1:x;', 'acme/production/a c1:x;'])
})

test('a request that one limit refuses takes nothing from the others', () => {
  const { take, stored } = counter()
  take(demand('wide', 100), demand('tight', 1))
  const before = new Map(stored)
  const refused = take(demand('wide', 100), demand('tight', 1))
  assert.deepEqual(stored, before)
  assert.ok(refused.kind === 'exceeded')
  assert.equal(refused.exceeded, 1)
  assert.deepEqual(
    refused.states.map(({ remaining, retryAfterMs }) => [remaining, retryAfterMs > 0]),
    [
      [99, false],
      [0, true],
    ],
  )
})

test('of several limits that refuse the first is named', () => {
  const { take } = counter()
  take(demand('a', 1), demand('b', 1))
  const refused = take(demand('wide', 9), demand('a', 1), demand('b', 1))
  assert.ok(refused.kind === 'exceeded' && refused.exceeded === 1)
})

test('limits and keys are counted apart', () => {
  const { take } = counter()
  for (const one of [demand('a', 1), demand('b', 1), demand('a', 1, 'c1:y;')]) assert.equal(take(one).kind, 'taken')
  assert.equal(take(demand('a', 1)).kind, 'exceeded')
})

test('no demand is always met', () => {
  assert.deepEqual(counter().take(), { kind: 'taken', states: [] })
})

test('a limit admits its burst, whatever is asked together with it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }), (bursts) => {
      const { take } = counter()
      const demands = bursts.map((burst, index) => demand(`l${index}`, burst))
      const passed = Array.from({ length: 12 }, () => take(...demands)).filter(({ kind }) => kind === 'taken').length
      assert.equal(passed, Math.min(...bursts))
    }),
  )
})

test('two demands have the same key only when limit and key are the same', () => {
  assert.equal(demandKey(demand('a', 1)), demandKey(demand('a', 2)))
  assert.notEqual(demandKey(demand('a', 1)), demandKey(demand('a', 1, 'c1:y;')))
})
