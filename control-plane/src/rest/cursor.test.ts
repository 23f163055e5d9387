import assert from 'node:assert/strict'
import test from 'node:test'
import { idKey, kindNameKey, numberKey, readCursor, timeIdKey, toPage } from './cursor.ts'

const rows = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]
const page = (limit: number) =>
  toPage(
    rows.slice(0, limit + 1),
    limit,
    ({ id }) => [id],
    ({ id }) => id,
  )

test('a page ends with a cursor that leads to the row after its last', () => {
  const { data, next_cursor: cursor, has_more: more } = page(2)
  assert.deepEqual([data, more], [['a', 'b'], true])
  assert.deepEqual(readCursor(cursor ?? undefined, idKey), ['b'])
})

test('the last page has no cursor', () => {
  assert.deepEqual(page(3), { data: ['a', 'b', 'c'], next_cursor: null, has_more: false })
  assert.deepEqual(
    toPage([], 3, () => [], String),
    { data: [], next_cursor: null, has_more: false },
  )
})

test('no cursor is the first page', () => {
  assert.equal(readCursor(undefined, idKey), undefined)
})

const encode = (key: unknown): string => Buffer.from(JSON.stringify(key)).toString('base64url')

for (const [name, cursor, shape] of [
  ['nothing', '', idKey],
  ['no base64url', '%%%', idKey],
  ['no JSON', Buffer.from('x').toString('base64url'), idKey],
  ['another list', encode(['a', 'b']), idKey],
  ['an object', encode({ 0: 'a', length: 1 }), idKey],
  ['a text with NUL', encode(['a\u0000']), idKey],
  ['a text that is too long', encode(['a'.repeat(201)]), idKey],
  ['a number as text', encode(['1']), numberKey],
  ['a number below 0', encode([-1]), numberKey],
  ['a number that Postgres cannot hold', encode([2 ** 31]), numberKey],
  ['a fraction', encode([1.5]), numberKey],
  ['no instant', encode(['yesterday', 'a']), timeIdKey],
  ['an instant that is none', encode(['2026-99-99T00:00:00.000Z', 'a']), timeIdKey],
  ['a missing part', encode(['a']), kindNameKey],
  // One position, one text: anything else could be used to tell copies apart.
  ['padding', `${encode(['a'])}==`, idKey],
] as const) {
  test(`a cursor of ${name} is refused as input`, () => {
    assert.throws(() => readCursor(cursor, shape), { name: 'Refusal', code: 'input_invalid' })
  })
}
