import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Timed, Wheel } from './wheel.ts'

class Entry extends Timed {
  readonly #wheel: Wheel
  readonly expiredAtMs: number[] = []
  onExpired = (): void => {}

  constructor(wheel: Wheel) {
    super()
    this.#wheel = wheel
  }

  override expired(): void {
    this.expiredAtMs.push(this.#wheel.nowMs)
    this.onExpired()
  }
}

function createClock(): { wheel: Wheel; pass: (ms: number) => void } {
  let nowMs = 1_000
  const wheel = new Wheel(() => nowMs)
  wheel[Symbol.dispose]()
  const pass = (ms: number): void => {
    for (let passed = 0; passed < ms; passed += 10) {
      nowMs += 10
      wheel.turn()
    }
  }
  return { wheel, pass }
}

test('a deadline comes a little late and never early, however far it is', () => {
  for (const ms of [0, 1, 49, 50, 51, 1_000, 12_799, 12_800, 12_801, 60_000, 300_000]) {
    const { wheel, pass } = createClock()
    const entry = new Entry(wheel)
    wheel.set(entry, ms)
    pass(ms + 1_000)
    assert.equal(entry.expiredAtMs.length, 1, String(ms))
    const late = (entry.expiredAtMs[0] ?? 0) - 1_000 - ms
    assert.ok(late >= 0 && late <= 110, `${ms} came ${late} late`)
  }
})

test('a deadline can be put off, brought forward and taken back', () => {
  const { wheel, pass } = createClock()
  const [off, forward, back, gone] = [new Entry(wheel), new Entry(wheel), new Entry(wheel), new Entry(wheel)]
  wheel.set(off, 100)
  wheel.set(off, 5_000)
  wheel.set(forward, 60_000)
  wheel.set(forward, 100)
  wheel.set(back, 100)
  wheel.clear(back)
  wheel.set(gone, 100)
  wheel.remove(gone)
  pass(1_000)
  assert.deepEqual(
    [off, forward, back, gone].map(({ expiredAtMs }) => expiredAtMs.length),
    [0, 1, 0, 0],
  )
  pass(10_000)
  assert.deepEqual(
    [off, forward, back, gone].map(({ expiredAtMs }) => expiredAtMs.length),
    [1, 1, 0, 0],
  )
})

test('what expires may take others out of the wheel, put them in, and come again', () => {
  const { wheel, pass } = createClock()
  const entries = Array.from({ length: 10 }, () => new Entry(wheel))
  for (const [index, entry] of entries.entries()) {
    wheel.set(entry, 100)
    entry.onExpired = () => {
      const neighbour = entries[(index + 1) % 10]
      if (neighbour !== undefined && index % 2 === 1) wheel.remove(neighbour)
      if (index % 3 === 0) wheel.set(entry, 200)
    }
  }
  pass(2_000)
  const again = new Entry(wheel)
  again.onExpired = () => wheel.set(again, 100)
  wheel.set(again, 100)
  pass(2_000)
  assert.ok(again.expiredAtMs.length >= 10)
})

test('after a long pause everything that is due comes at once', () => {
  let nowMs = 0
  const wheel = new Wheel(() => nowMs)
  wheel[Symbol.dispose]()
  const entries = Array.from({ length: 300 }, () => new Entry(wheel))
  for (const [index, entry] of entries.entries()) wheel.set(entry, index * 50)
  nowMs = 3_600_000
  wheel.turn()
  assert.ok(entries.every(({ expiredAtMs }) => expiredAtMs.length === 1))
})
