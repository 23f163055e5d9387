/**
 * What several threads know of services, as one.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeStates, type ServiceState, targetGauges, type TargetState } from './state.ts'

function target(address: string, changed: Partial<TargetState> = {}): TargetState {
  const usual = { zone: null, health: 'usable', warmth: 1, requests: 1, connections: 2, ejections: 0 } as const
  return { target: 'http://shop.test', address, ...usual, ...changed }
}

const NONE_SHED = { low: 0, normal: 0, high: 0, critical: 0 }
const OPEN = { state: 'open', limit: null, waiting: 2, baseline_ms: 8, shed: NONE_SHED } as const

function service(...targets: readonly TargetState[]): ServiceState {
  const counts = { requests: 3, pending: 1, connections: 4, retries: 5, overloaded: 6, concurrency: OPEN }
  return { environmentId: 'env_1', service: 'shop', panic: false, ...counts, targets }
}

test('counts of threads add up, and the worst that one of them knows is told', () => {
  const one = service(target('10.0.0.1'), target('10.0.0.2', { ejections: 1 }))
  const other = { ...service(target('10.0.0.1', { health: 'unreachable', warmth: 0.5, ejections: 2 })), panic: true }
  assert.deepEqual(mergeStates([[one], [other], []]), [
    {
      environmentId: 'env_1',
      service: 'shop',
      panic: true,
      requests: 6,
      pending: 2,
      connections: 8,
      retries: 10,
      overloaded: 12,
      concurrency: { ...OPEN, waiting: 4 },
      targets: [
        target('10.0.0.1', { health: 'unreachable', warmth: 0.5, requests: 2, connections: 4, ejections: 2 }),
        target('10.0.0.2', { ejections: 1 }),
      ],
    },
  ])
  assert.deepEqual(mergeStates([[one]]), [one])
  assert.deepEqual(mergeStates([]), [])
})

// An address would make a new series for each new machine.
test('gauges go by target and not by address', () => {
  const states = [service(target('10.0.0.1'), target('10.0.0.2'), target('10.0.0.3', { health: 'failing' }))]
  const { targetAddresses, targetRequests } = targetGauges(states)
  assert.deepEqual(
    targetAddresses.map(({ health, count }) => [health, count]),
    [
      ['usable', 2],
      ['failing', 1],
    ],
  )
  assert.deepEqual(
    targetRequests.map(({ environmentId, service: name, target: url, count }) => [environmentId, name, url, count]),
    [['env_1', 'shop', 'http://shop.test', 3]],
  )
})
