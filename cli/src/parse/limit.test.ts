import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHeader } from './header.ts'
import { formatLimit, parseLimit } from './limit.ts'

for (const [text, requests, windowMs] of [
  ['100/1m', 100, 60_000],
  ['100/m', 100, 60_000],
  ['10/10s', 10, 10_000],
  ['5000/1d', 5_000, 86_400_000],
] as const) {
  test(`${text} is ${requests} in ${windowMs} ms`, () => {
    const limit = parseLimit(text)
    assert.deepEqual(limit, { requests, windowMs })
    assert.deepEqual(parseLimit(formatLimit({ requests, windowMs })), limit)
  })
}

for (const text of ['', '100', '100/', '/1m', '0/1m', '100/0', '-1/1m', '1e3/1m', '100/1m/1m', '100 / 1m']) {
  test(`'${text}' is not a limit`, () => assert.equal(parseLimit(text), undefined))
}

test('a header field is split at its first colon', () => {
  assert.deepEqual(parseHeader('x-a: b: c'), { name: 'x-a', value: 'b: c' })
})

for (const text of ['', 'x', ': a', 'a b: c', 'a\n: b']) {
  test(`${JSON.stringify(text)} is not a header field`, () => assert.equal(parseHeader(text), undefined))
}
