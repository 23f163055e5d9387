import assert from 'node:assert/strict'
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddressRange, parseAddressRanges, rangesContain } from './addresses.ts'

const contains = (range: string, address: string): boolean => rangesContain(parseAddressRanges([range]), address)

for (const [range, inside, outside] of [
  [
    '10.0.0.0/8',
    ['10.0.0.0', '10.255.255.255'],
    ['9.255.255.255', '11.0.0.0', '::', '010.0.0.1', '10.0.0', '10.0.0.0.0'],
  ],
  ['192.168.1.128/25', ['192.168.1.128', '192.168.1.255'], ['192.168.1.127', '192.168.2.128']],
  ['255.255.255.255', ['255.255.255.255'], ['255.255.255.254', '127.255.255.255']],
  ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::1', '', 'a']],
  ['128.0.0.0/1', ['128.0.0.0', '255.0.0.1'], ['127.255.255.255']],
  ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff::1', '2001:0db8:0:0:0:0:0:1'], ['2001:db9::', '1.2.3.4']],
  [
    '::/0',
    ['::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    ['1.2.3.4', ':::', '1::2::3', '12345::', '1:2:3:4:5:6:7'],
  ],
  ['fe80::1', ['fe80::1', 'fe80:0::1'], ['fe80::2', 'fe80::1%eth0']],
  ['2001:db8:0:8000::/49', ['2001:db8:0:8000::', '2001:db8:0:ffff::'], ['2001:db8:0:7fff::']],
] as const) {
  test(`${range} contains its addresses and no others`, () => {
    for (const address of inside) assert.ok(contains(range, address), address)
    for (const address of outside) assert.ok(!contains(range, address), address)
  })
}

const notRanges =
  '10.0.0.0/33 10.0.0.0/-1 10.0.0.0/08 10.0.0.0/ 10.0.0.0/8/8 10.0.0.1/8 10.0.0/8 10.0.0.0.0/8 256.0.0.0/8 ' +
  '010.0.0.0/8 0x0a.0.0.0/8 1.2.3.4. .1.2.3.4 1..2.3 10/8 /8 / * any localhost ' +
  '2001:db8::/129 2001:db8::1/32 2001:db8:::/32 :: ::/00 1:2:3:4:5:6:7:8:9 1:2:3:4:5:6:7::8 g::/16 ::ffff:1.2.3.4 fe80::%eth0/64 [::1]'
for (const text of notRanges.split(' ').filter((one) => one !== '::')) {
  test(`${text} is no range`, () => assert.equal(parseAddressRange(text), null))
}

test('no range is made of nothing, of spaces or of signs in other scripts', () => {
  for (const text of ['', ' ', '10.0.0.0/8 ', '\t::1', '１.2.3.4', '1.2.3.4\n'])
    assert.equal(parseAddressRange(text), null)
})

test('a text that is no range stays in the list and contains nothing', () => {
  const ranges = parseAddressRanges(['10.0.0.1/8', '127.0.0.1'])
  assert.deepEqual(ranges[0], { kind: 'none', text: '10.0.0.1/8' })
  assert.ok(rangesContain(ranges, '127.0.0.1') && !rangesContain(ranges, '10.0.0.1'))
})

test('ranges contain what those of Node contain', () => {
  const word = fc.constantFrom(0, 1, 2, 127, 128, 254, 255)
  const ipv4 = fc.array(word, { minLength: 4, maxLength: 4 }).map((parts) => parts.join('.'))
  const group = fc.constantFrom('0', '1', 'ffff', '8000', '7fff', 'db8')
  const ipv6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((parts) => parts.join(':'))
  for (const [addresses, bits, family] of [
    [ipv4, 32, 'ipv4'],
    [ipv6, 128, 'ipv6'],
  ] as const) {
    fc.assert(
      fc.property(addresses, addresses, fc.integer({ min: 1, max: bits }), (network, address, prefix) => {
        const range = parseAddressRange(`${network}/${prefix}`)
        if (range === null) return
        const list = new BlockList()
        list.addSubnet(network, prefix, family)
        assert.equal(rangesContain([range], address), list.check(address, family), `${network}/${prefix} ${address}`)
        assert.ok(rangesContain([range], network))
      }),
      { numRuns: 2000 },
    )
  }
})

test('addresses are what Node calls addresses, without IPv4 inside of IPv6', () => {
  const piece = fc.constantFrom('0', '1', '01', '255', '256', 'f', 'ffff', '10000', '.', ':', '::')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 15 }), (pieces) => {
      const text = pieces.join('')
      const known = isIPv4(text) || (isIPv6(text) && !text.includes('.'))
      assert.equal(parseAddressRange(text) !== null, known, text)
    }),
    { numRuns: 5000 },
  )
})
