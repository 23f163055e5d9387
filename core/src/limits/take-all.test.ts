import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CompiledLimit } from '#core/compile.ts'
import type { LimitDemand } from '#core/decision.ts'
import { plainLimit } from './plain-limit.ts'
import { memoryStore } from './memory-store.ts'
import { demandKey } from './store.ts'
import { takeAll } from './take-all.ts'

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
  const store = memoryStore(() => NOW_MS)
  const take = (...demands: readonly LimitDemand[]) => takeAll(demands, store)
  const left = (one: LimitDemand): number => store.peek(one).remaining
  return { store, take, left }
}

test('all limits are taken from, and their states are in the order of the demands', () => {
  const { take, left } = counter()
  const taken = take(demand('b', 2), demand('a', 5))
  assert.equal(taken.kind, 'taken')
  assert.deepEqual(taken.kind === 'taken' && taken.states.map(({ policy, remaining }) => [policy, remaining]), [
    ['b', 1],
    ['a', 4],
  ])
  assert.deepEqual([left(demand('b', 2)), left(demand('a', 5))], [1, 4])
})

test('a request that one limit refuses takes nothing from the others', () => {
  const { take, left } = counter()
  take(demand('wide', 100), demand('tight', 1))
  const refused = take(demand('wide', 100), demand('tight', 1))
  assert.equal(left(demand('wide', 100)), 99)
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

const shadowOf = (one: LimitDemand): LimitDemand => ({ ...one, limit: { ...one.limit, shadow: true } })

test('a shadow limit refuses nobody, and says when it would have', () => {
  for (const others of [[], [demand('wide', 100)]]) {
    const { take } = counter()
    const demands = [shadowOf(demand('shadow', 1)), ...others]
    const [first, second] = [take(...demands), take(...demands)]
    assert.ok(first.kind === 'taken' && second.kind === 'taken')
    assert.deepEqual([first.states[0]?.exceeded, second.states[0]?.exceeded], [false, true])
    assert.deepEqual([first.states[0]?.shadow, second.states.length], [true, demands.length])
  }
})

test('a shadow limit is not taken from when another limit refuses', () => {
  const { take, left } = counter()
  const shadow = shadowOf(demand('shadow', 9))
  take(shadow, demand('tight', 1))
  const refused = take(shadow, demand('tight', 1))
  assert.ok(refused.kind === 'exceeded' && refused.exceeded === 1)
  assert.equal(left(shadow), 8)
})

test('a limit that cannot be counted is named, and nothing is taken from the others', () => {
  const { store, left } = counter()
  const broken = { ...store, take: (one: LimitDemand) => (one.limit.policy === 'broken' ? null : store.take(one)) }
  const wide = demand('wide', 9)
  assert.deepEqual(takeAll([wide, demand('broken', 1)], broken), { kind: 'unavailable', limit: 1 })
  assert.deepEqual(takeAll([demand('broken', 1)], broken), { kind: 'unavailable', limit: 0 })
  assert.equal(left(wide), 9)
  assert.equal(takeAll([shadowOf(demand('broken', 1))], broken).kind, 'taken')
  assert.equal(takeAll([wide, shadowOf(demand('broken', 1))], broken).kind, 'taken')
})

// Guards against a refusal that names no limit, because another thread was faster to give back.
test('the limit that refused says so, also where it has room again by then', () => {
  const { store } = counter()
  const quick = { ...store, peek: (one: LimitDemand) => ({ ...store.peek(one), exceeded: false, remaining: 1 }) }
  takeAll([demand('tight', 1)], quick)
  const refused = takeAll([demand('wide', 9), demand('tight', 1)], quick)
  assert.ok(refused.kind === 'exceeded')
  assert.deepEqual(
    refused.states.map(({ exceeded }) => exceeded),
    [false, true],
  )
})

const OF_EACH_KIND: readonly LimitDemand[] = [
  demand('rate', 3),
  { ...demand('window', 3), limit: { ...limit('window', 3), algorithm: 'sliding_window' } },
  { ...demand('places', 3), limit: { ...limit('places', 3), algorithm: 'concurrency', windowMs: 0 } },
  {
    ...demand('quota', 3),
    limit: { ...limit('quota', 3), algorithm: 'quota', calendar: { period: 'day', zone: 'UTC' } },
  },
]

test('limits of all algorithms are taken together or not at all, whichever of them refuses', () => {
  const kinds = fc.shuffledSubarray([...OF_EACH_KIND], { minLength: 1 })
  fc.assert(
    fc.property(fc.array(kinds, { maxLength: 30 }), (asked) => {
      const { take, left } = counter()
      const used = new Map<string, number>()
      for (const demands of asked) {
        const first = demands.findIndex((one) => (used.get(one.limit.policy) ?? 0) === 3)
        const taken = take(...demands)
        if (first !== -1)
          assert.deepEqual([taken.kind, taken.kind === 'exceeded' && taken.exceeded], ['exceeded', first])
        else {
          assert.equal(taken.kind, 'taken')
          for (const {
            limit: { policy },
          } of demands)
            used.set(policy, (used.get(policy) ?? 0) + 1)
        }
        for (const one of OF_EACH_KIND) assert.equal(left(one), 3 - (used.get(one.limit.policy) ?? 0))
      }
    }),
    { numRuns: 1_000 },
  )
})
