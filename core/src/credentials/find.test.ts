import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facts, type Fields } from '#core/fakes/request.ts'
import type { CompiledSources } from '#core/release.ts'
import { findCredential } from './find.ts'

const sources = (apiKeyHeaders: readonly string[]): CompiledSources => ({
  kinds: ['api_key'],
  apiKeyHeaders,
  apiKeyQuery: [],
  tokens: [],
  certificate: null,
  signature: null,
})

/** What is found, without what is the same everywhere here. */
function find(fields: Fields, names: readonly string[] = ['x-api-key']): object {
  const found = findCredential(sources(names), facts({}, fields))
  if (found.kind !== 'text') return found
  const { text, headers } = found
  return { kind: 'text', text, headers }
}

test('a credential is found in its field and in Authorization: Bearer', () => {
  assert.deepEqual(find({ 'x-api-key': 'a' }), { kind: 'text', text: 'a', headers: ['x-api-key'] })
  assert.deepEqual(find({ authorization: 'Bearer a' }), { kind: 'text', text: 'a', headers: ['authorization'] })
  assert.deepEqual(find({ authorization: 'bearer   a' }), { kind: 'text', text: 'a', headers: ['authorization'] })
})

test('the same text twice is one credential, and all its fields are known', () => {
  assert.deepEqual(find({ authorization: 'Bearer a', 'x-api-key': ['a', 'a'], 'x-b': 'a' }, ['x-api-key', 'x-b']), {
    kind: 'text',
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
    assert.deepEqual(find({ authorization: value }), { kind: 'text', text, headers: ['authorization'] })
  })
}

test('an empty field is a credential, if a malformed one: never an anonymous request', () => {
  assert.deepEqual(find({ 'x-api-key': '' }), { kind: 'text', text: '', headers: ['x-api-key'] })
})

test('a request without credential has none', () => {
  assert.deepEqual(find({}), { kind: 'missing' })
})
