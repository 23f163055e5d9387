import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { type Jws, readJws, TOKEN_LENGTH_MAX } from '@headgate/core'
import type { VerificationKey } from '#agent/issuers/key-set.ts'
import { signToken, testKey } from '#agent/testing/callers.ts'
import { isSignedBy } from './signature.ts'

const issuer = testKey('k1')
const key: VerificationKey = {
  keyId: 'k1',
  algorithms: new Set(['ES256']),
  key: createPublicKey({ key: { ...issuer.jwk }, format: 'jwk' }),
}
const tokenOf = (claims: object): string => signToken(issuer, { kid: 'k1' }, claims)

function jwsOf(text: string): Jws {
  const read = readJws(text)
  assert.ok(read.kind === 'jws')
  return read.jws
}

test('every bit of a token and of its signature counts', () => {
  const text = tokenOf({ sub: 'a' })
  const jws = jwsOf(text)
  assert.equal(isSignedBy(text, jws, key), true)
  for (let at = 0; at < jws.signedLength; at++) {
    const other = `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`
    assert.equal(isSignedBy(other, jws, key), false)
  }
  for (let at = 0; at < jws.signature.length; at++) {
    const signature = jws.signature.slice()
    signature[at] = (signature[at] ?? 0) ^ 1
    assert.equal(isSignedBy(text, { ...jws, signature }, key), false)
  }
})

// What is checked is written to the same memory again and again.
test('a token is checked as it is, whatever was checked before', () => {
  const texts = ['a', 'a longer one '.repeat(200), 'b'].map((sub) => tokenOf({ sub }))
  for (const text of [...texts, ...texts.toReversed()]) {
    assert.equal(isSignedBy(text, jwsOf(text), key), true)
    const [first = ''] = texts
    if (text !== first) assert.equal(isSignedBy(text, jwsOf(first), key), false)
  }
})

test('a signature of another length, or in the form of X.509, proves nothing', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = tokenOf({ sub: 'a' })
  const jws = jwsOf(text)
  const der = sign('sha256', Buffer.from(text.slice(0, jws.signedLength)), privateKey)
  for (const signature of [der, jws.signature.subarray(0, 63), new Uint8Array([...jws.signature, 0])]) {
    assert.equal(isSignedBy(text, { ...jws, signature }, { ...key, key: publicKey }), false)
  }
})

test('a text that is longer than any token is not proven by its beginning', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = 'a'.repeat(TOKEN_LENGTH_MAX + 10)
  const beginning = Buffer.from(text.slice(0, TOKEN_LENGTH_MAX))
  const signature = sign('sha256', beginning, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  const jws = { ...jwsOf(tokenOf({})), signature }
  const known = { ...key, key: publicKey }
  assert.equal(isSignedBy(text, { ...jws, signedLength: TOKEN_LENGTH_MAX }, known), true)
  assert.equal(isSignedBy(text, { ...jws, signedLength: text.length }, known), false)
})
