import { operations } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import test from 'node:test'
import { inputErrors, jsonPointer } from './issues.ts'

function errorsOf(id: 'createKey' | 'explain' | 'applyObjects' | 'createOperator', body: unknown) {
  const result = operations[id].body.safeParse(body)
  return result.success ? [] : inputErrors(result.error.issues, '')
}

test('a missing field is said to be missing, with a pointer to where it belongs', () => {
  assert.deepEqual(errorsOf('createKey', {}), [
    { pointer: '/consumer', code: 'field_missing', message: 'It is missing', fix: 'Give a string' },
  ])
})

test('every unknown field is named, and one that is spelt in camelCase is told its name', () => {
  const errors = errorsOf('createKey', { consumer: 'a', expiresAt: 'x', foo: 1 })
  assert.deepEqual(
    errors.map(({ pointer, code, fix }) => [pointer, code, fix]),
    [
      ['/expiresAt', 'field_unknown', 'Names are in snake_case: did you mean "expires_at"?'],
      ['/foo', 'field_unknown', 'Correct its name or remove it'],
    ],
  )
})

test('an unknown word is told the words that exist', () => {
  const [error] = errorsOf('createOperator', { name: 'a', roles: [{ tenant: null, role: 'root' }] })
  assert.deepEqual(
    [error?.pointer, error?.code, error?.fix],
    ['/roles/0/role', 'value_unknown', 'Use owner, editor, viewer'],
  )
})

test('a value that could have several forms is told what the nearest form misses', () => {
  const [error] = errorsOf('explain', { request: { target: '/', address: 'nowhere' } })
  assert.equal(error?.pointer, '/request/address')
})

test('texts of the input are cut and cannot write into a terminal', () => {
  const [error] = errorsOf('createKey', { consumer: 'a', ['\u001b[31m' + 'x'.repeat(500)]: 1 })
  assert.ok((error?.message.length ?? 0) < 150)
  assert.equal(error?.message.includes('\u001b'), false)
  assert.equal(error?.pointer.includes('\u001b'), false)
})

test('a body with thousands of problems names some of them', () => {
  const objects = Array.from({ length: 5000 }, () => ({}))
  const errors = errorsOf('applyObjects', { objects })
  assert.ok(errors.length > 0 && errors.length <= 50)
})

test('a pointer escapes what a path may not hold', () => {
  assert.equal(jsonPointer(['a/b', 'c~d', 0]), '/a~1b/c~0d/0')
  assert.equal(jsonPointer([]), '')
})
