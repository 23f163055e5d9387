import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledLimit, type LimitDemand, plainLimit } from '@headgate/core'
import { createLocalLimits } from './local.ts'
import { createLocalMemory, watchLocalMemory } from './memory.ts'

function limit(changed: Partial<CompiledLimit> = {}): CompiledLimit {
  const plain = { policy: 'per-minute', id: 'production/per-minute', amount: 2, burst: 2, key: ['consumer'] }
  return plainLimit({ ...plain, ...changed })
}

/** Some noon, in milliseconds since 1970-01-01 UTC. */
const NOW_MS = 1_800_014_400_000

const demand = (key: string, of = limit()): LimitDemand => ({ limit: of, key, cost: 1 })

function table(keysMax = 1_000) {
  const time = { nowMs: 0 }
  const memory = createLocalMemory(keysMax)
  const clock = { now: () => NOW_MS + time.nowMs, monotonic: () => time.nowMs }
  const rates = () => {
    const [state] = watchLocalMemory(memory, clock)()
    assert.ok(state !== undefined)
    return state
  }
  return { time, limits: createLocalLimits({ memory, clock }), rates }
}

test('a limit is counted per key, and comes back with time', () => {
  const { limits, time } = table()
  const take = (key: string): string => limits.take('env_1', [demand(key)]).kind
  assert.deepEqual([take('a'), take('a'), take('a'), take('b')], ['taken', 'taken', 'exceeded', 'taken'])
  time.nowMs = 30_000
  assert.deepEqual([take('a'), take('a')], ['taken', 'exceeded'])
})

// Guards against one tenant's traffic using up another's limit of the same name.
test('environments of the same name do not share counters', () => {
  const { limits } = table()
  for (let time = 0; time < 2; time++) limits.take('env_1', [demand('a')])
  assert.equal(limits.take('env_1', [demand('a')]).kind, 'exceeded')
  assert.equal(limits.take('env_2', [demand('a')]).kind, 'taken')
})

test('a request that one limit refuses takes nothing from the others', () => {
  const { limits } = table()
  const wide = limit({ policy: 'wide', id: 'production/wide', amount: 10, burst: 10 })
  const both = [demand('a'), demand('a', wide)]
  for (let time = 0; time < 5; time++) limits.take('env_1', both)
  const left = limits.take('env_1', [demand('a', wide)])
  assert.equal(left.kind === 'taken' && left.states[0]?.remaining, 7)
})

test('the table never holds more than its bound, whoever comes, and says what it gave up', () => {
  const { limits, rates } = table(1_000)
  for (let caller = 0; caller < 50_000; caller++) limits.take('env_1', [demand(`caller ${caller}`)])
  assert.ok(rates().inUse <= 2_048, `${rates().inUse}`)
  assert.equal(rates().evicted, 50_000 - rates().inUse)
})

test('as many counters as were asked for are kept, all of them in use', () => {
  const { limits, rates } = table(200_000)
  for (let caller = 0; caller < 200_000; caller++) limits.take('env_1', [demand(`10.0.${caller >> 8}.${caller & 255}`)])
  assert.ok(rates().evicted < 400, `${rates().evicted}`)
})

test('counters that are whole again make room before counters that are in use', () => {
  const { limits, time, rates } = table(1)
  for (let caller = 0; caller < 8; caller++) limits.take('env_1', [demand(`idle ${caller}`)])
  time.nowMs = 50_000
  for (let caller = 0; caller < 8; caller++) {
    limits.take('env_1', [demand(`busy ${caller}`)])
    limits.take('env_1', [demand(`busy ${caller}`)])
  }
  // The idle ones are whole at 30,000 ms.
  for (let caller = 0; caller < 8; caller++) limits.take('env_1', [demand(`new ${caller}`)])
  assert.equal(rates().evicted, 0)
  assert.equal(limits.take('env_1', [demand('busy 0')]).kind, 'exceeded')
  assert.equal(limits.take('env_1', [demand('new 0')]).kind, 'taken')
  assert.equal(limits.take('env_1', [demand('new 0')]).kind, 'exceeded')
})

test('the caller that loses its counter is the one that used least', () => {
  const { limits, rates } = table(1)
  const wide = limit({ amount: 10, burst: 10 })
  for (let caller = 0; caller < 16; caller++) limits.take('env_1', [demand(`once ${caller}`, wide)])
  for (let caller = 1; caller < 16; caller++) limits.take('env_1', [demand(`once ${caller}`, wide)])
  limits.take('env_1', [demand('new', wide)])
  assert.equal(rates().evicted, 1)
  const left = limits.take('env_1', [demand('once 1', wide)])
  assert.equal(left.kind === 'taken' && left.states[0]?.remaining, 7)
})

test('a full table still counts every limit of one request', () => {
  const { limits, rates } = table(1)
  const both = (key: string) => [demand(key), demand(key, limit({ policy: 'other', id: 'production/other' }))]
  for (let caller = 0; caller < 20; caller++) limits.take('env_1', both(`${caller}`))
  for (const key of ['b', 'b']) assert.equal(limits.take('env_1', both(key)).kind, 'taken')
  assert.equal(limits.take('env_1', both('b')).kind, 'exceeded')
  assert.equal(rates().inUse, 16)
})
