import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CompiledLimit, LimitDemand } from '@headgate/core'
import { createLocalLimits } from './local.ts'

function limit(changed: Partial<CompiledLimit> = {}): CompiledLimit {
  return {
    policy: 'per-minute',
    origin: '',
    id: 'production/per-minute',
    requests: 2,
    windowMs: 60_000,
    burst: 2,
    key: ['consumer'],
    ...changed,
  }
}

const demand = (key: string, of = limit()): LimitDemand => ({ limit: of, key })

function table(keysMax = 1_000) {
  const time = { nowMs: 0 }
  return { time, limits: createLocalLimits(keysMax, () => time.nowMs) }
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
  const wide = limit({ policy: 'wide', id: 'production/wide', requests: 10, burst: 10 })
  const both = [demand('a'), demand('a', wide)]
  for (let time = 0; time < 5; time++) limits.take('env_1', both)
  const left = limits.take('env_1', [demand('a', wide)])
  assert.equal(left.kind === 'taken' && left.states[0]?.remaining, 7)
})

test('the table never holds more than its bound, whoever comes', () => {
  const { limits } = table(1_000)
  for (let caller = 0; caller < 50_000; caller++) limits.take('env_1', [demand(`caller ${caller}`)])
  assert.ok(limits.size <= 1_000, `${limits.size}`)
  assert.equal(limits.evicted, 49_000)
})

test('counters that are whole again make room before counters that are in use', () => {
  const { limits, time } = table(100)
  for (let caller = 0; caller < 50; caller++) limits.take('env_1', [demand(`idle ${caller}`)])
  time.nowMs = 50_000
  for (let caller = 0; caller < 50; caller++) {
    limits.take('env_1', [demand(`busy ${caller}`)])
    limits.take('env_1', [demand(`busy ${caller}`)])
  }
  // The idle ones are whole at 30,000 ms.
  for (let caller = 0; caller < 50; caller++) limits.take('env_1', [demand(`new ${caller}`)])
  assert.equal(limits.evicted, 0)
  assert.equal(limits.take('env_1', [demand('busy 0')]).kind, 'exceeded')
})

test('the table shrinks when callers have gone', () => {
  const { limits, time } = table(100_000)
  for (let caller = 0; caller < 10_000; caller++) limits.take('env_1', [demand(`caller ${caller}`)])
  time.nowMs = 120_000
  for (let caller = 0; caller < 20_000; caller++) limits.take('env_1', [demand(`later ${caller}`)])
  assert.ok(limits.size <= 20_000, `${limits.size}`)
})

test('a full table still counts every limit of one request', () => {
  const { limits } = table(2)
  const both = (key: string) => [demand(key), demand(key, limit({ policy: 'other', id: 'production/other' }))]
  limits.take('env_1', both('a'))
  for (const key of ['b', 'b']) assert.equal(limits.take('env_1', both(key)).kind, 'taken')
  assert.equal(limits.take('env_1', both('b')).kind, 'exceeded')
  assert.equal(limits.size, 2)
})
