import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { readKeySet } from './key-set.ts'

const jwkOf = (pair: { publicKey: { export(options: { format: 'jwk' }): object } }): Record<string, unknown> => ({
  ...pair.publicKey.export({ format: 'jwk' }),
})
const ec = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const ec384 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }))
const k256 = jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }))
const rsa = jwkOf(generateKeyPairSync('rsa', { modulusLength: 2_048 }))
const weak = jwkOf(generateKeyPairSync('rsa', { modulusLength: 1_024 }))
const ed = jwkOf(generateKeyPairSync('ed25519'))
const x25519 = jwkOf(generateKeyPairSync('x25519'))

function read(...keys: readonly unknown[]): readonly string[] | string {
  const result = readKeySet(JSON.stringify({ keys }))
  return result.kind === 'invalid'
    ? result.why
    : result.keySet.keys.map(({ keyId, algorithms }) => [keyId, ...algorithms].join(' '))
}

test('a key is for the algorithms of its type and curve, and for one if it says so', () => {
  assert.deepEqual(read({ ...ec, kid: 'a' }), ['a ES256'])
  assert.deepEqual(read({ ...ec384, kid: 'a' }), ['a ES384'])
  assert.deepEqual(read({ ...ed, kid: 'a' }), ['a EdDSA Ed25519'])
  assert.deepEqual(read({ ...rsa, kid: 'a' }), ['a RS256 RS384 RS512 PS256 PS384 PS512'])
  assert.deepEqual(read({ ...rsa, kid: 'a', alg: 'PS256', use: 'sig', key_ops: ['verify'] }), ['a PS256'])
})

for (const [name, key] of [
  ['a key for encryption', { ...rsa, use: 'enc' }],
  ['a key that may not check signatures', { ...rsa, key_ops: ['encrypt'] }],
  ['a curve that is not used', k256],
  ['a key for agreement', x25519],
  ['a short modulus', weak],
  // Each check of it would take milliseconds.
  ['an exponent as long as the modulus', { ...rsa, e: rsa['n'] }],
  ['an exponent of five bytes', { ...rsa, e: 'AQAAAAE' }],
  ['an exponent of one', { ...rsa, e: 'AQ' }],
  ['an exponent that is even', { ...rsa, e: 'AQAA' }],
  ['no exponent', { ...rsa, e: undefined }],
  ['a type that nobody knows', { kty: 'AKP' }],
  ['an algorithm of another type', { ...ec, alg: 'RS256' }],
  ['an algorithm with a shared secret', { ...rsa, alg: 'HS256' }],
  ['an empty name', { ...ec, kid: '' }],
  ['a name that is no text', { ...ec, kid: 1 }],
] as const) {
  test(`${name} is passed over, and the others are used`, () =>
    assert.deepEqual(read(key, { ...ec, kid: 'b' }), ['b ES256']))
}

for (const [name, set] of [
  ['a private key', JSON.stringify({ keys: [{ ...ec, d: 'AA' }] })],
  ['a shared key', JSON.stringify({ keys: [{ kty: 'oct', k: 'AA' }] })],
  ['more keys than anybody has', JSON.stringify({ keys: Array.from({ length: 101 }, () => ec) })],
  ['no list', '{"keys":{}}'],
  ['no set', '[]'],
  ['a key that is no object', '{"keys":["a"]}'],
  ['no JSON', '<html>'],
] as const) {
  test(`a set with ${name} is refused`, () => assert.equal(readKeySet(set).kind, 'invalid'))
}

test('a token that names a key is tried with that key only, one that names none with those that fit', () => {
  const result = readKeySet(
    JSON.stringify({
      keys: [
        { ...ec, kid: 'a' },
        { ...ec, kid: 'b' },
        { ...rsa, kid: 'c' },
      ],
    }),
  )
  assert.ok(result.kind === 'keys')
  const names = (algorithm: 'ES256' | 'RS256', keyId: string | null): (string | null)[] =>
    result.keySet.candidates(algorithm, keyId).map((key) => key.keyId)
  assert.deepEqual(names('ES256', 'a'), ['a'])
  assert.deepEqual(names('ES256', null), ['a', 'b'])
  assert.deepEqual(names('ES256', 'c'), [])
  assert.deepEqual(names('RS256', 'a'), [])
  assert.deepEqual(names('RS256', '../../etc/passwd'), [])
})

test('whatever is in a set, nothing is thrown', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ keys: [value] })),
      ),
      (text) => {
        readKeySet(text)
      },
    ),
  )
})
