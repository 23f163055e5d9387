import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normaliseHost } from './host-field.ts'

for (const [value, host] of [
  ['example.com', 'example.com'],
  ['API.Example.COM', 'api.example.com'],
  ['example.com:8080', 'example.com'],
  ['example.com.', 'example.com'],
  ['example.com.:80', 'example.com'],
  ['a_b.example', 'a_b.example'],
  ['127.0.0.1:1', '127.0.0.1'],
  ['[::1]', '[::1]'],
  ['[2001:DB8::1]:443', '[2001:db8::1]'],
] as const) {
  test(`${value} is read as ${host}`, () => assert.equal(normaliseHost(value), host))
}

for (const value of [
  '',
  '.',
  ':80',
  'a..b',
  '.a',
  'a..',
  'a b',
  'a,b',
  'a/b',
  'a?b',
  'a#b',
  'a\\b',
  'user@a',
  'a%2eb',
  'a:',
  'a:x',
  'a:65536',
  'a:000080',
  'a:80:80',
  '::1',
  '[::1',
  '[::1]x',
  '[fe80::1%25eth0]',
  'bücher.example',
  'a\u0000',
  `${'a'.repeat(64)}.b`,
  `${'a.'.repeat(128)}a`,
]) {
  test(`${JSON.stringify(value.slice(0, 40))} is no host`, () => assert.equal(normaliseHost(value), null))
}

test('what was read is read the same again', () => {
  const characters = fc.constantFrom('a', 'B', '0', '.', '-', '_', ':', '[', ']', '8')
  fc.assert(
    fc.property(fc.string({ unit: characters, maxLength: 12 }), (value) => {
      const host = normaliseHost(value)
      return host === null || normaliseHost(host) === host
    }),
    { numRuns: 2000 },
  )
})

test('a very long value costs nothing', () => {
  assert.equal(normaliseHost('a'.repeat(1_000_000)), null)
})

test('a value reads the same after itself, and after any other', () => {
  for (const value of ['a.example', 'A.example:80', 'a.example.', '[::1]:80']) {
    const first = normaliseHost(value)
    assert.notEqual(first, null)
    assert.equal(normaliseHost(value), first)
    for (const malformed of ['', 'a b', 'a.example:x']) assert.equal(normaliseHost(malformed), null)
    assert.equal(normaliseHost(value), first)
  }
})
