import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceStep } from './decision.ts'
import { describe, traceStop } from './trace.ts'

test('a stop is followed by every later gate of the decision, once', () => {
  const steps: TraceStep[] = []
  traceStop({ trace: (step) => void steps.push(step) }, 'identity', 'why')
  assert.deepEqual(
    steps.map(({ gate, outcome, detail }) => [gate, outcome, detail]),
    [
      ['identity', 'stopped', 'why'],
      ['access', 'not_reached', ''],
      ['limit', 'not_reached', ''],
    ],
  )
})

test('a stop says what was needed and what was had, when that can be said', () => {
  assert.equal(describe.stop('No', [], []), 'No')
  assert.equal(describe.stop('No', ['a', 'b'], []), 'No. Needed: a, b. Had: none')
})
