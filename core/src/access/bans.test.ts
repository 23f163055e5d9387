import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddressRanges, rangesContain } from '#core/credentials/addresses.ts'
import { type Ban, indexBans } from './bans.ts'

const NOW_MS = 1_800_000_000_000
const source = (range: string, expiresAtMs = 0): Ban => ({ id: range, source: range, consumerId: null, expiresAtMs })

test('a source is shut out by the range that it is in, of its own family', () => {
  const bans = indexBans([source('203.0.113.0/24'), source('2001:db8::/32'), source('198.51.100.7')])
  const idOf = (address: string): string | undefined => bans.ofSource(address, NOW_MS)?.id
  assert.equal(idOf('203.0.113.9'), '203.0.113.0/24')
  assert.equal(idOf('2001:db8:1::1'), '2001:db8::/32')
  assert.equal(idOf('198.51.100.7'), '198.51.100.7')
  for (const free of ['203.0.114.9', '198.51.100.8', '2001:db9::1', 'unknown', '']) assert.equal(idOf(free), undefined)
})

test('a ban ends at its time, and another one of the same source goes on', () => {
  const bans = indexBans([source('10.0.0.0/8', NOW_MS), { ...source('10.0.0.0/8', NOW_MS + 10), id: 'later' }])
  assert.equal(bans.ofSource('10.1.1.1', NOW_MS - 1)?.id, '10.0.0.0/8')
  assert.equal(bans.ofSource('10.1.1.1', NOW_MS)?.id, 'later')
  assert.equal(bans.ofSource('10.1.1.1', NOW_MS + 10), null)
})

test('a consumer is shut out by its id', () => {
  const bans = indexBans([{ id: 'ban_1', source: null, consumerId: 'cns_1', expiresAtMs: 0 }])
  assert.equal(bans.ofConsumer('cns_1', NOW_MS)?.id, 'ban_1')
  assert.equal(bans.ofConsumer('cns_2', NOW_MS), null)
  assert.equal(bans.ofSource('10.0.0.1', NOW_MS), null)
})

test('a ban whose end is not a number goes on', () => {
  assert.equal(indexBans([source('10.0.0.0/8', Number.NaN)]).ofSource('10.0.0.1', NOW_MS)?.id, '10.0.0.0/8')
})

test('of any ranges, an address is shut out exactly if one of them contains it', () => {
  const octet = fc.integer({ min: 0, max: 3 })
  const address = fc.tuple(octet, octet, octet, octet)
  const range = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([parts, prefix]) => {
    const word = parts.reduce((all, part) => all * 256 + part, 0)
    const kept = prefix === 0 ? 0 : Math.floor(word / 2 ** (32 - prefix)) * 2 ** (32 - prefix)
    return `${[24, 16, 8, 0].map((shift) => Math.floor(kept / 2 ** shift) % 256).join('.')}/${prefix}`
  })
  fc.assert(
    fc.property(fc.array(range, { maxLength: 8 }), address, (ranges, parts) => {
      const text = parts.join('.')
      const isBanned = indexBans(ranges.map((each) => source(each))).ofSource(text, NOW_MS) !== null
      assert.equal(isBanned, rangesContain(parseAddressRanges(ranges), text))
    }),
  )
})
