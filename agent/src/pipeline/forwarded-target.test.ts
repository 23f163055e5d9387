import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Facts } from '@headgate/core'
import { forwardedTarget } from './forwarded-target.ts'

function forwarded(path: string, query: string, withheld: readonly string[] = ['key'], raw = path + query): string {
  return forwardedTarget({ path, query } as Facts, raw, withheld)
}

for (const [query, rest] of [
  ['?key=s', ''],
  ['?key=s&a=1', '?a=1'],
  ['?a=1&key=s', '?a=1'],
  ['?a=1&key=s&b=2', '?a=1&b=2'],
  ['?key=s&key=s', ''],
  ['?key', ''],
  ['?key=', ''],
  // Spellings of the same name.
  ['?%6bey=s&a=1', '?a=1'],
  ['?%6B%65%79=s', ''],
  // Bytes that somebody else would tidy up.
  ['?a=%2f+%zz&&b=;c=d&key=s&a=1#', '?a=%2f+%zz&&b=;c=d&a=1#'],
  ['?&key=s', '?'],
  // Other names.
  ['?Key=s', '?Key=s'],
  ['??key=s', '??key=s'],
  ['?a=key&keys=1&akey=2', '?a=key&keys=1&akey=2'],
  ['?a=1;key=s', '?a=1;key=s'],
] as const) {
  test(`of ${query} the service sees ${rest === '' ? 'nothing' : rest}`, () => {
    assert.equal(forwarded('/a', query), `/a${rest}`)
  })
}

test('what is found as a credential is what is taken away, whatever its spelling', () => {
  for (const name of ['api key', 'ä', 'a+b', '?', 'a=b']) {
    const spelled = new URLSearchParams({ [name]: 's' }).toString()
    assert.equal(forwarded('/', `?x=1&${spelled}`, [name]), '/?x=1')
  }
})

test('a target in which nothing changes is the very text that arrived', () => {
  assert.equal(forwarded('/a', '?b', []), '/a?b')
  assert.equal(forwarded('/a', '?b', [], 'http://host/a?b'), '/a?b')
  assert.equal(forwarded('/~a', '', [], '/%7ea'), '/~a')
})
