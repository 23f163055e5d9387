import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledLimit, compile, type LimitDemand, limitState, plainLimit } from '@headgate/core'
import { openRelease } from '#agent/testing/agent.ts'
import { LimitCounts } from './limit-counts.ts'

const ENVIRONMENT = 'env_1'
const limit = (policy: string, changed: Partial<CompiledLimit> = {}): CompiledLimit =>
  plainLimit({ policy, id: `acme/production/${policy}`, ...changed })
const demand = (of: CompiledLimit): LimitDemand => ({ limit: of, key: 'a', cost: 1 })
const state = (of: CompiledLimit, allowed: boolean) =>
  limitState(of, { allowed, remaining: 0, resetMs: 0, retryAfterMs: 0 })

const [wide, narrow, silent] = [limit('wide'), limit('narrow'), limit('silent', { shadow: true })]
const demands = [wide, narrow, silent].map(demand)

function counted(counts: LimitCounts): unknown {
  return Object.fromEntries(
    Array.from(counts.all, ({ policy, taken, refused, shadow_exceeded: shadow, unavailable }) => [
      policy,
      [taken, refused, shadow, unavailable],
    ]),
  )
}

function someCounts(): LimitCounts {
  const counts = new LimitCounts()
  const states = [state(wide, true), state(narrow, true), state(silent, false)]
  counts.count(ENVIRONMENT, demands, { kind: 'taken', states })
  counts.count(ENVIRONMENT, demands, { kind: 'exceeded', states, exceeded: 1 })
  counts.count(ENVIRONMENT, demands, { kind: 'unavailable', limit: 0 })
  return counts
}

test('each limit that a request passes is counted, of the others the one that refused it or could not be checked', () => {
  assert.deepEqual(counted(someCounts()), { wide: [1, 0, 0, 1], narrow: [1, 1, 0, 0], silent: [0, 0, 1, 0] })
})

test('what threads have counted adds up, each of it once', () => {
  const [thread, total] = [someCounts(), new LimitCounts()]
  total.add(thread.news())
  total.add(thread.news())
  assert.deepEqual(counted(total), counted(thread))
  thread.count(ENVIRONMENT, demands, { kind: 'unavailable' })
  assert.deepEqual(thread.news(), [[`${ENVIRONMENT} wide`, [0, 0, 0, 1]]])
})

// Guards against counts that grow with every API key and every release.
test('limits of API keys count together, and policies that no live release has are forgotten', () => {
  const counts = someCounts()
  for (const name of ['one', 'other']) {
    const own = limit(name, { of: 'api_key' })
    counts.count(ENVIRONMENT, [demand(own)], { kind: 'taken', states: [state(own, true)] })
  }
  const spec = { type: 'limit', on: { environment: true }, requests: 1, window_ms: 1_000 }
  const objects = [...openRelease('http://127.0.0.1:1'), { kind: 'policy', name: 'wide', spec }]
  const input = { tenant: 'acme', environment: 'production', number: 1 }
  const compiled = compile({ ...input, objects: objects.map((object) => ({ ...object, origin: '' })) })
  assert.ok(compiled.kind === 'compiled')
  counts.retain([{ id: ENVIRONMENT, release: compiled.release, number: 1 }] as never)
  assert.deepEqual(counted(counts), { wide: [1, 0, 0, 1], '': [2, 0, 0, 0] })
})
