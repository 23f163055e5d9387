/**
 * The tables of each algorithm next to the arithmetic of core, on random schedules with a clock of their own.
 *
 * All schedules share one memory, as the callers of an agent do, and time goes on from one to the next.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type CompiledLimit, type LimitDemand, memoryStore, plainLimit, takeAll, type Taken } from '@headgate/core'
import { createLocalLimits } from './local.ts'
import { createLocalMemory } from './memory.ts'

const SCHEDULES = 10_000
/** Some noon, in milliseconds since 1970-01-01 UTC. */
const NOON_MS = 1_800_014_400_000

interface Step {
  readonly pauseMs: number
  readonly key: number
  readonly cost: number
  readonly act: 'take' | 'take back' | 'charge'
}

const amount = fc.integer({ min: 1, max: 12 })
const shapes: Readonly<Record<CompiledLimit['algorithm'], fc.Arbitrary<Partial<CompiledLimit>>>> = {
  rate: fc
    .record({ amount, windowMs: fc.integer({ min: 100, max: 5_000 }), burst: amount })
    .map((each) => ({ ...each, algorithm: 'rate' })),
  sliding_window: fc
    .record({ amount, windowMs: fc.integer({ min: 100, max: 5_000 }) })
    .map((each) => ({ ...each, burst: each.amount, algorithm: 'sliding_window' })),
  concurrency: amount.map((most) => ({ amount: most, burst: most, windowMs: 0, algorithm: 'concurrency' })),
  quota: fc
    .record({ amount, period: fc.constantFrom('day', 'month'), zone: fc.constantFrom('UTC', 'Europe/Berlin') })
    .map(({ amount: most, ...calendar }) => ({ amount: most, burst: most, algorithm: 'quota', calendar })),
}

const steps = (pauseMsMax: number): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      pauseMs: fc.integer({ min: 0, max: pauseMsMax }),
      key: fc.integer({ min: 0, max: 1 }),
      cost: fc.integer({ min: 0, max: 4 }),
      act: fc.constantFrom('take', 'take', 'take', 'take back', 'charge'),
    }),
    { minLength: 1, maxLength: 24 },
  )

/** What is asked twice is asked for one unit, so that what is left is seen. */
const seen = (taken: Taken): unknown =>
  taken.kind === 'unavailable'
    ? taken.kind
    : taken.states.map(({ remaining, resetMs, retryAfterMs, exceeded }) => ({
        remaining,
        resetMs,
        retryAfterMs,
        exceeded,
      }))

for (const [algorithm, shape] of Object.entries(shapes)) {
  test(`${algorithm}: the table answers as the arithmetic does, whatever is taken, given back and charged`, () => {
    // Whole milliseconds, so that nothing is rounded: the two clocks of the agent are one here.
    let nowMs = NOON_MS
    const clock = { now: () => nowMs, monotonic: () => nowMs }
    const limits = createLocalLimits({ memory: createLocalMemory(4 * SCHEDULES), clock })
    let schedule = 0
    fc.assert(
      fc.property(shape, fc.boolean(), steps(algorithm === 'quota' ? 20_000_000 : 700), (changed, isOfBytes, all) => {
        const id = `acme/production/${schedule++}`
        const limit = plainLimit({ policy: 'p', id, ...changed, unit: isOfBytes ? 'bytes' : 'requests' })
        const model = memoryStore(() => nowMs)
        for (const { pauseMs, key, cost, act } of all) {
          nowMs += pauseMs
          const taken = limit.algorithm === 'concurrency' ? 1 : isOfBytes ? 0 : cost
          const demand: LimitDemand = { limit, key: `${key}`, cost: taken }
          if (act === 'charge' && isOfBytes && limit.algorithm !== 'concurrency') {
            limits.settle('env_1', [demand], cost)
            model.charge(demand, cost)
            continue
          }
          const [here, there] = [limits.take('env_1', [demand]), takeAll([demand], model)]
          assert.deepEqual(seen(here), seen(there))
          if (act !== 'take back' || here.kind !== 'taken') continue
          limits.giveBack('env_1', [demand])
          model.giveBack(demand)
        }
      }),
      { numRuns: SCHEDULES },
    )
  })
}
