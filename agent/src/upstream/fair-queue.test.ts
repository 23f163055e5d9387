import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serviceReference } from '#agent/testing/upstream.ts'
import { createFakeUpstreams, FakeRequest } from '#agent/upstream/testing/fake-upstreams.ts'
import { FairQueue } from './fair-queue.ts'

const service = serviceReference(['http://127.0.0.1:80'])

function waiting(address: string): FakeRequest {
  const request = new FakeRequest(service, 0)
  request.address = address
  return request
}

/** Callers of these addresses, in order of arrival, a millisecond apart. */
function queueOf(addresses: string): { queue: FairQueue; callers: FakeRequest[] } {
  const queue = new FairQueue()
  const callers = addresses.split('').map(waiting)
  for (const [index, caller] of callers.entries()) queue.push(caller, index)
  return { queue, callers }
}

function served(queue: FairQueue): string {
  let order = ''
  for (let next = queue.shift(); next !== null; next = queue.shift()) order += next.address
  return order
}

test('addresses are served in turn, and who came first within one is served first', () => {
  const { queue, callers } = queueOf('aaaabbc')
  assert.equal(queue.size, 7)
  assert.equal(queue.shift(), callers[0])
  assert.equal(queue.shift(), callers[4])
  assert.equal(queue.shift(), callers[6])
  assert.equal(queue.shift(), callers[1])
  assert.equal(served(queue), 'baa')
  assert.deepEqual([queue.size, queue.shift()], [0, null])
})

test('one who comes behind a crowd of another address is served next but one', () => {
  const { queue } = queueOf(`${'a'.repeat(1_000)}b`)
  assert.ok(served(queue).startsWith('aba'))
})

test('who leaves is forgotten, wherever it waits, and only once', () => {
  const { queue, callers } = queueOf('aab')
  const [first, second, third] = callers
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  assert.deepEqual([queue.remove(second), queue.remove(second), queue.remove(waiting('a'))], [true, false, false])
  assert.deepEqual([queue.remove(first), queue.size, served(queue)], [true, 1, 'b'])
})

test('the last one of the longest line gives way to an address of which fewer wait, and not to its own kind', () => {
  const { queue, callers } = queueOf('aaabb')
  assert.equal(queue.giveWay('a'), null)
  assert.equal(queue.giveWay('b'), null)
  assert.deepEqual([queue.givesWay('b'), queue.givesWay('c')], [false, true])
  assert.equal(queue.giveWay('c'), callers[2])
  assert.equal(queue.giveWay('c'), callers[1])
  assert.deepEqual([queue.size, queue.giveWay('b')], [3, null])
})

test('who has waited too long is found in every line', () => {
  const { queue, callers } = queueOf('abab')
  assert.deepEqual([queue.takeWaitingSince(1), queue.takeWaitingSince(1)], [callers[0], callers[1]])
  assert.deepEqual([queue.takeWaitingSince(1), queue.size], [null, 2])
})

// Guards against one address that takes every connection and every place in the queue.
test('a crowd that fills connections and queue does not keep another address out', () => {
  using fake = createFakeUpstreams(['http://127.0.0.1:80'], {}, { connectionsMax: 4, queueMax: 8 })
  const crowd = Array.from({ length: 20 }, () => fake.begin({ address: 'a' }))
  fake.settle()
  assert.equal(crowd.filter(({ end }) => end === 'upstream_overloaded').length, 8)
  const other = fake.begin({ address: 'b' })
  // The last one that waited gave way.
  assert.deepEqual([other.end, crowd[11]?.end, crowd[10]?.end], [null, 'upstream_overloaded', null])
  for (let answered = 0; answered < 2; answered++) {
    const [first] = crowd.filter(({ end, connection }) => end === null && connection !== null)
    if (first !== undefined) fake.answer(first)
  }
  assert.ok(other.connection !== null)
})

test('who holds up more connections than its share is let go soon when another address waits, and others later', () => {
  using fake = createFakeUpstreams(['http://127.0.0.1:80'], {}, { connectionsMax: 4 })
  const crowd = Array.from({ length: 3 }, () => fake.begin({ address: 'a' }))
  const alone = fake.begin({ address: 'b' })
  fake.settle()
  fake.pass(1_000)
  for (const request of [...crowd, alone]) request.stalledSinceMs = 1_001_000
  const waiting = Array.from({ length: 4 }, () => fake.begin({ address: 'c' }))
  fake.pass(400)
  assert.deepEqual(
    [...crowd, alone].map(({ end }) => end),
    ['upstream_failed', 'upstream_failed', 'upstream_failed', null],
  )
  fake.settle()
  assert.deepEqual(
    waiting.map(({ connection }) => connection !== null),
    [true, true, true, false],
  )
  fake.pass(500)
  assert.equal(alone.end, null)
})
