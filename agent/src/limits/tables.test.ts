/**
 * What happens when a table is full, for each algorithm, and what is kept of threads that end.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledLimit, type LimitDemand, plainLimit } from '@headgate/core'
import { createThreadHoldings, HeldTable } from './held-table.ts'
import { createLocalLimits } from './local.ts'
import { createLocalMemory, type CountersState, watchLocalMemory } from './memory.ts'

/** Some noon, in milliseconds since 1970-01-01 UTC. */
const NOON_MS = 1_800_014_400_000
const DAY_MS = 86_400_000

const WINDOW: Partial<CompiledLimit> = { algorithm: 'sliding_window' }
const PLACES: Partial<CompiledLimit> = { algorithm: 'concurrency', windowMs: 0 }
const QUOTA: Partial<CompiledLimit> = { algorithm: 'quota', calendar: { period: 'day', zone: 'UTC' } }

function demand(key: string | number, changed: Partial<CompiledLimit>): LimitDemand {
  const limit = plainLimit({ policy: 'two', id: 'acme/production/two', amount: 2, burst: 2, ...changed })
  return { limit, key: `${key}`, cost: 1 }
}

function rig(keysMax = 1) {
  const time = { ms: 0 }
  const clock = { now: () => NOON_MS + time.ms, monotonic: () => 1_000 + time.ms }
  const memory = createLocalMemory(keysMax)
  const watch = watchLocalMemory(memory, clock)
  const state = (algorithm: CountersState['algorithm']): CountersState => {
    const found = watch().find((each) => each.algorithm === algorithm)
    assert.ok(found !== undefined)
    return found
  }
  return { time, clock, memory, state, limits: createLocalLimits({ memory, clock }) }
}

for (const [name, algorithm, changed, overMs] of [
  ['window', 'sliding_window', WINDOW, 120_000],
  ['quota', 'quota', QUOTA, DAY_MS],
] as const) {
  test(`a full table of ${name}s gives up those that are over first, and says how many others it gave up`, () => {
    const { limits, time, state } = rig()
    const take = (key: string | number): string => limits.take('env_1', [demand(key, changed)]).kind
    for (let key = 0; key < 16; key++) take(`old ${key}`)
    assert.deepEqual([state(algorithm).inUse, state(algorithm).evicted], [16, 0])
    time.ms = overMs
    assert.equal(state(algorithm).inUse, 0)
    for (let key = 0; key < 16; key++) take(`new ${key}`)
    for (let key = 0; key < 16; key++) assert.equal(take(`new ${key}`), 'taken')
    assert.equal(state(algorithm).evicted, 0)
    take('one more')
    assert.deepEqual([state(algorithm).inUse, state(algorithm).evicted], [16, 1])
    const refused = Array.from({ length: 16 }, (_, key) => limits.take('env_1', [demand(`new ${key}`, changed)]).kind)
    assert.ok(refused.filter((kind) => kind === 'exceeded').length >= 14, refused.join())
  })

  test(`a window or period of a ${name} that is changed is counted anew, and one that is kept is counted on`, () => {
    const { limits } = rig(100)
    const take = (more: Partial<CompiledLimit>): string =>
      limits.take('env_1', [demand('a', { ...changed, ...more })]).kind
    assert.deepEqual([take({}), take({ amount: 2 }), take({ amount: 2 })], ['taken', 'taken', 'exceeded'])
    assert.equal(take({ amount: 3 }), 'taken')
    const other: Partial<CompiledLimit> =
      algorithm === 'quota' ? { calendar: { period: 'month', zone: 'UTC' } } : { windowMs: 30_000 }
    assert.equal(take(other), 'taken')
  })

  test(`bytes of a ${name} may be charged beyond what its counter could hold one by one`, () => {
    const { limits } = rig(100)
    const amount = 1e15
    const bytes: LimitDemand = { ...demand('a', { ...changed, unit: 'bytes', amount, burst: amount }), cost: 0 }
    const left = (): number => {
      const taken = limits.take('env_1', [bytes])
      return taken.kind === 'unavailable' ? -1 : (taken.states[0]?.remaining ?? -1)
    }
    assert.equal(left(), amount)
    limits.settle('env_1', [bytes], amount / 2)
    // What passes is rounded up to steps of a five-hundred-millionth.
    assert.ok(Math.abs(left() - amount / 2) <= amount / 2 ** 28, `${left()}`)
    limits.settle('env_1', [bytes], amount)
    assert.equal(limits.take('env_1', [bytes]).kind, 'exceeded')
  })
}

test('places that are held are never given up: a request that finds none free cannot be checked', () => {
  const { limits, state } = rig()
  const take = (key: string): string => limits.take('env_1', [demand(key, PLACES)]).kind
  for (let key = 0; key < 16; key++) assert.equal(take(`${key}`), 'taken')
  assert.equal(take('one more'), 'unavailable')
  assert.deepEqual(state('concurrency'), { algorithm: 'concurrency', inUse: 16, evicted: 0, overflowed: 1 })
  assert.equal(take('3'), 'taken')
  assert.equal(take('3'), 'exceeded')
  limits.settle('env_1', [demand('7', PLACES)], 0)
  assert.equal(take('one more'), 'taken')
})

test('a shadow limit whose places cannot be counted refuses nobody, and says so', () => {
  const { limits } = rig()
  for (let key = 0; key < 16; key++) limits.take('env_1', [demand(key, PLACES)])
  assert.equal(limits.take('env_1', [demand('one more', { ...PLACES, shadow: true })]).kind, 'taken')
})

test('what a thread held that has ended is given back, and nothing of others', () => {
  const { memory, clock } = rig(1_000)
  const [mine, theirs] = [createThreadHoldings(), createThreadHoldings()]
  const [here, there] = [mine, theirs].map((holdings) => createLocalLimits({ memory, clock, holdings }))
  assert.ok(here !== undefined && there !== undefined)
  const place = [demand('a', PLACES)]
  assert.equal(here.take('env_1', place).kind, 'taken')
  assert.equal(there.take('env_1', place).kind, 'taken')
  assert.equal(here.take('env_1', place).kind, 'exceeded')
  new HeldTable(memory.held, null).giveBackAll(theirs)
  assert.equal(here.take('env_1', place).kind, 'taken')
  assert.equal(here.take('env_1', place).kind, 'exceeded')
  // What nobody holds is not given back.
  createLocalLimits({ memory, clock }).settle('env_1', place, 0)
  assert.equal(here.take('env_1', place).kind, 'exceeded')
})
