/**
 * What requests teach about an address, on a clock of the test.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Wheel } from '#agent/http/wheel.ts'
import { Outlier } from './outlier.ts'

const passive = { failures: 3, windowMs: 1_000, statuses: [503], ejectMs: 1_000, ejectedMaxPercent: 50 }

function start(mayEject = true): { outlier: Outlier; pass: (ms: number) => void; changes: string[] } & Disposable {
  let nowMs = 100_000
  const wheel = new Wheel(() => nowMs)
  wheel[Symbol.dispose]()
  const changes: string[] = []
  const owner = {
    passive,
    mayEject: () => mayEject,
    changed: ({ state, onTrial }: Outlier) => void changes.push(`${state}${onTrial ? ' on trial' : ''}`),
  }
  return {
    outlier: new Outlier(wheel, owner),
    changes,
    pass: (ms) => {
      for (let passed = 0; passed < ms; passed += 50) {
        nowMs += 50
        wheel.turn()
      }
    },
    [Symbol.dispose]: () => {},
  }
}

/** How long it stays away, in milliseconds. */
function awayMs({ outlier, pass }: ReturnType<typeof start>): number {
  let ms = 0
  for (; outlier.state !== 'used' && ms < 60_000; ms += 50) pass(50)
  return ms
}

test('failures in a row eject, a success between them does not let them', () => {
  using fake = start()
  const { outlier } = fake
  for (const good of [false, false, true, false, false]) {
    if (good) outlier.succeeded()
    else outlier.failed()
  }
  assert.equal(outlier.state, 'used')
  outlier.failed()
  assert.equal(outlier.state, 'failing')
})

test('failures with long pauses between them do not add up', () => {
  using fake = start()
  for (let time = 0; time < 10; time++) {
    fake.outlier.failed()
    fake.pass(1_100)
  }
  assert.equal(fake.outlier.state, 'used')
})

test('an address that cannot be reached is left alone at once, whatever the bound for others', () => {
  using fake = start(false)
  fake.outlier.unreachable()
  assert.deepEqual([fake.outlier.state, fake.outlier.ejections], ['unreachable', 1])
})

test('nobody is ejected beyond the bound', () => {
  using fake = start(false)
  for (let time = 0; time < 20; time++) fake.outlier.failed()
  assert.deepEqual([fake.outlier.state, fake.changes], ['used', []])
})

test('each time takes twice as long as the one before, up to eight times, and trying well starts anew', () => {
  using fake = start()
  const { outlier } = fake
  const times: number[] = []
  for (let time = 0; time < 6; time++) {
    outlier.unreachable()
    times.push(Math.round(awayMs(fake) / 1_000))
  }
  assert.deepEqual(times, [1, 2, 4, 8, 8, 8])
  outlier.succeeded()
  fake.pass(9_000)
  outlier.unreachable()
  assert.equal(Math.round(awayMs(fake) / 1_000), 1)
})

test('on trial the first failure ejects again, and the first success ends it; each change is told once', () => {
  using fake = start()
  const { outlier, changes } = fake
  outlier.unreachable()
  outlier.unreachable()
  awayMs(fake)
  outlier.failed()
  awayMs(fake)
  outlier.succeeded()
  outlier.succeeded()
  assert.deepEqual(changes, ['unreachable on trial', 'used on trial', 'failing on trial', 'used on trial', 'used'])
})

test('whatever happens, it comes back by itself', () => {
  const event = fc.constantFrom('failed', 'succeeded', 'unreachable', 'reachable', 'pass')
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      using fake = start()
      for (const each of events) {
        if (each === 'pass') fake.pass(300)
        else fake.outlier[each]()
      }
      assert.ok(awayMs(fake) <= 8_200)
      assert.equal(fake.outlier.state, 'used')
    }),
    { seed: 7, numRuns: 200 },
  )
})
