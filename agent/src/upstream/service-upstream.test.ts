/**
 * One service over time: who gets its requests, who is left alone, and what it may take. On a clock of the test.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFakeUpstreams, type FakeUpstreams } from '#agent/upstream/testing/fake-upstreams.ts'
import { createLog } from '@headgate/kit/log.ts'
import type { Resolved } from './names.ts'

const ONE = '10.0.0.1'
const TWO = '10.0.0.2'
const THREE = '10.0.0.3'
const URLS = [ONE, TWO, THREE].map((address) => `http://${address}:8080`)

/** Who has answered so many requests, in numbers; 0 is left out. */
function spread(fake: FakeUpstreams, times: number, everyMs = 0): Record<string, number> {
  const counts: Record<string, number> = {}
  for (let time = 0; time < times; time++) {
    const answered = fake.ask()
    counts[answered] = (counts[answered] ?? 0) + 1
    if (everyMs > 0) fake.pass(everyMs)
  }
  return counts
}

const healthOf = (fake: FakeUpstreams): readonly string[] => fake.state().targets.map(({ health }) => health)

test('targets get their share by weight', () => {
  const targets = [1, 2, 5].map((weight, index) => ({ url: URLS[index], weight }))
  using fake = createFakeUpstreams([], { targets })
  assert.deepEqual(spread(fake, 80), { [ONE]: 10, [TWO]: 20, [THREE]: 50 })
})

test('the addresses of a name share its weight', async () => {
  const resolve = async (): Promise<Resolved> => await Promise.resolve({ addresses: [ONE, TWO], ttlMs: 60_000 })
  using fake = createFakeUpstreams(['http://shop.test', URLS[2] ?? ''], {}, { resolve })
  await sleep(1)
  assert.deepEqual(spread(fake, 80), { [ONE]: 20, [TWO]: 20, [THREE]: 40 })
})

test('the first request waits for the address of its target, and does not fail', async () => {
  const { promise, resolve } = Promise.withResolvers<Resolved | null>()
  using fake = createFakeUpstreams(['http://shop.test'], {}, { resolve: async () => await promise })
  const requests = [fake.begin(), fake.begin()]
  assert.deepEqual(healthOf(fake), ['unresolved'])
  resolve({ addresses: [ONE], ttlMs: 60_000 })
  await sleep(1)
  fake.settle()
  for (const request of requests) {
    fake.answer(request)
    assert.deepEqual([request.end, request.status], ['answered', 200])
  }
})

test('where a name has no address, requests fail at once, and another target takes over', async () => {
  const resolve = async (): Promise<null> => await Promise.resolve(null)
  using fake = createFakeUpstreams(['http://shop.test'], {}, { resolve })
  await sleep(1)
  const request = fake.begin()
  await sleep(1)
  assert.equal(request.end, 'upstream_unreachable')
  const failure = { unreachable: true, sent: false, reset: false, timedOut: false, repeatable: true }
  assert.ok(request.target !== null)
  assert.equal(fake.again(request.target, failure), null, 'nobody asks the same name twice')
  fake.use({}, 'http://shop.test', `http://${TWO}`)
  assert.deepEqual(spread(fake, 3), { [TWO]: 3 })
})

test('a name that moves takes its requests along, and those in flight are finished where they are', async () => {
  let address = ONE
  const resolve = async (): Promise<Resolved> => await Promise.resolve({ addresses: [address], ttlMs: 0 })
  using fake = createFakeUpstreams(['http://shop.test'], {}, { resolve })
  await sleep(1)
  const inFlight = fake.begin()
  fake.settle()
  address = TWO
  for (let waited = 0; waited < 2_000 && fake.state().targets[0]?.address !== TWO; waited++) {
    // A clock of the test, and a question that the system's timer asks: a fault makes it ask at once.
    await sleep(10)
  }
  assert.equal(fake.ask(), TWO)
  fake.answer(inFlight)
  assert.equal(inFlight.end, 'answered')
})

test('an address that cannot be reached costs one attempt, and is tried again by one request later', () => {
  using fake = createFakeUpstreams(URLS)
  fake.down.add(ONE)
  assert.deepEqual(spread(fake, 30)[ONE], undefined)
  assert.equal(fake.connected.filter(({ host }) => host === ONE).length, 1)
  assert.deepEqual(healthOf(fake), ['unreachable', 'usable', 'usable'])
  fake.pass(5_200)
  fake.down.clear()
  const trial = Array.from({ length: 9 }, () => fake.begin())
  fake.settle()
  assert.equal(fake.connected.filter(({ host }) => host === ONE).length, 2)
  for (const request of trial) fake.answer(request)
  assert.ok((spread(fake, 30)[ONE] ?? 0) >= 9)
})

test('answers that are failures in a row leave a target alone, and good ones between them do not', () => {
  using fake = createFakeUpstreams(URLS)
  fake.statuses.set(ONE, 503)
  spread(fake, 15)
  assert.deepEqual(healthOf(fake), ['failing', 'usable', 'usable'])
  assert.equal(spread(fake, 30)[ONE], undefined)
  // What a request is guilty of says nothing about the target.
  fake.statuses.set(TWO, 500)
  spread(fake, 30)
  assert.deepEqual(healthOf(fake), ['failing', 'usable', 'usable'])
})

test('at most the share that is allowed is left alone for bad answers', () => {
  using fake = createFakeUpstreams(URLS, { health: { passive: { ejected_max_percent: 40 } } })
  for (const address of [ONE, TWO, THREE]) fake.statuses.set(address, 503)
  spread(fake, 90)
  assert.equal(healthOf(fake).filter((health) => health === 'failing').length, 1)
  using off = createFakeUpstreams(URLS, { health: { passive: { ejected_max_percent: 0 } } })
  off.statuses.set(ONE, 503)
  spread(off, 90)
  assert.deepEqual(healthOf(off), ['usable', 'usable', 'usable'])
})

test('when too few are left, all are used', () => {
  using fake = createFakeUpstreams(URLS, { health: { panic_percent: 50 } })
  fake.down.add(ONE).add(TWO)
  spread(fake, 10)
  assert.equal(fake.state().panic, true)
  fake.down.clear()
  assert.ok((spread(fake, 30)[ONE] ?? 0) > 5)
})

test('a target that is the only one is asked, however badly it does', () => {
  using fake = createFakeUpstreams([URLS[0] ?? ''])
  fake.down.add(ONE)
  spread(fake, 5)
  fake.down.clear()
  assert.equal(fake.ask(), ONE)
})

test('a target that comes back gets a growing share', () => {
  using fake = createFakeUpstreams(URLS.slice(0, 2), { balancing: { slow_start_ms: 10_000 } })
  assert.deepEqual(spread(fake, 20), { [ONE]: 10, [TWO]: 10 })
  // Until kept connections have ended.
  fake.pass(5_000)
  fake.down.add(ONE)
  spread(fake, 4)
  fake.down.clear()
  fake.pass(5_200)
  const shares = Array.from({ length: 6 }, () => (spread(fake, 40, 50)[ONE] ?? 0) / 40)
  assert.ok((shares[0] ?? 1) < 0.2, shares.join(' '))
  assert.ok(
    shares.every((share, index) => share >= (shares[index - 1] ?? 0)),
    shares.join(' '),
  )
  assert.equal(shares.at(-1), 0.5)
})

test('the zone of the agent is preferred, and others are used when it has no room', () => {
  const targets = ['eu-1', 'eu-1', 'eu-2'].map((zone, index) => ({ url: URLS[index], zone }))
  const spec = { targets, balancing: { zone_preference: {} } }
  using fake = createFakeUpstreams([], spec, { zone: 'eu-1', connectionsMax: 2, queueMax: 0 })
  assert.deepEqual(spread(fake, 20), { [ONE]: 10, [TWO]: 10 })
  const many = Array.from({ length: 6 }, () => fake.begin())
  fake.settle()
  assert.ok(many.every(({ connection }) => connection !== null))
  assert.equal(fake.connected.filter(({ host }) => host === THREE).length, 2)
  assert.equal(fake.begin().end, 'upstream_overloaded')
})

test('the same consumer, address or header goes to the same target', () => {
  const spec = (hash_on: string) => ({ balancing: { algorithm: 'consistent_hash', hash_on } })
  for (const [on, heads] of [
    ['consumer', ['a', 'b', 'c', 'd', 'e'].map((consumer) => [{}, consumer] as const)],
    ['address', ['1', '2', '3', '4', '5'].map((end) => [{ address: `192.0.2.${end}` }, null] as const)],
    ['header:x-user', ['a', 'b', 'c', 'd', 'e'].map((user) => [{ header: () => [user] }, null] as const)],
  ] as const) {
    using fake = createFakeUpstreams(URLS, spec(on))
    const first = heads.map(([head, consumer]) => fake.ask(head, consumer))
    assert.ok(new Set(first).size > 1, on)
    for (let time = 0; time < 3; time++)
      assert.deepEqual(
        heads.map(([head, consumer]) => fake.ask(head, consumer)),
        first,
      )
  }
})

test('a breaker bounds requests, connections and those that wait, over all targets', () => {
  using requests = createFakeUpstreams(URLS, { breaker: { requests_max: 2 } })
  const [first] = [requests.begin(), requests.begin()]
  assert.equal(requests.begin().end, 'upstream_overloaded')
  requests.settle()
  assert.ok(first !== undefined)
  requests.answer(first)
  assert.equal(requests.begin().end, null)

  using connections = createFakeUpstreams(URLS.slice(0, 1), { breaker: { connections_max: 1, pending_max: 1 } })
  const [holds, waits, refused] = [connections.begin(), connections.begin(), connections.begin()]
  connections.settle()
  assert.deepEqual([holds?.end, waits?.end, refused?.end], [null, null, 'upstream_overloaded'])
  assert.ok(holds !== undefined && waits !== undefined)
  connections.answer(holds)
  connections.answer(waits)
  assert.deepEqual([waits.end, connections.state().connections, connections.state().overloaded], ['answered', 1, 0])
})

test('an idle connection to one target makes room for one to another', () => {
  using fake = createFakeUpstreams(URLS, { breaker: { connections_max: 1 } })
  assert.deepEqual(spread(fake, 9), { [ONE]: 3, [TWO]: 3, [THREE]: 3 })
  assert.equal(fake.state().connections, 1)
})

test('who waits for a connection is told so after a bounded time', () => {
  using fake = createFakeUpstreams(URLS.slice(0, 1), {}, { connectionsMax: 1 })
  const holds = fake.begin()
  fake.settle()
  const waits = fake.begin()
  fake.pass(900)
  assert.equal(waits.end, null)
  fake.pass(400)
  assert.deepEqual([waits.end, holds.end], ['upstream_overloaded', null])
  assert.equal(fake.state().pending, 0)
})

test('what is in flight is counted exactly, whatever happens to it', () => {
  using fake = createFakeUpstreams(URLS, {}, { connectionsMax: 2, queueMax: 2 })
  const requests = Array.from({ length: 12 }, () => fake.begin())
  fake.down.add(TWO)
  fake.settle()
  for (const request of requests) {
    if (request.end === null && request.connection !== null) fake.answer(request)
    else if (request.end === null) request.target?.leave(request)
  }
  fake.settle()
  fake.pass(2_000)
  const { requests: inFlight, pending, targets } = fake.state()
  assert.deepEqual([inFlight, pending, targets.map((target) => target.requests)], [0, 0, [0, 0, 0]])
  fake.pass(10_000)
  assert.equal(fake.state().connections, 0)
})

test('a request that takes too long in all ends, whatever has come of its response', () => {
  using fake = createFakeUpstreams(URLS.slice(0, 1), { request_timeout_ms: 1_000 })
  const request = fake.begin()
  fake.pass(600)
  fake.settle()
  fake.pass(300)
  assert.equal(request.end, null)
  fake.pass(200)
  assert.equal(request.end, 'upstream_timeout')
  assert.equal(fake.ask(), ONE)
  fake.pass(2_000)
  assert.equal(fake.ask(), ONE, 'a connection that rests has no deadline')
})

// An outage must not be doubled by us.
test('second attempts are at most their share of the requests, in the long run', () => {
  for (const [percent, most] of [
    [10, 0.2],
    [0, 0],
    [50, 0.6],
  ] as const) {
    using fake = createFakeUpstreams(URLS, { retries: { budget_percent: percent }, health: { panic_percent: 100 } })
    for (const address of [ONE, TWO, THREE]) fake.down.add(address)
    for (let time = 0; time < 1_000; time++) fake.ask()
    const extra = fake.connected.length / 1_000 - 1
    assert.ok(extra <= most && (percent === 0 || extra > percent / 200), `${percent} %: ${extra}`)
    assert.equal(fake.state().retries, fake.connected.length - 1_000)
  }
})

test('a release that changes weights keeps connections and what is known; one that changes TLS does not', () => {
  using fake = createFakeUpstreams(URLS)
  fake.down.add(ONE)
  spread(fake, 9)
  const before = fake.connected.length
  fake.use({ targets: URLS.map((url, index) => ({ url, weight: index + 1 })) })
  assert.deepEqual(spread(fake, 10), { [TWO]: 4, [THREE]: 6 })
  assert.equal(fake.connected.length, before)
  assert.deepEqual(healthOf(fake), ['unreachable', 'usable', 'usable'])
  fake.use({ protocol: 'http2' })
  assert.deepEqual(healthOf(fake), ['usable', 'usable', 'usable'])
})

test('nothing is said of a target that is gone', () => {
  let logged = ''
  const log = createLog({ name: 'test', level: 'debug', destination: { write: (line) => void (logged += line) } })
  using fake = createFakeUpstreams(URLS, {}, { log })
  const late = fake.begin()
  fake.down.add(ONE)
  fake.use({}, ...URLS.slice(1))
  fake.settle()
  assert.equal(late.end, 'upstream_unreachable')
  assert.equal(logged, '')
  fake.down.add(TWO)
  spread(fake, 3)
  assert.match(logged, /a target is left alone/)
})

test('a service that is gone from all releases has no connections, and those in flight are finished', () => {
  using fake = createFakeUpstreams(URLS)
  spread(fake, 3)
  const inFlight = fake.begin()
  fake.settle()
  fake.upstreams.retain([])
  fake.answer(inFlight)
  assert.deepEqual([inFlight.end, fake.upstreams.state()], ['answered', []])
})
