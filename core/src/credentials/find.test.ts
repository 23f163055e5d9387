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

const everything: CompiledSources = {
  kinds: ['api_key', 'jwt', 'mtls', 'signature'],
  apiKeyHeaders: ['x-api-key'],
  apiKeyQuery: ['api_key', 'key'],
  tokens: [{ kind: 'jwt', issuer: 'login', mustBeBound: false }],
  certificate: ['uri'],
  signature: { covered: ['@method'], ageMsMax: 1_000 },
}
const peer = { kind: 'unverified', certificate: 'edge', sha256: '', why: '' } as const
const signed = { 'signature-input': 'sig=("@method")', signature: 'sig=:AA==:' }

function findAny(request: Parameters<typeof facts>[0], fields: Fields = {}, of = everything) {
  return findCredential(of, facts(request, fields))
}

for (const [title, query] of [
  ['by its name', '?a=1&api_key=k'],
  ['by its name in other spelling', '?a=1&api%5Fkey=k'],
  ['twice with the same text', '?api_key=k&api_key=%6B'],
] as const) {
  test(`a key in the query is found ${title}, and its parameter known once`, () => {
    const found = findAny({ query })
    assert.ok(found.kind === 'text')
    assert.deepEqual([found.text, found.scheme, found.query, found.headers], ['k', 'key', ['api_key'], []])
  })
}

for (const [title, query, fields] of [
  ['two parameters', '?api_key=a&key=b', {}],
  ['one parameter twice', '?api_key=a&api_key=b', {}],
  ['a parameter and a field', '?api_key=a', { 'x-api-key': 'b' }],
  ['an empty parameter and a field', '?api_key', { 'x-api-key': 'b' }],
  ['a parameter and Authorization', '?api_key=a', { authorization: 'Bearer b' }],
  ['a parameter and DPoP', '?api_key=a', { authorization: 'DPoP b' }],
  ['a key and a signature', '?api_key=a', signed],
] as const) {
  test(`${title} are two credentials`, () => assert.deepEqual(findAny({ query }, fields), { kind: 'repeated' }))
}

test('the same key in the query and in a field is one credential, and both are known', () => {
  const found = findAny({ query: '?key=k&api_key=k' }, { 'x-api-key': 'k' })
  assert.ok(found.kind === 'text')
  assert.deepEqual([found.headers, found.query], [['x-api-key'], ['key', 'api_key']])
})

test('a plus in the query is a space, and a name in other case another name', () => {
  const found = findAny({ query: '?api_key=a+b' })
  assert.equal(found.kind === 'text' && found.text, 'a b')
  assert.deepEqual(findAny({ query: '?API_KEY=k&Key=k' }), { kind: 'missing' })
})

test('an empty parameter is a credential, if a malformed one: never an anonymous request', () => {
  const found = findAny({ query: '?api_key' })
  assert.equal(found.kind === 'text' && found.text, '')
})

test('a query is not looked at unless the policy names a parameter', () => {
  assert.deepEqual(findAny({ query: '?api_key=k' }, {}, { ...everything, apiKeyQuery: [] }), { kind: 'missing' })
})

test('a token is presented as Bearer or DPoP, and the scheme is known', () => {
  for (const [value, scheme] of [
    ['Bearer t', 'bearer'],
    ['DPoP t', 'dpop'],
    ['dpop t', 'dpop'],
  ] as const) {
    const found = findAny({}, { authorization: value })
    assert.ok(found.kind === 'text')
    // The proof of a token does not go on without it either.
    const carriers = scheme === 'dpop' ? ['authorization', 'dpop'] : ['authorization']
    assert.deepEqual([found.text, found.scheme, found.headers], ['t', scheme, carriers])
  }
})

test('DPoP is the business of the service where no token counts', () => {
  assert.deepEqual(findAny({}, { authorization: 'DPoP t' }, { ...everything, tokens: [] }), { kind: 'missing' })
})

test('a certificate counts alone, and is told beside a text', () => {
  assert.deepEqual(findAny({ peer }), { kind: 'certificate', peer })
  const found = findAny({ peer }, { authorization: 'Bearer t' })
  assert.equal(found.kind === 'text' && found.peer, peer)
  const elsewhere = findAny({ peer }, { authorization: 'Bearer t' }, { ...everything, certificate: null })
  assert.equal(elsewhere.kind === 'text' && elsewhere.peer, null)
  assert.deepEqual(findAny({ peer }, {}, { ...everything, certificate: null }), { kind: 'missing' })
})

test('a signature counts alone', () => {
  assert.deepEqual(findAny({}, signed), { kind: 'signature' })
  assert.deepEqual(findAny({ peer }, signed), { kind: 'repeated' })
  assert.deepEqual(findAny({}, { ...signed, authorization: 'Bearer t' }), { kind: 'repeated' })
  assert.deepEqual(findAny({}, signed, { ...everything, signature: null }), { kind: 'missing' })
})
