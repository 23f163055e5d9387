import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facts, type Fields } from '#core/fakes/request.ts'
import { findCredential, type FoundCredential } from './find.ts'

const find = (fields: Fields, names: readonly string[] = ['x-api-key']): FoundCredential =>
  findCredential(names, facts({}, fields))

test('a credential is found in its field and in Authorization: Bearer', () => {
  assert.deepEqual(find({ 'x-api-key': 'a' }), { kind: 'found', text: 'a', headers: ['x-api-key'] })
  assert.deepEqual(find({ authorization: 'Bearer a' }), { kind: 'found', text: 'a', headers: ['authorization'] })
  assert.deepEqual(find({ authorization: 'bearer   a' }), { kind: 'found', text: 'a', headers: ['authorization'] })
})

test('the same text twice is one credential, and all its fields are known', () => {
  assert.deepEqual(find({ authorization: 'Bearer a', 'x-api-key': ['a', 'a'], 'x-b': 'a' }, ['x-api-key', 'x-b']), {
    kind: 'found',
    text: 'a',
    headers: ['authorization', 'x-api-key', 'x-b'],
  })
})

// Guards against credential confusion: the service may read the one that was not proven.
for (const [title, fields] of [
  ['in two fields', { 'x-api-key': 'a', authorization: 'Bearer b' }],
  ['in one field', { 'x-api-key': ['a', 'b'] }],
  ['in two Authorization fields', { authorization: ['Bearer a', 'Bearer b'] }],
  ['in two Authorization fields with the same text', { authorization: ['Bearer a', 'Bearer a'] }],
  ['of which one is empty', { 'x-api-key': ['a', ''] }],
  ['that differ in case', { 'x-api-key': ['a', 'A'] }],
] as const) {
  test(`two credentials ${title} are refused, not resolved`, () => {
    assert.deepEqual(find(fields as Fields), { kind: 'repeated' })
  })
}

for (const value of ['Basic YTpi', 'BearerX a', 'Bear a', '', 'DPoP a', 'Bearer,a']) {
  test(`Authorization: ${value} is no bearer credential`, () => {
    assert.deepEqual(find({ authorization: value }), { kind: 'missing' })
  })
}

for (const [value, text] of [
  ['Bearer', ''],
  ['Bearer ', ''],
  ['Bearer\ta', '\ta'],
  ['Bearer a b', 'a b'],
  ['Bearer a, Bearer b', 'a, Bearer b'],
] as const) {
  test(`Authorization: ${JSON.stringify(value)} is a credential, if a malformed one`, () => {
    assert.deepEqual(find({ authorization: value }), { kind: 'found', text, headers: ['authorization'] })
  })
}

test('an empty field is a credential, if a malformed one: never an anonymous request', () => {
  assert.deepEqual(find({ 'x-api-key': '' }), { kind: 'found', text: '', headers: ['x-api-key'] })
})

test('a request without credential has none', () => {
  assert.deepEqual(find({}), { kind: 'missing' })
})
