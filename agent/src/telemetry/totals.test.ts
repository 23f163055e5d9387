import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSlots } from './metrics.ts'
import { createCounterFeed, createTotals } from './totals.ts'

const request = fc.record({
  thread: fc.integer({ min: 0, max: 2 }),
  route: fc.constantFrom('a', 'b', ''),
  reason: fc.constantFrom('allowed', 'route_unknown'),
  status: fc.constantFrom(200, 404, 503),
  durationMs: fc.integer({ min: 0, max: 20_000 }),
  tells: fc.boolean(),
})

test('what threads say in parts adds up to what one thread would have counted', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
      const one = createSlots()
      const totals = createTotals()
      const threads = Array.from({ length: 3 }, () => {
        const slots = createSlots()
        return { slots, feed: createCounterFeed(slots) }
      })
      for (const { thread, route, reason, status, durationMs, tells } of requests) {
        one.count('env_1', route, reason, status, durationMs)
        one.countMalformed(reason)
        const at = threads[thread]
        at?.slots.count('env_1', route, reason, status, durationMs)
        at?.slots.countMalformed(reason)
        if (tells && at !== undefined) totals.add(structuredClone(at.feed()))
      }
      for (const { feed } of threads) totals.add(feed())
      const sorted = ({ all }: typeof totals | typeof one) => all.map((slot) => JSON.stringify(slot)).toSorted()
      assert.deepEqual(sorted(totals), sorted(one))
      assert.deepEqual(new Map(totals.malformed), new Map(one.malformed))
    }),
  )
})

test('who has nothing new says nothing', () => {
  const slots = createSlots()
  const feed = createCounterFeed(slots)
  slots.count('env_1', 'a', 'allowed', 200, 1)
  assert.deepEqual(feed().names, ['env_1 a allowed 2'])
  const credentials = { uses: [], decoys: [], dropped: 0 }
  const nothing = { names: [], numbers: new Float64Array(), events: [], malformed: [], credentials, limits: [] }
  assert.deepEqual(feed(), nothing)
})

test('what threads have noted of credentials comes together on the one that sends it', () => {
  const totals = createTotals()
  for (const [thread, id] of [
    [0, 'key_1'],
    [1, 'key_2'],
  ] as const) {
    const slots = createSlots()
    const use = { environmentId: 'env_1', credentialId: id, address: '::1', atMs: thread }
    slots.credentials.add({ uses: [use], decoys: [{ ...use, requestId: 'req' }], dropped: thread })
    const feed = createCounterFeed(slots)
    totals.add(structuredClone(feed()))
    totals.add(structuredClone(feed()))
  }
  const { uses, decoys, dropped } = totals.credentials.take()
  assert.deepEqual(
    [uses, decoys].map((notes) => notes.map(({ credentialId }) => credentialId)),
    [
      ['key_1', 'key_2'],
      ['key_1', 'key_2'],
    ],
  )
  assert.equal(dropped, 1)
})
