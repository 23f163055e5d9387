import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LockOuts, sourceOf } from './lock-out.ts'
import { createLimitMemory } from './table.ts'

interface Rig {
  readonly lockOuts: LockOuts
  /** Another thread's. */
  readonly other: LockOuts
  nowMs: number
}

function rig(failuresMax = 3, sourcesMax = 1_000): Rig {
  const rules = { failuresMax, lockedMsMax: 60_000 }
  const memory = createLimitMemory(sourcesMax)
  const made = { nowMs: 1_234.567 }
  const clock = (): number => made.nowMs
  return Object.assign(made, {
    lockOuts: new LockOuts(memory, rules, clock),
    other: new LockOuts(memory, rules, clock),
  })
}

const strike = (it: Rig, times = 1, address = '192.0.2.1'): void => {
  for (let time = 0; time < times; time++) it.lockOuts.strike('env_1', address)
}
const left = (it: Rig, address = '192.0.2.1'): number => it.lockOuts.lockedMs('env_1', address)

test('so many strikes are free, and each further one locks out for twice as long, up to a longest time', () => {
  const it = rig()
  strike(it, 3)
  assert.equal(left(it), 0)
  const times: number[] = []
  for (let index = 0; index < 9; index++) {
    strike(it)
    times.push(left(it))
    it.nowMs += left(it)
    assert.equal(left(it), 0)
  }
  assert.deepEqual(
    times.map((ms) => Math.round(ms / 1_000)),
    [1, 2, 4, 8, 16, 32, 60, 60, 60],
  )
})

test('while a source is locked out nothing adds to it, and it is told how long that lasts', () => {
  const it = rig()
  strike(it, 4)
  const before = left(it)
  assert.ok(before > 0)
  for (let index = 0; index < 100; index++) assert.equal(it.lockOuts.strike('env_1', '192.0.2.1'), before)
  assert.equal(left(it), before)
})

test('strikes are forgotten one by one', () => {
  const it = rig()
  strike(it, 3)
  it.nowMs += 18_000
  strike(it, 3)
  assert.equal(left(it), 0)
  strike(it)
  assert.ok(left(it) > 0)
})

test('threads count together; other sources and other environments are not touched', () => {
  const it = rig()
  strike(it, 2)
  it.other.strike('env_1', '192.0.2.1')
  it.other.strike('env_1', '192.0.2.1')
  assert.ok(left(it) > 0)
  assert.equal(left(it, '192.0.2.2'), 0)
  assert.equal(it.lockOuts.lockedMs('env_2', '192.0.2.1'), 0)
})

test('addresses of one IPv6 network are one source', () => {
  const it = rig()
  for (let index = 0; index < 4; index++) strike(it, 1, `2001:db8:0:1::${index}`)
  assert.ok(left(it, '2001:db8:0:1:ffff:ffff:ffff:ffff') > 0)
  assert.equal(left(it, '2001:db8:0:2::1'), 0)
})

for (const [address, source] of [
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2:3::', '2001:db8:1:2'],
] as const) {
  test(`${address} is of ${source}`, () => assert.equal(sourceOf(address), source))
}

const PREFIX = 'api_key hgk_production_AbCdEf'
/** Guesses from addresses of which each guesses once. */
function guess(it: Rig, times: number, prefix = PREFIX): void {
  for (let time = 0; time < times; time++) {
    const address = `198.51.100.${time}`
    if (it.lockOuts.strike('env_1', address) === 0) it.lockOuts.strikePrefix('env_1', prefix)
  }
}
const prefixLeft = (it: Rig, address: string, prefix = PREFIX): number =>
  it.lockOuts.prefixLockedMs('env_1', prefix, address)

test('what many guess at from different addresses is locked out after twice as many strikes, ever longer', () => {
  const it = rig()
  guess(it, 6)
  assert.equal(prefixLeft(it, '198.51.100.1'), 0)
  const times: number[] = []
  for (let index = 0; index < 8; index++) {
    it.lockOuts.strikePrefix('env_1', PREFIX)
    // Another bad one, so that the address has a strike that is not forgotten.
    strike(it, 1, '198.51.100.250')
    times.push(prefixLeft(it, '198.51.100.250'))
    it.nowMs += prefixLeft(it, '198.51.100.250')
  }
  assert.deepEqual(
    times.map((ms) => Math.round(ms / 1_000)),
    [1, 2, 4, 8, 16, 32, 60, 60],
  )
})

// Else anybody could shut a caller out by guessing at its credential.
test('the lock-out of a prefix keeps away addresses that sent something bad, and nobody else', () => {
  const it = rig()
  guess(it, 7)
  assert.ok(prefixLeft(it, '198.51.100.1') > 0)
  assert.equal(prefixLeft(it, '192.0.2.200'), 0)
  assert.equal(prefixLeft(it, '198.51.100.1', 'api_key hgk_production_Others'), 0)
  assert.equal(it.lockOuts.prefixLockedMs('env_2', PREFIX, '198.51.100.1'), 0)
  assert.ok(it.other.prefixLockedMs('env_1', PREFIX, '198.51.100.1') > 0)
})

test('one address alone locks itself out, and not what it guesses at', () => {
  const it = rig()
  const told: string[] = []
  const clock = (): number => it.nowMs
  const rules = { failuresMax: 20, lockedMsMax: 60_000 }
  const lockOuts = new LockOuts(createLimitMemory(1_000), rules, clock, (environment, what) => {
    told.push(`${environment} ${what}`)
  })
  for (let second = 0; second < 600; second++) {
    if (lockOuts.strike('env_1', '192.0.2.1') === 0) lockOuts.strikePrefix('env_1', PREFIX)
    it.nowMs += 1_000
  }
  assert.ok(told.length > 0)
  assert.ok(told.every((each) => each === 'env_1 source'))
})

test('nobody is locked out where no number of strikes is set', () => {
  const it = rig(0)
  strike(it, 1_000)
  assert.equal(left(it), 0)
})

test('looking at sources takes no room from those that have strikes', () => {
  const it = rig(3, 1)
  strike(it, 4)
  for (let index = 0; index < 1_000; index++) assert.equal(left(it, `10.0.${index >> 8}.${index & 255}`), 0)
  assert.ok(left(it) > 0)
})

test('a flood of sources is bounded, and none of them begins with the strikes of another', () => {
  const it = rig(3, 1)
  for (let index = 0; index < 10_000; index++) {
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
    it.nowMs += 0.37
    assert.equal(it.lockOuts.strike('env_1', address), 0)
    assert.equal(left(it, address), 0)
  }
})
