import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddressRanges } from '#core/credentials/addresses.ts'
import { lackingAddress } from './addresses.ts'

const rules = (allow: readonly string[] | null, deny: readonly string[] = []) => ({
  allow: allow === null ? null : parseAddressRanges(allow),
  deny: parseAddressRanges(deny),
})

test('without rules nothing is lacking, whatever the address', () => {
  for (const address of ['192.0.2.1', '2001:db8::1', 'nonsense']) {
    assert.equal(lackingAddress(rules(null), address), null)
  }
})

test('an address outside of what is allowed is told the ranges', () => {
  const only = rules(['192.0.2.0/24', '2001:db8::/32'])
  assert.equal(lackingAddress(only, '192.0.2.7'), null)
  assert.equal(lackingAddress(only, '2001:db8::7'), null)
  assert.deepEqual(lackingAddress(only, '198.51.100.7'), ['192.0.2.0/24', '2001:db8::/32'])
})

test('what is denied is denied also where it is allowed', () => {
  const hole = rules(['192.0.2.0/24'], ['192.0.2.7'])
  assert.equal(lackingAddress(hole, '192.0.2.8'), null)
  assert.deepEqual(lackingAddress(hole, '192.0.2.7'), [])
  assert.deepEqual(lackingAddress(rules(null, ['192.0.2.7']), '192.0.2.7'), [])
  assert.equal(lackingAddress(rules(null, ['192.0.2.7']), '192.0.2.8'), null)
})

// Guards against a list of denied ranges that is passed by an address in a form that no range has.
for (const address of ['', 'unknown', '192.0.2.007', '192.0.2.7 ', '::ffff:192.0.2.7', 'fe80::1%eth0', '_hidden']) {
  test(`the address ${JSON.stringify(address)} cannot be read, and passes no list`, () => {
    assert.notEqual(lackingAddress(rules(null, ['192.0.2.7']), address), null)
    assert.notEqual(lackingAddress(rules(['0.0.0.0/0', '::/0']), address), null)
  })
}

test('a range that could not be read opens nothing', () => {
  assert.notEqual(lackingAddress(rules(['nonsense']), '192.0.2.7'), null)
})

test('of a long list the first are named, and how many more there are', () => {
  const many = Array.from({ length: 1_000 }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`)
  const needed = lackingAddress(rules(many), '192.0.2.7')
  assert.equal(needed?.length, 17)
  assert.deepEqual([needed[0], needed[16]], ['10.0.0.0/24', 'and 984 more'])
})
