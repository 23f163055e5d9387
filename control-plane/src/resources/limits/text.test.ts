import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CompiledLimit, errorBound, plainLimit } from '@headgate/core'
import { boundText } from './text.ts'

const textOf = (fields: Partial<CompiledLimit>, agents: number): string => {
  const limit = plainLimit({ burst: fields.amount ?? 1, ...fields })
  return boundText(limit, errorBound(limit, Math.max(1, agents)), agents)
}

const leased = { mode: 'leased', onFailure: 'local_share' } as const
const each = { mode: 'each', onFailure: 'open' } as const

test('a limit that each agent counts for itself is exact on each of them', () => {
  assert.equal(textOf({ amount: 1000 }, 4), 'Exactly 1000 per minute on each agent, which counts for itself')
})

test('the sentence holds the very numbers of the bound', () => {
  const limit = plainLimit({ amount: 1000, burst: 1000, shared: leased })
  const { over, whileAway } = errorBound(limit, 4)
  assert.ok(over > 0)
  assert.equal(
    textOf({ amount: 1000, shared: leased }, 4),
    `At most ${over} more than 1000 per minute over 4 agents; while Redis is away at most ${whileAway} more`,
  )
})

test('what happens without the store is said for each mode', () => {
  assert.match(textOf({ amount: 10, shared: each }, 2), /^Exactly 10 .*; while Redis is away there is no limit$/)
  const closed = { mode: 'each', onFailure: 'closed' } as const
  assert.match(textOf({ amount: 10, shared: closed }, 2), /; while Redis is away all are refused$/)
  assert.match(
    textOf({ amount: 1000, shared: { ...closed, mode: 'leased' } }, 2),
    /all are refused, but for 50 that were taken ahead$/,
  )
})

test('every algorithm and unit has its own words', () => {
  assert.match(textOf({ amount: 5, algorithm: 'sliding_window', windowMs: 90_000 }, 1), /5 in any 90 seconds /)
  assert.match(textOf({ amount: 5, algorithm: 'concurrency', windowMs: 0 }, 1), /5 at a time /)
  const calendar = { period: 'month', zone: 'UTC' } as const
  assert.match(textOf({ amount: 5, algorithm: 'quota', calendar }, 1), /5 per month /)
  assert.match(textOf({ amount: 5, unit: 'bytes', windowMs: 1_500 }, 1), /5 bytes per 1500 milliseconds .*on top$/)
})
