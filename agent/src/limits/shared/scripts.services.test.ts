/**
 * The scripts next to the arithmetic of core, on a real Redis with a clock of the test's own.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { type CompiledLimit, type LimitDemand, memoryStore, plainLimit, takeAll } from '@headgate/core'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { pushArgs, readMark, readState, redisKey, slotTag } from './demand-args.ts'
import { createScripts, type Script } from './scripts.ts'

const url = process.env['REDIS_URL']
const NOW_MS = 1_800_000_000_000
const WINDOWS = [100, 1_000, 7_777, 60_000, 3_600_000] as const

/** Time is what a key says, so that both sides have the same. */
const scripts = createScripts(`local now = tonumber(redis.call('GET', 'hg-test-now'))\n`)

type Form = Pick<CompiledLimit, 'algorithm' | 'unit' | 'amount' | 'burst' | 'windowMs' | 'shadow' | 'calendar'>

const form: fc.Arbitrary<Form> = fc
  .record({
    algorithm: fc.constantFrom('rate', 'sliding_window', 'quota', 'concurrency'),
    unit: fc.constantFrom('requests', 'requests', 'bytes'),
    amount: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 3_000_000 })),
    burst: fc.integer({ min: 1, max: 40 }),
    windowMs: fc.constantFrom(...WINDOWS),
    shadow: fc.constantFrom(false, false, false, true),
    calendar: fc.constantFrom(
      { period: 'day', zone: 'Europe/Berlin' } as const,
      {
        period: 'month',
        zone: 'America/New_York',
      } as const,
    ),
  })
  .map((made) => ({
    ...made,
    unit: made.algorithm === 'concurrency' ? 'requests' : made.unit,
    burst: made.algorithm === 'rate' ? made.burst : made.amount,
    calendar: made.algorithm === 'quota' ? made.calendar : null,
  }))

/** Steps: time goes on, then one of these. `which`: of the demands that are asked, as bits. */
const step = fc.record({
  afterMs: fc.oneof(
    fc.constant(0),
    fc.double({ min: 0, max: 400, noNaN: true }),
    fc.integer({ min: 0, max: 40_000_000 }),
  ),
  does: fc.constantFrom('take', 'take', 'take', 'take', 'charge', 'giveBack'),
  which: fc.integer({ min: 1, max: 15 }),
  cost: fc.constantFrom(1, 1, 1, 2, 5, 0),
})

test('scripts and core take, give back and charge alike, on random schedules of all algorithms', async (t) => {
  if (url === undefined) return t.skip('no Redis')
  const redis = new Redis(url)
  t.after(() => redis.disconnect())
  for (const script of Object.values(scripts)) await redis.script('LOAD', script.source)
  let nowMs = NOW_MS

  const schedules = fc.record({
    forms: fc.array(form, { minLength: 1, maxLength: 4 }),
    steps: fc.array(step, { minLength: 5, maxLength: 40 }),
  })
  const property = fc.asyncProperty(schedules, async ({ forms, steps }) => {
    const group = randomUUID()
    nowMs = NOW_MS
    const store = memoryStore(() => nowMs)
    const limits = forms.map((each, index) =>
      plainLimit({ ...each, policy: `p${index}`, id: `acme/production/p${index}` }),
    )
    let last: { demands: LimitDemand[]; marks: readonly string[] } | null = null
    const run = async (
      script: Script,
      demands: readonly LimitDemand[],
      units: (demand: LimitDemand) => number,
      marks: readonly string[] | null,
    ) => {
      const args: (string | number)[] = ['holder', 0]
      for (const [index, demand] of demands.entries())
        pushArgs(args, demand.limit, units(demand), marks?.[index] ?? null, nowMs)
      const keys = demands.map((demand) => redisKey(group, slotTag('env_1', demand), demand))
      const [, answer] = await Promise.all([
        redis.set('hg-test-now', nowMs),
        redis.evalsha(script.sha, keys.length, ...keys, ...args),
      ])
      return answer as readonly string[]
    }
    for (const { afterMs, does, which, cost } of steps) {
      // A place is not given back by time here: who holds it is told by its beats.
      nowMs += limits.some(({ algorithm }) => algorithm === 'concurrency') ? Math.min(afterMs, 100) : afterMs
      const asked = limits
        .filter((_, index) => ((which >> index) & 1) === 1)
        .map((limit) => ({
          limit,
          key: 'c3:abc;',
          cost: limit.algorithm === 'concurrency' ? 1 : limit.unit === 'bytes' ? 0 : cost,
        }))
      if (asked.length === 0) continue
      if (does === 'take') {
        const expected = takeAll(asked, store)
        const answer = await run(scripts.take, asked, (demand) => demand.cost, null)
        assert.ok(expected.kind !== 'unavailable')
        const states = asked.map(({ limit }, index) => readState(limit, answer, index))
        assert.deepEqual(states, expected.states)
        last = expected.kind === 'taken' ? { demands: asked.filter(({ limit }) => !limit.shadow), marks: [] } : null
        if (last !== null)
          last = {
            demands: last.demands,
            marks: asked.flatMap(({ limit }, index) => (limit.shadow ? [] : [readMark(answer, index)])),
          }
      } else if (does === 'charge') {
        for (const demand of asked) if (demand.limit.algorithm !== 'concurrency') store.charge(demand, cost * 7)
        await run(scripts.charge, asked, () => cost * 7, null)
      } else if (last !== null && afterMs === 0) {
        for (const demand of last.demands) store.giveBack(demand)
        if (last.demands.length > 0) await run(scripts.giveBack, last.demands, (demand) => demand.cost, last.marks)
        last = null
      }
    }
    // Every key ends by itself.
    for (const demand of limits.map((limit) => ({ limit, key: 'c3:abc;', cost: 1 }))) {
      assert.notEqual(await redis.pttl(redisKey(group, slotTag('env_1', demand), demand)), -1)
    }
  })
  await fc.assert(property, { numRuns: Number(process.env['RUNS'] ?? 400) })
})
