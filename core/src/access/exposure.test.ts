import assert from 'node:assert/strict'
import { test } from 'node:test'
import { internalRanges, isInternal } from './exposure.ts'

for (const address of [
  '127.0.0.1',
  '127.255.255.255',
  '10.0.0.1',
  '10.255.255.255',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '100.64.0.1',
  '100.127.255.255',
  '169.254.1.1',
  '::1',
  'fc00::1',
  'fdff:ffff::1',
  'fe80::1',
  'febf::1',
]) {
  test(`${address} is inside`, () => assert.equal(isInternal(address), true))
}

for (const address of [
  '192.0.2.1',
  '8.8.8.8',
  '11.0.0.1',
  '172.15.255.255',
  '172.32.0.1',
  '192.169.0.1',
  '100.63.255.255',
  '100.128.0.1',
  '169.253.1.1',
  '0.0.0.0',
  '::',
  '::2',
  '2001:db8::1',
  'fbff::1',
  'fe00::1',
  'fec0::1',
  // What only begins like one of them, or is none.
  '',
  'localhost',
  '10',
  '10.evil',
  '10.0.0.1 ',
  '127.1',
  '010.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
]) {
  test(`${JSON.stringify(address)} is not inside`, () => {
    assert.equal(isInternal(address), false)
    // The second answer is remembered.
    assert.equal(isInternal(address), false)
  })
}

test('many addresses do not change the answer', () => {
  for (let index = 0; index < 25_000; index++) isInternal(`203.0.${index >> 8}.${index & 255}`)
  assert.equal(isInternal('10.0.0.1'), true)
  assert.equal(isInternal('203.0.113.1'), false)
})

test('what is needed can be told', () => {
  assert.ok(internalRanges.includes('10.0.0.0/8') && internalRanges.includes('fc00::/7'))
})
