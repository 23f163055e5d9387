import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { CompiledLimit } from '#core/compile.ts'
import type { LimitDemand } from '#core/decision.ts'
import { errorBound } from './error-bound.ts'
import { memoryStore } from './memory-store.ts'
import { plainLimit } from './plain-limit.ts'
import { leaseMs, leaseUnits, localShare } from './sharing.ts'

const NOW_MS = 1_800_000_000_000

const leased = { mode: 'leased', onFailure: 'local_share' } as const
const kinds = fc.constantFrom<CompiledLimit['algorithm']>('rate', 'sliding_window', 'quota', 'concurrency')
const limits = fc
  .record({
    algorithm: kinds,
    amount: fc.integer({ min: 1, max: 100_000 }),
    windowMs: fc.integer({ min: 100, max: 60_000 }),
  })
  .map(({ algorithm, amount, windowMs }) =>
    plainLimit({
      algorithm,
      amount,
      burst: amount,
      windowMs: algorithm === 'concurrency' ? 0 : windowMs,
      calendar: algorithm === 'quota' ? { period: 'day', zone: 'UTC' } : null,
      shared: leased,
    }),
  )
const groups = fc.integer({ min: 1, max: 200 })

test('a limit that is counted here, or by the store for each request, admits nothing above the model', () => {
  fc.assert(
    fc.property(limits, groups, (limit, agents) => {
      assert.deepEqual(errorBound({ ...limit, shared: null }, agents).over, 0)
      assert.deepEqual(errorBound({ ...limit, shared: { mode: 'each', onFailure: 'closed' } }, agents), {
        ...errorBound({ ...limit, shared: null }, agents),
        whileAway: 0,
      })
    }),
  )
})

test('taking ahead costs a twentieth at most, or one unit for each agent', () => {
  fc.assert(
    fc.property(limits, groups, (limit, agents) => {
      const { over, under } = errorBound(limit, agents)
      assert.ok(over <= Math.max(limit.amount / 20, agents))
      assert.ok(under >= 0 && under <= limit.amount)
      if (limit.algorithm === 'concurrency') assert.deepEqual([over, under], [0, 0])
    }),
  )
})

test('while the store is away there is no bound in open, and in closed only what was taken ahead', () => {
  fc.assert(
    fc.property(limits, groups, (limit, agents) => {
      const of = (onFailure: 'open' | 'closed' | 'local_share') =>
        errorBound({ ...limit, shared: { mode: 'leased', onFailure } }, agents)
      assert.equal(of('open').whileAway, null)
      assert.equal(of('closed').whileAway, of('closed').over)
      // With at least a unit for each agent, shares add up to no more than the limit.
      if (limit.amount >= agents) assert.equal(of('local_share').whileAway, of('local_share').over)
      else assert.ok((of('local_share').whileAway ?? Infinity) <= of('local_share').over + 2 * agents)
    }),
  )
})

test('shares of all agents are never more than the limit, but for one unit each', () => {
  fc.assert(
    fc.property(limits, groups, (limit, agents) => {
      const { amount } = localShare(limit, agents)
      assert.ok(amount >= 1 && amount * agents <= Math.max(limit.amount, agents))
    }),
  )
})

interface Step {
  readonly pauseMs: number
  readonly agent: number
}

/** Agents that take ahead from one store as sharing.ts says, in the plainest way. */
function group(limit: CompiledLimit, agents: number, now: () => number) {
  const store = memoryStore(now)
  const units = leaseUnits(limit, agents)
  const leases = Array.from({ length: agents }, () => ({ left: 0, endsMs: 0 }))
  return (agent: number): boolean => {
    const lease = leases[agent]
    assert.ok(lease !== undefined)
    if (now() >= lease.endsMs) lease.left = 0
    if (lease.left === 0) {
      const demand: LimitDemand = { limit, key: '', cost: 1 }
      const granted = Math.min(units, store.peek(demand).remaining)
      if (granted === 0 || store.take({ ...demand, cost: granted })?.exceeded !== false) return false
      Object.assign(lease, { left: granted, endsMs: now() + leaseMs(limit) })
    }
    lease.left--
    return true
  }
}

test('what agents that take ahead admit in any window is above the model by no more than the bound', () => {
  const steps = fc.array(fc.record({ pauseMs: fc.nat({ max: 60 }), agent: fc.nat({ max: 3 }) }), { maxLength: 300 })
  const shape = fc.record({
    algorithm: fc.constantFrom<CompiledLimit['algorithm']>('rate', 'sliding_window'),
    amount: fc.integer({ min: 1, max: 200 }),
    agents: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(shape, steps, ({ algorithm, amount, agents }, asked: readonly Step[]) => {
      const limit = plainLimit({ algorithm, amount, burst: amount, windowMs: 1_000, shared: leased })
      let nowMs = NOW_MS
      const take = group(limit, agents, () => nowMs)
      const passed: number[] = []
      // A rate admits a burst and what comes in a window meanwhile.
      const most = algorithm === 'rate' ? 2 * amount : amount
      for (const { pauseMs, agent } of asked) {
        nowMs += pauseMs
        if (take(agent % agents)) passed.push(nowMs)
        const within = passed.filter((atMs) => atMs > nowMs - limit.windowMs).length
        assert.ok(within <= most + errorBound(limit, agents).over)
      }
    }),
    { numRuns: 1_000 },
  )
})
