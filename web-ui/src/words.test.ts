import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Release } from './api.ts'
import { agoText, durationText, limitText, listText, releaseText, shareText } from './words.ts'

for (const [ms, text] of [
  [0, '0 ms'],
  [0.72, '0.7 ms'],
  [42.4, '42 ms'],
  [1_500, '1.5 s'],
  [600_000, '10 min'],
  [7_200_000, '2 h'],
  [2_592_000_000, '30 d'],
] as const) {
  test(`${ms} ms is written ${text}`, () => {
    assert.equal(durationText(ms), text)
  })
}

test('a list of words is a part of a sentence', () => {
  assert.deepEqual(
    [[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map((words) => listText(words, 'or')),
    ['', 'a', 'a or b', 'a, b or c'],
  )
})

test('how long ago never says more than it was', () => {
  const now = Date.parse('2026-11-24T08:00:00.000Z')
  for (const [at, text] of [
    ['2026-11-24T08:00:00.400Z', '1 s ago'],
    ['2026-11-24T07:58:10.000Z', '1 min ago'],
    ['2026-11-22T08:00:01.000Z', '1 d ago'],
    ['2026-08-24T08:00:00.000Z', '92 d ago'],
  ] as const) {
    assert.equal(agoText(at, now), text)
  }
})

test('a limit is written as requests and window', () => {
  const limit = { policy: 'orders', requests: 1_000, window_ms: 60_000, remaining: 1, reset_ms: 1, retry_after_ms: 0 }
  assert.equal(limitText(limit), '1,000 requests / 1 min')
})

test('a limit that is no rate of requests says what it counts, and how', () => {
  assert.deepEqual(
    [
      limitText({ algorithm: 'sliding_window', requests: 1, window_ms: 60_000 }),
      limitText({ algorithm: 'concurrency', requests: 20, window_ms: 0 }),
      limitText({ algorithm: 'quota', unit: 'bytes', requests: 7, window_ms: 25 * 3_600_000 }),
      limitText({ algorithm: 'quota', requests: 1_000, window_ms: 31 * 86_400_000 }),
    ],
    ['1 request in any 1 min', '20 requests at a time', '7 bytes per day', '1,000 requests per month'],
  )
})

test('a share that is not nothing is never written as nothing', () => {
  assert.equal(shareText(0, 0), '0 %')
  assert.equal(shareText(1, 100_000), '<0.1 %')
  assert.equal(shareText(1, 3), '33.3 %')
})

type State = Release['deliveries'][number]['state']

function release(...states: readonly State[]): Release {
  const deliveries = states.map((state, index) => {
    return { agent: `a-${index}`, group: 'g', region: '', state, release_number: 3, reasons: [] }
  })
  const at = '2026-11-24T08:12:03.120Z'
  const rest = { comment: '', rollback_of: null, created_by: 'mira', created_at: at, objects: 1, key_id: 'k' }
  return { id: 'rel_03', number: 3, live: true, ...rest, deliveries }
}

for (const [states, text, kind] of [
  [['live', 'live'], 'r3 live on 2 of 2', 'allowed'],
  [['live', 'pending'], 'r3 live on 1 of 2', 'limited'],
  [['live', 'unreachable'], 'r3 live on 1 of 2', 'limited'],
  [['live', 'refused', 'pending'], 'r3 live on 1 of 3, refused by 1', 'refused'],
  [[], 'r3, no agent serves it', 'none'],
] as const) {
  test(`a release that is ${states.join(', ') || 'nowhere'} reads “${text}”`, () => {
    assert.deepEqual(releaseText(release(...states)), { text, kind })
  })
}

test('no release reads as nothing published, never as live', () => {
  assert.deepEqual(releaseText(null), { text: 'Nothing published', kind: 'none' })
})
