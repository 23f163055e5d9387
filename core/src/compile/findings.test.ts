import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingList, FINDINGS_MAX, jsonPointer, shown, TEXT_MAX } from './findings.ts'

const subject = { object: 'route/a', origin: 'f:1' }
const draft = { code: 'x', message: 'm', fix: 'f' }

test('findings are kept up to a bound, and the list says so', () => {
  const list = findingList()
  for (let count = 0; count < FINDINGS_MAX + 50; count++) list.error(subject, draft)
  list.warn(subject, { ...draft, pointer: '/a' })
  assert.equal(list.errors.length, FINDINGS_MAX + 1)
  assert.equal(list.errors.at(-1)?.code, 'findings_cut')
  assert.deepEqual(list.warnings, [{ ...draft, ...subject, severity: 'warning', pointer: '/a' }])
})

test('a pointer escapes as RFC 6901 says', () => {
  assert.equal(jsonPointer([]), '')
  assert.equal(jsonPointer(['a/b', 0, 'm~n', '']), '/a~1b/0/m~0n/')
})

test('text of the input cannot write into a terminal, and is cut', () => {
  assert.equal(shown('a\u001b[2Jb\u009b'), 'a?[2Jb?')
  assert.equal(shown('x'.repeat(1000)).length, TEXT_MAX + 1)
})
