/**
 * What an agent tells of its limits: in metrics, in its state, and in records.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRelease, startAgent } from '#agent/testing/agent.ts'
import { sendRaw } from '#agent/testing/raw-client.ts'
import { startService } from '#agent/testing/service.ts'

const GET = 'GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n'

const limit = (name: string, spec: object) => ({
  kind: 'policy',
  name,
  spec: { type: 'limit', on: { environment: true }, key: ['address'], ...spec },
})

test('what became of requests at limits is told in metrics, in the state and in records', async () => {
  await using service = await startService()
  const objects = [
    ...openRelease(service.url),
    limit('at-a-time', { algorithm: 'concurrency', requests: 5 }),
    limit('silent', { algorithm: 'sliding_window', requests: 1, window_ms: 60_000, shadow: true }),
    limit('traffic', { algorithm: 'quota', bytes: 1_000_000, period: 'day' }),
    limit('two', { requests: 2, window_ms: 3_600_000 }),
  ]
  await using agent = await startAgent({ objects, settings: { adminListen: { host: '127.0.0.1', port: 0 } } })
  const statuses: number[] = []
  for (let time = 0; time < 3; time++) statuses.push((await sendRaw(agent.http, GET)).status)
  assert.deepEqual(statuses, [200, 200, 429])

  const metrics = await (await fetch(`${agent.app.adminUrl}/metrics`)).text()
  const counted = (policy: string, outcome: string): string | undefined =>
    metrics
      .split('\n')
      .find((line) => line.includes(`headgate_limit_policy="${policy}",headgate_limit_outcome="${outcome}"`))
      ?.split(' ')
      .at(-1)
  assert.deepEqual(
    [
      counted('two', 'taken'),
      counted('two', 'refused'),
      counted('silent', 'shadow_exceeded'),
      counted('silent', 'taken'),
    ],
    ['2', '1', '1', '1'],
  )
  for (const algorithm of ['rate', 'sliding_window', 'quota']) {
    assert.match(metrics, new RegExp(`headgate_limit_counters{headgate_limit_algorithm="${algorithm}"} 1\n`))
  }
  assert.match(metrics, /headgate_limit_counters\{headgate_limit_algorithm="concurrency"\} 0\n/)
  assert.match(metrics, /headgate_limit_evicted_total\{headgate_limit_algorithm="rate"\} 0\n/)
  assert.match(metrics, /headgate_limit_overflowed_total\{headgate_limit_algorithm="concurrency"\} 0\n/)

  const state = (await (await fetch(`${agent.app.adminUrl}/state`)).json()) as { limits: unknown[] }
  assert.deepEqual(state.limits[0], {
    algorithm: 'rate',
    counters_in_use: 1,
    counters_evicted: 0,
    requests_overflowed: 0,
  })

  assert.deepEqual(
    agent.records[1]?.limits.map(({ policy, algorithm, unit, exceeded, shadow }) => [
      policy,
      algorithm,
      unit,
      exceeded,
      shadow,
    ]),
    [
      ['at-a-time', 'concurrency', 'requests', false, false],
      ['silent', 'sliding_window', 'requests', true, true],
      ['traffic', 'quota', 'bytes', false, false],
      ['two', 'rate', 'requests', false, false],
    ],
  )
})
