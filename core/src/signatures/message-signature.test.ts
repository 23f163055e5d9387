import assert from 'node:assert/strict'
import { test } from 'node:test'
import { facts } from '#core/fakes/request.ts'
import { judgeSignature, type MessageSignature, readSignature } from './message-signature.ts'

const PARAMETERS = ';created=1000;keyid="key";nonce="n"'
const read = (input: string, signature = 'sig=:AAAA:') =>
  readSignature(facts({ path: '/orders', query: '?a=b' }, { 'signature-input': input, signature, 'x-a': ['1', ' 2 '] }))

test('what was signed is put together from the request', () => {
  const found = read(`sig=("@method" "@path" "@query" "@authority" "x-a")${PARAMETERS}`)
  assert.ok(found.kind === 'signature')
  assert.deepEqual(found.signature, {
    keyId: 'key',
    components: ['@method', '@path', '@query', '@authority', 'x-a'],
    createdMs: 1_000_000,
    expiresMs: null,
    nonce: 'n',
    algorithm: null,
    signature: new Uint8Array(3),
    base: [
      '"@method": GET',
      '"@path": /orders',
      '"@query": ?a=b',
      '"@authority": shop.test',
      '"x-a": 1, 2',
      `"@signature-params": ("@method" "@path" "@query" "@authority" "x-a")${PARAMETERS}`,
    ].join('\n'),
  })
})

for (const [title, input, problem] of [
  ['no label', '', 'repeated'],
  ['a component twice', `sig=("@method" "@method")${PARAMETERS}`, 'malformed'],
  ['a component that is not there', `sig=("x-none")${PARAMETERS}`, 'malformed'],
  ['a component with parameters', `sig=("x-a";sf)${PARAMETERS}`, 'malformed'],
  ['a component of an answer', `sig=("@status")${PARAMETERS}`, 'malformed'],
  ['nothing that is covered', `sig=()${PARAMETERS}`, 'malformed'],
  ['no key', 'sig=("@method");created=1', 'malformed'],
  ['no time', 'sig=("@method");keyid="key"', 'malformed'],
  ['a time that is a text', 'sig=("@method");created="1";keyid="key"', 'malformed'],
  ['a time with parts of a second', 'sig=("@method");created=1.5;keyid="key"', 'malformed'],
  ['a time that is whole and written as a decimal', 'sig=("@method");created=1.0;keyid="key"', 'malformed'],
  ['an end with parts of a second', `sig=("@method")${PARAMETERS};expires=2.5`, 'malformed'],
  ['two labels', `a=("@method")${PARAMETERS}, b=("@path")${PARAMETERS}`, 'repeated'],
  // The last would count here, and the first somewhere else.
  ['one label twice', `sig=("@method")${PARAMETERS}, sig=("@method" "@path")${PARAMETERS}`, 'repeated'],
  ['a label that no signature has', `other=("@method")${PARAMETERS}`, 'malformed'],
] as const) {
  test(`a signature with ${title} is ${problem}`, () => {
    assert.deepEqual(read(input), { kind: 'refused', problem })
  })
}

test('a comma in a text parts nothing', () => {
  assert.equal(read('sig=("@method");created=1;keyid="a, \\"b\\", c"').kind, 'signature')
})

test('one signature that is given twice is refused', () => {
  assert.deepEqual(read(`sig=("@method")${PARAMETERS}`, 'sig=:AAAA:, sig=:AQAA:'), {
    kind: 'refused',
    problem: 'repeated',
  })
})

test('a signature is judged by what it covers, its age, its end, and the algorithm of its key', () => {
  const found = read(`sig=("@method" "@path")${PARAMETERS}`)
  assert.ok(found.kind === 'signature')
  const judge = (changed: Partial<MessageSignature>, nowMs = 1_000_000, covered: readonly string[] = ['@path']) =>
    judgeSignature({ ...found.signature, ...changed }, 'ed25519', { covered, ageMsMax: 60_000 }, nowMs)
  assert.equal(judge({}), null)
  assert.equal(judge({}, 1_060_000), null)
  assert.equal(judge({}, 1_060_001), 'time')
  assert.equal(judge({}, 994_999), 'time')
  assert.equal(judge({ expiresMs: 1_000_000 }), 'time')
  assert.equal(judge({ createdMs: NaN }), 'time')
  assert.equal(judge({}, 1_000_000, ['@path', '@query']), 'uncovered')
  assert.equal(judge({ algorithm: 'hmac-sha256' }), 'signature')
  assert.equal(judge({ algorithm: 'ed25519' }), null)
})
