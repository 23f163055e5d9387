import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CompiledLimit } from '#core/compile.ts'
import { memoryStore } from './memory-store.ts'
import { plainLimit } from './plain-limit.ts'
import { settleAll } from './store.ts'

const NOW_MS = 1_800_000_000_000

const kinds: readonly CompiledLimit[] = [
  plainLimit({ id: 'rate', amount: 2, burst: 2 }),
  plainLimit({ id: 'window', algorithm: 'sliding_window', amount: 2 }),
  plainLimit({ id: 'places', algorithm: 'concurrency', amount: 2, windowMs: 0 }),
  plainLimit({ id: 'quota', algorithm: 'quota', amount: 2, calendar: { period: 'day', zone: 'UTC' } }),
]

for (const limit of kinds) {
  test(`${limit.algorithm}: as much as there is, a look takes nothing, and what is given back is there`, () => {
    const store = memoryStore(() => NOW_MS)
    const demand = { limit, key: 'a', cost: 1 }
    assert.deepEqual([store.take(demand)?.remaining, store.take(demand)?.remaining], [1, 0])
    assert.deepEqual([store.take(demand)?.exceeded, store.peek(demand).exceeded], [true, true])
    assert.equal(store.peek({ ...demand, key: 'b' }).remaining, 2)
    store.giveBack(demand)
    assert.deepEqual([store.peek(demand).remaining, store.peek(demand).exceeded], [1, false])
  })

  if (limit.algorithm === 'concurrency') continue
  test(`${limit.algorithm}: bytes are charged when the request has ended`, () => {
    const store = memoryStore(() => NOW_MS)
    const demand = { limit: { ...limit, unit: 'bytes' as const }, key: 'a', cost: 0 }
    assert.equal(store.take(demand)?.remaining, 2)
    settleAll([demand], 0, store)
    settleAll([demand], 5, store)
    assert.deepEqual([store.take(demand)?.exceeded, store.peek(demand).remaining], [true, 0])
  })
}

test('a place is given back when its request has ended, and nothing else is', () => {
  const store = memoryStore(() => NOW_MS)
  const demands = kinds.map((limit) => ({ limit, key: 'a', cost: 1 }))
  for (const demand of demands) store.take(demand)
  settleAll(demands, 100, store)
  assert.deepEqual(
    demands.map((demand) => store.peek(demand).remaining),
    [1, 1, 2, 1],
  )
})
