import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isId, newId, randomBase62 } from './ids.ts'

test('ids sort by time of creation', () => {
  const ids = [1, 2, 1_000, 1_700_000_000_000, 1_700_000_000_001].map((now) => newId('req', now))
  assert.deepEqual(ids.toSorted(), ids)
})

test('an id has its prefix and form, and nothing else does', () => {
  assert.ok(isId('req', newId('req', 1)))
  assert.ok(!isId('req', newId('key', 1)))
  assert.ok(!isId('req', 'req_'))
  assert.ok(!isId('req', `${newId('req', 1)}0`))
  assert.ok(!isId('req', `req_${'U'.repeat(26)}`))
})

test('random texts have the asked length and do not repeat', () => {
  const texts = Array.from({ length: 1000 }, () => randomBase62(30))
  assert.ok(texts.every((text) => /^[0-9A-Za-z]{30}$/.test(text)))
  assert.equal(new Set(texts).size, 1000)
})
