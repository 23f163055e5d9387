import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddressRanges } from '#core/credentials/addresses.ts'
import { headerOf } from '#core/fakes/request.ts'
import { type Caller, HOPS_MAX, readCaller } from './caller.ts'

const TRUSTED = parseAddressRanges(['10.0.0.0/8', '2001:db8:aaaa::/48'])
const PEER = '10.0.0.9'

function read(fields: Record<string, string | string[]>, scheme: 'http' | 'https' = 'http'): Caller | null {
  return readCaller(TRUSTED, { address: PEER, scheme }, headerOf(fields))
}

/** Address of the caller; null: refused. */
const addressOf = (fields: Record<string, string | string[]>): string | null => read(fields)?.address ?? null

test('the caller is the first from the right that is not a declared proxy', () => {
  assert.deepEqual(read({ 'x-forwarded-for': '6.6.6.6, 198.51.100.7, 10.1.1.1' }), {
    address: '198.51.100.7',
    scheme: 'http',
    proxies: ['10.1.1.1', PEER],
  })
  assert.equal(addressOf({ forwarded: 'for=6.6.6.6, for=198.51.100.7, for=10.1.1.1' }), '198.51.100.7')
})

test('what the caller itself says about its address counts nothing, however it is written', () => {
  for (const theirs of ['6.6.6.6', '127.0.0.1', '10.0.0.1', 'nonsense', '"', '', ' , ,']) {
    assert.equal(addressOf({ 'x-forwarded-for': `${theirs}, 198.51.100.7` }), '198.51.100.7', theirs)
    assert.equal(addressOf({ 'x-forwarded-for': [theirs, '198.51.100.7'] }), '198.51.100.7', theirs)
  }
})

test('without a field the proxy itself is the caller, such as for its health checks', () => {
  assert.deepEqual(read({}, 'https'), { address: PEER, scheme: 'https', proxies: [] })
})

test('when all are declared, the outermost one is the caller', () => {
  assert.deepEqual(read({ 'x-forwarded-for': '10.2.2.2, 10.1.1.1' }), {
    address: '10.2.2.2',
    scheme: 'http',
    proxies: ['10.1.1.1', PEER],
  })
})

test('fields on several lines are one list', () => {
  assert.equal(addressOf({ 'x-forwarded-for': ['6.6.6.6', '198.51.100.7', '10.1.1.1'] }), '198.51.100.7')
  assert.equal(addressOf({ forwarded: ['for=6.6.6.6', 'for=198.51.100.7'] }), '198.51.100.7')
})

for (const [written, address] of [
  ['198.51.100.7:4711', '198.51.100.7'],
  ['2001:DB8::1', '2001:db8::1'],
  ['2001:0db8:0:0:0:0:0:1', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['[2001:db8::1]:4711', '2001:db8::1'],
  ['2001:db8:0:1:0:0:0:1', '2001:db8:0:1::1'],
  ['2001:db8:1:1:1:1:0:1', '2001:db8:1:1:1:1:0:1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['::', '::'],
  ['::1', '::1'],
  ['2001:db8::', '2001:db8::'],
  ['::ffff:198.51.100.7', '198.51.100.7'],
  ['::FFFF:C633:6407', '198.51.100.7'],
] as const) {
  test(`a caller that is written ${written} is counted as ${address}`, () => {
    assert.equal(addressOf({ 'x-forwarded-for': written }), address)
    const quoted =
      written.includes(':') && !written.includes('.') && !written.startsWith('[') ? `[${written}]` : written
    if (!written.includes('ffff')) assert.equal(addressOf({ forwarded: `for="${quoted}"` }), address)
  })
}

for (const text of [
  'nonsense',
  'localhost',
  '198.51.100',
  '198.51.100.07',
  '198.51.100.7.',
  '198.51.100.256',
  '0x7f.0.0.1',
  '198.51.100.7:',
  '198.51.100.7:123456',
  '198.51.100.7 10.1.1.1',
  '198.51.100.7\t6.6.6.6',
  'fe80::1%eth0',
  '[2001:db8::1',
  '2001:db8::1]',
  '[2001:db8::1]4711',
  '[198.51.100.7]',
  '::ffff:198.51.100.07',
  '1::2::3',
  '',
  '\u00a0198.51.100.7',
  `198.51.100.7${' '.repeat(100)}x`,
]) {
  test(`a declared proxy that says ${JSON.stringify(text.slice(0, 30))} is refused, not guessed about`, () => {
    assert.equal(addressOf({ 'x-forwarded-for': text }), null)
    assert.equal(addressOf({ 'x-forwarded-for': `198.51.100.7, ${text}` }), null)
    assert.equal(addressOf({ forwarded: `for="${text}"` }), null)
  })
}

for (const value of [
  'for=',
  'for',
  'for=2001:db8::1',
  'for="2001:db8::1"',
  'for=[2001:db8::1]',
  'for=198.51.100.7:80',
  'for="198.51.100.7',
  'for=198.51.100.7"',
  'for="198.51.100.7" x',
  'for = 198.51.100.7',
  'for=198.51.100.7; proto=http',
  'for=198.51.100.7;for=10.0.0.1',
  'for=198.51.100.7;FOR=198.51.100.7',
  'for=198.51.100.7,',
  ', for=198.51.100.7',
  ';',
  '',
  'for=198.51.100.7;proto=ftp',
  'for=198.51.100.7;proto=""',
  'for=198.51.100.7 for=10.0.0.1',
  'for="198.51.100.7\\',
  'for=_',
  'for="_a b"',
]) {
  test(`Forwarded: ${value} is malformed wherever it stands`, () => {
    assert.equal(addressOf({ forwarded: value }), null)
    assert.equal(addressOf({ forwarded: [value, 'for=198.51.100.7'] }), null)
    assert.equal(addressOf({ forwarded: [`for=10.1.1.1`, value] }), null)
  })
}

// Guards against a caller that opens a quote, so that what the proxy adds becomes a part of its own value.
test('a quote that the caller opens does not swallow what the proxy says', () => {
  assert.equal(addressOf({ forwarded: 'for="6.6.6.6, for=198.51.100.7' }), null)
  assert.equal(addressOf({ forwarded: 'for="6.6.6.6, for=\\"198.51.100.7", for=10.0.0.1' }), null)
})

test('Forwarded is read as its grammar says: quotes, escapes, case, other parameters', () => {
  const fields = { forwarded: 'For="\\[2001:db8::1\\]:4711";Proto=HTTPS;by=_x;secret="a,b;for=c";host=h' }
  assert.deepEqual(read(fields), { address: '2001:db8::1', scheme: 'https', proxies: [PEER] })
  assert.equal(addressOf({ forwarded: 'for=198.51.100.7;' }), '198.51.100.7')
  assert.equal(addressOf({ forwarded: 'for=198.51.100.7 ,\tfor=10.1.1.1' }), '198.51.100.7')
})

for (const hidden of ['for=unknown', 'for=_hidden', 'for="_hidden:4711"', 'by=_x', 'for="unknown:_a"']) {
  test(`${hidden} stops the walk: whoever hides the caller answers for it`, () => {
    const caller = read({ forwarded: `for=6.6.6.6, ${hidden};proto=https, for=10.1.1.1` })
    assert.deepEqual(caller, { address: '10.1.1.1', scheme: 'https', proxies: [PEER] })
  })
}

test('both fields count when they name the same caller', () => {
  const fields = { forwarded: 'for="[2001:DB8::1]"', 'x-forwarded-for': '2001:db8:0::1' }
  assert.equal(addressOf(fields), '2001:db8::1')
})

test('both fields are refused when they name different callers', () => {
  assert.equal(addressOf({ forwarded: 'for=6.6.6.6', 'x-forwarded-for': '198.51.100.7' }), null)
  assert.equal(addressOf({ forwarded: 'for=_hidden', 'x-forwarded-for': '198.51.100.7' }), null)
  assert.equal(addressOf({ forwarded: 'nonsense', 'x-forwarded-for': '198.51.100.7' }), null)
})

test('the scheme is how the outermost proxy was asked, not how it asks us', () => {
  const asked = (fields: Record<string, string | string[]>, own: 'http' | 'https'): string | null =>
    read(fields, own)?.scheme ?? null
  const of = '198.51.100.7, 10.1.1.1'
  assert.equal(asked({ 'x-forwarded-for': of, 'x-forwarded-proto': 'https' }, 'http'), 'https')
  assert.equal(asked({ 'x-forwarded-for': of, 'x-forwarded-proto': 'http' }, 'https'), 'http')
  assert.equal(asked({ 'x-forwarded-for': of, 'x-forwarded-proto': 'https, http' }, 'http'), 'https')
  assert.equal(asked({ 'x-forwarded-for': `6.6.6.6, ${of}`, 'x-forwarded-proto': 'https, http, http' }, 'http'), 'http')
  assert.equal(asked({ 'x-forwarded-for': of, 'x-forwarded-proto': 'WSS' }, 'http'), 'https')
  assert.equal(asked({ 'x-forwarded-proto': 'https' }, 'http'), 'https')
  assert.equal(asked({ forwarded: 'for=6.6.6.6;proto=https, for=198.51.100.7;proto=http' }, 'https'), 'http')
  assert.equal(asked({ forwarded: 'for=198.51.100.7;proto=https, for=10.1.1.1;proto=http' }, 'http'), 'https')
  assert.equal(asked({ 'x-forwarded-for': of }, 'https'), 'https')
})

for (const protos of ['', 'ftp', 'https;', 'https http', ['https', 'http', 'https'], 'https, ', ['https', 'https']]) {
  test(`X-Forwarded-Proto: ${JSON.stringify(protos)} for one caller is refused`, () => {
    assert.equal(addressOf({ 'x-forwarded-for': '198.51.100.7', 'x-forwarded-proto': protos }), null)
  })
}

test('two schemes for one caller are refused', () => {
  const fields = { forwarded: 'for=198.51.100.7;proto=http', 'x-forwarded-for': '198.51.100.7' }
  assert.equal(addressOf({ ...fields, 'x-forwarded-proto': 'https' }), null)
  assert.equal(addressOf({ ...fields, 'x-forwarded-proto': 'http' }), '198.51.100.7')
})

test('a chain of declared proxies without an end is refused', () => {
  const hops = (count: number): string => Array.from({ length: count }, () => '10.1.1.1').join()
  assert.equal(addressOf({ 'x-forwarded-for': `198.51.100.7,${hops(HOPS_MAX - 1)}` }), '198.51.100.7')
  assert.equal(addressOf({ 'x-forwarded-for': `198.51.100.7,${hops(HOPS_MAX)}` }), null)
})

test('whatever a caller sends, what the proxy added decides', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (theirs) => {
      assert.equal(addressOf({ 'x-forwarded-for': [theirs, '198.51.100.7'] }), '198.51.100.7')
      const address = addressOf({ forwarded: [theirs, 'for=198.51.100.7'] })
      assert.ok(address === null || address === '198.51.100.7')
      const joined = addressOf({ forwarded: `${theirs}, for=198.51.100.7` })
      assert.ok(joined === null || joined === '198.51.100.7')
    }),
    { numRuns: 5_000 },
  )
})
