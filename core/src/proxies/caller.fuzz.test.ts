/**
 * Damaged `Forwarded` and `X-Forwarded-For`: nothing is thrown, and nobody chooses its own address.
 */
import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import { parseAddressRanges, rangesContain } from '#core/credentials/addresses.ts'
import { headerOf } from '#core/fakes/request.ts'
import { damage, fuzz, pick, type Random } from '#core/testing/damage.ts'
import { type Caller, HOPS_MAX, readCaller } from './caller.ts'
import { readForwarded } from './forwarded.ts'

const trusted = parseAddressRanges(['10.0.0.0/8', 'fd00::/8'])
const connection = { address: '10.0.0.1', scheme: 'https' } as const

const nodes = ['203.0.113.9', '10.1.2.3', '"[2001:db8::1]:443"', '"[fd00::1]"', 'unknown', '_hidden', '198.51.100.1:80']
const bare = ['203.0.113.9', '10.1.2.3', '2001:db8::1', 'fd00::1', '::ffff:10.0.0.9', 'unknown', '[2001:db8::1]:443']
const PIECES = [
  'for=',
  'proto=https',
  'by=',
  ';',
  ',',
  '"',
  '\\',
  '[',
  ']',
  ':',
  '=',
  ' ',
  '10.0.0.1',
  'for="',
  '127.0.0.1',
  '::',
  '%',
  '_',
]

const list = (random: Random, of: readonly string[]): readonly string[] =>
  Array.from({ length: 1 + random(4) }, () => pick(of, random))

function fieldsOf(random: Random): Readonly<Record<string, readonly string[]>> {
  const standard = list(random, nodes).map((node) => `for=${node}${pick(['', ';proto=https', ';proto=http'], random)}`)
  const usual = list(random, bare).join(', ')
  const maybe = (text: string): readonly string[] =>
    random(2) === 0 ? [] : [random(3) === 0 ? damage(text, PIECES, random) : text]
  return { forwarded: maybe(standard.join(', ')), 'x-forwarded-for': maybe(usual), 'x-forwarded-proto': maybe('https') }
}

const callerOf = (fields: Readonly<Record<string, readonly string[]>>): Caller | null =>
  readCaller(trusted, connection, headerOf(fields))

test('a caller has one address in its one form, and every proxy behind it was declared', async (t) => {
  await fuzz(t, (random) => {
    const fields = fieldsOf(random)
    const caller = callerOf(fields)
    if (caller === null) return
    const { address, proxies, scheme } = caller
    assert.ok(isIP(address) !== 0, address)
    assert.equal(address, address.toLowerCase())
    if (isIP(address) === 6) assert.equal(new URL(`http://[${address}]`).hostname, `[${address}]`)
    assert.ok(scheme === 'http' || scheme === 'https')
    assert.ok(proxies.length <= HOPS_MAX)
    for (const proxy of proxies) assert.ok(rangesContain(trusted, proxy), proxy)
  })
})

test('what a caller writes in front of the list changes nothing about who it is', async (t) => {
  await fuzz(t, (random) => {
    const good = ['203.0.113.9', ...Array.from({ length: random(3) }, () => '10.1.2.3')].join(', ')
    const lie = damage(list(random, bare).join(', '), PIECES, random)
    const caller = callerOf({ 'x-forwarded-for': [`${lie}, ${good}`] })
    assert.equal(caller?.address, '203.0.113.9', lie)
    // In a field of its own as well, in front of the one that the proxy adds.
    assert.equal(callerOf({ 'x-forwarded-for': [lie, good] })?.address, '203.0.113.9', lie)
    const standard = good.replaceAll(/[^, ]+/g, 'for=$&')
    const told = callerOf({ forwarded: [`${damage('for=10.0.0.7', PIECES, random)}, ${standard}`] })
    assert.ok(told === null || told.address === '203.0.113.9', JSON.stringify(told))
  })
})

test('Forwarded is read by the letter, and texts that are made to take long do not', async (t) => {
  await fuzz(t, (random) => {
    const text = damage(
      list(random, nodes)
        .map((node) => `for=${node}`)
        .join(', '),
      PIECES,
      random,
    )
    const elements = readForwarded([text])
    if (elements !== null) assert.ok(elements.length > 0 && elements.length <= text.split(',').length)
  })
  for (const pattern of ['for=a;', 'for="\\', '"', ';', ',', 'for=1, ', 'for="[::', 'a=b;a=b;', ' ', '=']) {
    readForwarded([pattern.repeat(100_000)])
    readCaller(trusted, connection, headerOf({ 'x-forwarded-for': [pattern.repeat(100_000)] }))
  }
})
