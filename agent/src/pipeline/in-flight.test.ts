import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@headgate/kit/clock.ts'
import { InFlight, Watched } from './in-flight.ts'

const WALL_MS = 1_750_000_000_000

class Request extends Watched {
  readonly startedMs: number
  readonly looks: number[] = []
  onLook = (): void => {}

  constructor(startedMs: number) {
    super()
    this.startedMs = startedMs
  }

  look(nowMs: number): void {
    this.looks.push(nowMs)
    this.onLook()
  }
}

/** Its own timer does nothing within a test: time stands still until it is passed. */
function watch(): { inFlight: InFlight & Disposable; pass: (ms: number) => void } {
  let nowMs = 10_000
  const clock: Clock = {
    now: () => WALL_MS + nowMs,
    monotonic: () => nowMs,
    sleep: async () => await Promise.resolve(),
  }
  const inFlight = new InFlight(clock)
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 200) {
      nowMs += 200
      inFlight.lookOn()
    }
  }
  return { inFlight, pass }
}

for (const count of [1, 2, 9, 10, 11, 1_000]) {
  test(`of ${count} requests each is looked at once in two seconds`, () => {
    const { inFlight, pass } = watch()
    using _ = inFlight
    const requests = Array.from({ length: count }, () => new Request(0))
    for (const request of requests) inFlight.add(request)
    pass(2_000)
    for (const { looks } of requests) assert.ok(looks.length >= 1)
    // Less than a slice of one is one.
    assert.ok(count < 10 || requests.every(({ looks }) => looks.length <= 2))
    pass(2_000)
    for (const { looks } of requests) assert.ok(looks.length >= 2)
  })
}

test('what has just begun is not looked at, and is a second later', () => {
  const { inFlight, pass } = watch()
  using _ = inFlight
  const request = new Request(10_000)
  inFlight.add(request)
  pass(800)
  assert.equal(request.looks.length, 0)
  pass(400)
  assert.deepEqual(request.looks[0], WALL_MS + 11_000)
})

test('requests leave while they are looked at, and in any order', () => {
  const { inFlight, pass } = watch()
  using _ = inFlight
  const requests = Array.from({ length: 100 }, () => new Request(0))
  for (const request of requests) {
    inFlight.add(request)
    request.onLook = () => inFlight.remove(request)
  }
  for (const index of [0, 50, 99, 1, 98]) {
    const request = requests[index]
    assert.ok(request !== undefined)
    inFlight.remove(request)
    inFlight.remove(request)
  }
  assert.equal(inFlight.size, 95)
  pass(20_000)
  assert.equal(inFlight.size, 0)
  assert.deepEqual(
    requests.map(({ looks }) => looks.length),
    requests.map((_request, index) => ([0, 50, 99, 1, 98].includes(index) ? 0 : 1)),
  )
  const late = new Request(0)
  inFlight.add(late)
  pass(2_000)
  assert.ok(late.looks.length > 0)
})
