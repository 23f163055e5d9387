import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId, newId } from '@headgate/kit/ids.ts'
import fc from 'fast-check'
import { ID_WORDS, isCompactId, readCompactId, writeCompactId } from './compact-id.ts'

const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const digits = fc.string({ unit: fc.constantFrom(...BASE32.split('')), minLength: 25, maxLength: 25 })
const id = fc.tuple(fc.constantFrom(...'01234567'.split('')), digits).map(([first, rest]) => `key_${first}${rest}`)

test('an id reads back from its words, and no word beside them is touched', () => {
  fc.assert(
    fc.property(id, (text) => {
      const words = new Int32Array(ID_WORDS + 2).fill(-7)
      assert.ok(isId('key', text) && isCompactId(text))
      writeCompactId(words, 1, text)
      assert.equal(readCompactId(words, 1), text)
      assert.deepEqual([words[0], words[ID_WORDS + 1]], [-7, -7])
    }),
  )
})

test('new ids have the form', () => {
  for (const nowMs of [0, Date.now(), 2 ** 48 - 1]) assert.ok(isCompactId(newId('key', nowMs)))
})

for (const text of [
  '',
  'key_',
  'key_1',
  'key_80000000000000000000000000',
  'key_0000000000000000000000000I',
  'key_0000000000000000000000000a',
  'key_0000000000000000000000000\u0130',
  'key_000000000000000000000000000',
  'kez_00000000000000000000000000',
]) {
  test(`${JSON.stringify(text)} is kept as text`, () => assert.ok(!isCompactId(text)))
}
