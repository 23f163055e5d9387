import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledLimit, type LimitDemand, plainLimit, type Taken } from '@headgate/core'
import { createLimits } from './limits.ts'
import { createLocalLimits } from './local.ts'
import { createLocalMemory } from './memory.ts'
import { LimitCounts } from '#agent/telemetry/limit-counts.ts'
import type { SharedLimits } from './port.ts'

const CLOCK = { now: () => 1_800_000_000_000, monotonic: () => 1_000 }

function demand(policy: string, changed: Partial<CompiledLimit> = {}): LimitDemand {
  const limit = plainLimit({ policy, id: `acme/production/${policy}`, amount: 2, burst: 2, ...changed })
  return { limit, key: 'a', cost: 1 }
}
const shared = (policy: string, changed: Partial<CompiledLimit> = {}): LimitDemand =>
  demand(policy, { shared: { mode: 'each', onFailure: 'closed' }, ...changed })
const whenAway = (onFailure: 'local_share' | 'open' | 'closed'): Partial<CompiledLimit> => ({
  shared: { mode: 'leased', onFailure },
})

/** A store that counts like an agent, and answers later. */
function rig() {
  const asked: string[][] = []
  const store = createLocalLimits({ memory: createLocalMemory(1_000), clock: CLOCK })
  let answer: ((taken: Taken) => Taken) | null = null
  const fake: SharedLimits = {
    take: async (environmentId, demands) => {
      asked.push(demands.map(({ limit }) => limit.policy))
      const taken = store.take(environmentId, demands)
      return answer === null ? taken : answer(taken)
    },
    settle: (...args) => store.settle(...args),
    giveBack: (...args) => store.giveBack(...args),
  }
  const counts = new LimitCounts()
  const local = createLocalLimits({ memory: createLocalMemory(1_000), clock: CLOCK })
  return {
    limits: createLimits(local, fake, counts),
    alone: createLimits(local, null, counts),
    local,
    asked,
    answerWith: (next: (taken: Taken) => Taken) => void (answer = next),
  }
}

const remaining = (taken: Taken): readonly number[] =>
  taken.kind === 'unavailable' ? [] : taken.states.map((state) => state.remaining)

test('local limits are answered at once, and the store is not asked', () => {
  const { limits, asked } = rig()
  const taken = limits.take('env_1', [demand('mine')])
  assert.ok(!(taken instanceof Promise))
  assert.deepEqual([taken.kind, remaining(taken), asked], ['taken', [1], []])
})

test('states are in the order of the demands, whoever counts them', async () => {
  const { limits, asked } = rig()
  const demands = [shared('a', { amount: 9, burst: 9 }), demand('b'), shared('c'), demand('d', { amount: 5, burst: 5 })]
  const taken = await limits.take('env_1', demands)
  assert.deepEqual([taken.kind, remaining(taken), asked], ['taken', [8, 1, 1, 4], [['a', 'c']]])
})

test('a request that a local limit refuses takes nothing from the store', async () => {
  const { limits, asked } = rig()
  const both = [shared('theirs', { amount: 9, burst: 9 }), demand('mine', { amount: 1, burst: 1 })]
  await limits.take('env_1', both)
  const refused = await limits.take('env_1', both)
  assert.ok(refused.kind === 'exceeded' && refused.exceeded === 1)
  assert.equal(asked.length, 1)
  assert.deepEqual(remaining(await limits.take('env_1', [shared('theirs', { amount: 9, burst: 9 })])), [7])
})

test('a request that the store refuses, or cannot check, takes nothing from local limits', async () => {
  const { limits, answerWith } = rig()
  const wide = demand('mine', { amount: 9, burst: 9 })
  const both = [wide, shared('theirs', { amount: 1, burst: 1 })]
  await limits.take('env_1', both)
  const refused = await limits.take('env_1', both)
  assert.ok(refused.kind === 'exceeded' && refused.exceeded === 1)
  answerWith(() => ({ kind: 'unavailable', limit: 0 }))
  assert.deepEqual(await limits.take('env_1', both), { kind: 'unavailable', limit: 1 })
  assert.deepEqual(remaining(await limits.take('env_1', [wide])), [7])
})

// Guards against a place that is given back although another request holds it.
test('a shadow limit without room is not given back', async () => {
  const { limits, local } = rig()
  const place = demand('places', { algorithm: 'concurrency', windowMs: 0, amount: 1, burst: 1, shadow: true })
  local.take('env_1', [place])
  await limits.take('env_1', [place, shared('theirs', { amount: 1, burst: 1 })])
  const refused = await limits.take('env_1', [place, shared('theirs', { amount: 1, burst: 1 })])
  assert.equal(refused.kind, 'exceeded')
  const held = local.take('env_1', [{ ...place, limit: { ...place.limit, shadow: false } }])
  assert.equal(held.kind, 'exceeded')
})

test('without a store, a shared limit is counted here, not at all, or cannot be checked', () => {
  const { alone } = rig()
  const take = (...demands: readonly LimitDemand[]) => alone.take('env_1', demands) as Taken
  const here = demand('here', whenAway('local_share'))
  assert.deepEqual([take(here).kind, take(here).kind, take(here).kind], ['taken', 'taken', 'exceeded'])
  const open = demand('open', whenAway('open'))
  assert.deepEqual([take(open), take(open), take(open)].map(remaining), [[2], [2], [2]])
  const closed = demand('closed', whenAway('closed'))
  assert.deepEqual(take(demand('mine'), closed), { kind: 'unavailable', limit: 1 })
  assert.deepEqual(remaining(take(demand('mine'))), [1])
})

test('a shadow limit that cannot be checked refuses nobody', () => {
  const { alone } = rig()
  const taken = alone.take('env_1', [demand('closed', { ...whenAway('closed'), shadow: true })]) as Taken
  assert.equal(taken.kind, 'taken')
})

test('what a request held is given back to whoever counted it', async () => {
  const { limits } = rig()
  const places = { algorithm: 'concurrency', windowMs: 0, amount: 1, burst: 1 } as const
  const both = [demand('mine', places), shared('theirs', places)]
  assert.equal((await limits.take('env_1', both)).kind, 'taken')
  assert.equal((await limits.take('env_1', both)).kind, 'exceeded')
  limits.settle('env_1', both, 0)
  assert.equal((await limits.take('env_1', both)).kind, 'taken')
})
