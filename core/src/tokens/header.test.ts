import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readProofHeader, readTokenHeader } from './header.ts'

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const jwk = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }

test('a header that was read before is the same one, and nobody can change it', () => {
  const text = encode({ alg: 'ES256', kid: 'same', typ: 'at+jwt' })
  const first = readTokenHeader(text)
  assert.ok(first.kind === 'header')
  assert.equal(readTokenHeader(`${text}`), first)
  assert.throws(() => Object.assign(first.header, { alg: 'none' }), TypeError)
  assert.deepEqual(first, {
    kind: 'header',
    header: { alg: 'ES256', kid: 'same', typ: 'at+jwt' },
    algorithm: 'ES256',
    keyId: 'same',
    type: 'at+jwt',
  })
})

// What was found out about one kind of header must not count for the other.
test('the header of a proof is never that of a token, whichever was read first', () => {
  const proof = encode({ alg: 'ES256', typ: 'dpop+jwt', jwk })
  const plain = encode({ alg: 'ES256', typ: 'dpop+jwt', kid: 'plain' })
  for (let times = 0; times < 2; times++) {
    assert.equal(readProofHeader(proof).kind, 'header')
    assert.equal(readTokenHeader(proof).kind, 'malformed')
    assert.equal(readTokenHeader(plain).kind, 'header')
    assert.equal(readProofHeader(plain).kind, 'malformed')
  }
})

for (const [name, more] of [
  ['a key', { jwk }],
  ['the address of keys', { jku: 'https://evil.test' }],
  ['certificates', { x5c: ['MII'] }],
  ['the address of certificates', { x5u: 'https://evil.test' }],
  ['an extension', { crit: ['exp'], exp: 1 }],
  ['claims that are not encoded', { b64: false }],
  ['a token inside', { cty: 'JWT' }],
] as const) {
  test(`a header with ${name} is refused each time, also behind one without`, () => {
    const good = { alg: 'ES256', kid: `beside ${name}` }
    for (let times = 0; times < 3; times++) {
      assert.equal(readTokenHeader(encode(good)).kind, 'header')
      assert.equal(readTokenHeader(encode({ ...good, ...more })).kind, 'malformed')
      assert.equal(readTokenHeader(encode({ ...good, alg: 'none' })).kind, 'algorithm_not_allowed')
    }
  })
}

test('another text of the same bytes is not what was remembered', () => {
  const text = encode({ alg: 'ES256', kid: 'canonical' })
  assert.equal(readTokenHeader(text).kind, 'header')
  for (const other of [`${text}=`, `${text}\n`, ` ${text}`, text.replace('e', 'e\n')]) {
    assert.equal(readTokenHeader(other).kind, 'malformed', JSON.stringify(other))
  }
})

test('whoever makes up headers makes others be read again, and nothing else', () => {
  const text = encode({ alg: 'ES256', kid: 'usual' })
  const before = readTokenHeader(text)
  for (let index = 0; index < 64; index++) {
    const made = readTokenHeader(encode({ alg: 'RS256', kid: `made up ${index}` }))
    assert.ok(made.kind === 'header' && made.keyId === `made up ${index}`)
  }
  const after = readTokenHeader(text)
  // It was forgotten: so many are remembered and no more.
  assert.notEqual(after, before)
  assert.deepEqual(after, before)
})
