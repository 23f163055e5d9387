import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64url } from './base64url.ts'
import { readJws, readProof, TOKEN_LENGTH_MAX } from './jws.ts'
import { parseStrictObject } from './strict-json.ts'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

const token = (header: unknown, claims: unknown = { sub: 'a' }, signature = 'c2ln'): string =>
  `${encode(header)}.${encode(claims)}.${signature}`

const good = { alg: 'ES256', kid: 'k1', typ: 'at+jwt' }

test('a token is read as it stands', () => {
  const text = token(good, { sub: 'a', aud: ['x'] })
  const read = readJws(text)
  assert.ok(read.kind === 'jws')
  const { header: _, signedLength, signature, ...rest } = read.jws
  assert.deepEqual(rest, { algorithm: 'ES256', keyId: 'k1', type: 'at+jwt', claims: { sub: 'a', aud: ['x'] } })
  assert.equal(text.slice(0, signedLength), text.slice(0, text.lastIndexOf('.')))
  assert.equal(Buffer.from(signature).toString(), 'sig')
})

for (const [name, header] of [
  ['no key id', { alg: 'ES256' }],
  ['a media type with its prefix', { alg: 'PS512', typ: 'application/AT+JWT' }],
  ['a thumbprint, which brings no key', { ...good, x5t: 'abc' }],
  ['a parameter that nobody knows', { ...good, ver: '1' }],
] as const) {
  test(`a header with ${name} is read`, () => assert.equal(readJws(token(header)).kind, 'jws'))
}

// RFC 8725 section 3.1: what is not in the list is refused, whatever it is called.
for (const alg of [
  'none',
  'None',
  'NONE',
  'nOnE',
  'HS256',
  'HS384',
  'HS512',
  'es256',
  'RSA1_5',
  'ES256K',
  'dir',
  '',
  ' ES256',
]) {
  test(`the algorithm ${JSON.stringify(alg)} is not allowed`, () =>
    assert.equal(readJws(token({ ...good, alg })).kind, 'algorithm_not_allowed'))
}

for (const [name, text] of [
  ['empty', ''],
  ['one part', encode(good)],
  ['two parts', `${encode(good)}.${encode({})}`],
  ['four parts', `${token(good)}.a`],
  ['five parts, as an encrypted token has', `${token(good)}.aa.aa`],
  ['no header', `.${encode({})}.c2ln`],
  ['no signature', `${encode(good)}.${encode({})}.`],
  ['a space in front', ` ${token(good)}`],
  ['a line feed behind', `${token(good)}\n`],
  ['padding', `${encode(good)}.${encode({})}.c2lnbg==`],
  ['the other alphabet', `${encode(good)}.${encode({})}.a+/a`],
  ['bits that nobody reads in the signature', `${encode(good)}.${encode({})}.c2lnbh`],
  ['a length that no bytes have', `${encode(good)}.${encode({})}.c2lnb`],
  ['too many characters', token(good, { sub: 'a'.repeat(TOKEN_LENGTH_MAX) })],
  ['a header that is too long', token({ ...good, extra: 'a'.repeat(4_000) })],
  ['a header that is a list', token([good])],
  ['a header that is a text', token('"ES256"')],
  ['a header that is null', token('null')],
  ['a header that is no JSON', token('{alg:"ES256"}')],
  ['a header with a comment', token('{"alg":"ES256"/**/}')],
  ['a header with two algorithms', token('{"alg":"none","alg":"ES256"}')],
  ['a header with two algorithms, one spelled out', token('{"alg":"ES256","\\u0061lg":"none"}')],
  ['a header with a byte order mark', token('\ufeff{"alg":"ES256"}')],
  ['a header with a null behind', token('{"alg":"ES256"}\0')],
  ['an algorithm that is a list', token({ ...good, alg: ['ES256'] })],
  ['an algorithm that is null', token({ ...good, alg: null })],
  ['an algorithm that is a number', token({ ...good, alg: 256 })],
  ['no algorithm', token({ kid: 'k1' })],
  ['a key id that is a number', token({ ...good, kid: 1 })],
  ['a key id that is null', token({ ...good, kid: null })],
  ['a key id that is an object', token({ ...good, kid: {} })],
  ['an empty key id', token({ ...good, kid: '' })],
  ['a key id that is too long', token({ ...good, kid: 'k'.repeat(257) })],
  ['a type that is a list', token({ ...good, typ: ['JWT'] })],
  ['a key of its own', token({ ...good, jwk: { kty: 'EC' } })],
  ['the address of a key', token({ ...good, jku: 'https://evil.test/jwks' })],
  ['a certificate of its own', token({ ...good, x5c: ['MII'] })],
  ['the address of a certificate', token({ ...good, x5u: 'https://evil.test/cert' })],
  ['an extension that must be understood', token({ ...good, crit: ['exp'], exp: 1 })],
  ['an empty list of extensions', token({ ...good, crit: [] })],
  ['claims that are not encoded', token({ ...good, b64: false, crit: ['b64'] })],
  ['b64 alone', token({ ...good, b64: true })],
  ['a token inside', token({ ...good, cty: 'JWT' })],
  ['compression', token({ ...good, zip: 'DEF' })],
  ['claims that are a list', token(good, [])],
  ['claims that are a text', token(good, '"sub"')],
  ['claims with two subjects', token(good, '{"sub":"a","sub":"b"}')],
  ['claims with two subjects further in', token(good, '{"act":{"sub":"a","sub":"b"}}')],
  ['claims with two subjects in a list', token(good, '{"a":[{"sub":1,"sub":2}]}')],
  ['claims for the prototype', token(good, '{"__proto__":{"admin":true}}')],
  ['claims for the prototype, spelled out', token(good, '{"\\u005f_proto__":{"admin":true}}')],
  ['claims with a constructor', token(good, '{"constructor":{}}')],
  ['claims that are nested too deep', token(good, `{"a":${'['.repeat(20)}${']'.repeat(20)}}`)],
  [
    'claims that are not UTF-8',
    `${encode(good)}.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString('base64url')}.c2ln`,
  ],
  [
    'claims with an overlong form of a letter',
    `${encode(good)}.${Buffer.from('7b22c1a1223a317d', 'hex').toString('base64url')}.c2ln`,
  ],
  ['claims that are no token', `${encode(good)}.e30.c2ln.`],
] as const) {
  test(`a token with ${name} is malformed`, () => assert.equal(readJws(text).kind, 'malformed'))
}

test('whatever text comes, nothing is thrown', () => {
  const part = fc.oneof(fc.base64String(), fc.json().map(encode), fc.constantFrom(encode(good), 'e30', ''), fc.string())
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      readJws(parts.join('.'))
    }),
    { numRuns: 2_000 },
  )
})

test('bytes have one text only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.string({ maxLength: 4 }), (bytes, more) => {
      const text = Buffer.from(bytes).toString('base64url')
      assert.deepEqual(decodeBase64url(text), bytes)
      const read = decodeBase64url(text + more)
      if (read !== null) assert.equal(Buffer.from(read).toString('base64url'), text + more)
    }),
  )
})

test('an object without repeated names is read as JSON.parse reads it', () => {
  const utf8 = new TextEncoder()
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 2 }), fc.jsonValue({ maxDepth: 4 })), (object) => {
      const text = JSON.stringify(object)
      const read = parseStrictObject(utf8.encode(text))
      if (read !== null) assert.deepEqual(read, JSON.parse(text))
    }),
  )
})

test('a name that is repeated anywhere in an object is found', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{2,4}$/), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(names, fc.nat(), fc.nat(), (all, from, to) => {
      const twice = all.toSpliced(to % (all.length + 1), 0, all[from % all.length] ?? '')
      const text = `{${twice.map((name) => `"${name}" : ["\\"${name}\\":",{"x":":"}]`).join(',')}}`
      assert.equal(parseStrictObject(new TextEncoder().encode(text)), null)
      const once = `{${all.map((name) => `"${name}" : ["\\"${name}\\":",{"x":":"}]`).join(',')}}`
      assert.notEqual(parseStrictObject(new TextEncoder().encode(once)), null)
    }),
  )
})

test('a proof of possession brings its key, and nothing else that a token may not bring', () => {
  const kind = (header: object): string => readProof(token({ ...good, typ: 'dpop+jwt', ...header })).kind
  assert.equal(kind({ jwk: { kty: 'EC' } }), 'jws')
  assert.equal(kind({}), 'malformed')
  for (const name of ['jku', 'x5c', 'x5u', 'crit', 'b64']) assert.equal(kind({ jwk: {}, [name]: true }), 'malformed')
})
