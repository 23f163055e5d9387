/**
 * Which targets are used when some are not well, and when zones matter.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { select, weightOf } from './selection.ts'

const candidate = fc.record({
  weight: fc.integer({ min: 1, max: 10 }),
  zone: fc.constantFrom('eu-1', 'eu-2', null),
  usable: fc.boolean(),
})
const candidates = fc.array(candidate, { maxLength: 12 })
const percent = fc.integer({ min: 0, max: 100 })

const rules = fc.record({
  panicPercent: percent,
  zone: fc.constantFrom('eu-1', null),
  zonePanicPercent: fc.option(percent),
})

test('somebody is used as long as there is anybody, and nobody twice', () => {
  fc.assert(
    fc.property(candidates, rules, (all, each) => {
      const { first, second } = select(all, each)
      assert.equal(first.length === 0, all.length === 0)
      assert.equal(new Set([...first, ...second]).size, first.length + second.length)
    }),
    { seed: 7 },
  )
})

test('what is not usable is used only when too few are', () => {
  fc.assert(
    fc.property(candidates, rules, (all, each) => {
      const { first, second, panic } = select(all, each)
      const usable = all.filter((one) => one.usable)
      const isEnough = usable.length > 0 && (weightOf(usable) / weightOf(all)) * 100 >= each.panicPercent
      assert.equal(panic, all.length > 0 && !isEnough)
      assert.equal([...first, ...second].length, panic ? all.length : usable.length)
    }),
    { seed: 7 },
  )
})

test('the zone of the agent comes first as long as enough of it is usable', () => {
  const at = (zone: string, usable: boolean) => ({ weight: 1, zone, usable })
  const near = at('eu-1', true)
  const all = [near, at('eu-1', true), at('eu-2', true)]
  const asked = { panicPercent: 0, zone: 'eu-1', zonePanicPercent: 50 }
  assert.deepEqual(
    [select(all, asked)].map(({ first, second }) => [first.length, second.length]),
    [[2, 1]],
  )
  const half = [near, at('eu-1', false), at('eu-2', true)]
  assert.deepEqual(select(half, asked).first, [near])
  const third = [near, at('eu-1', false), at('eu-1', false), at('eu-2', true)]
  assert.equal(select(third, asked).first.length, 2)
  assert.deepEqual(select(third, asked).second, [])
  // Nobody knows where the agent is, or nobody asked.
  assert.equal(select(all, { ...asked, zone: null }).first.length, 3)
  assert.equal(select(all, { ...asked, zonePanicPercent: null }).first.length, 3)
})
