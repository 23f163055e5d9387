/**
 * Damaged tokens: whatever comes, nothing is thrown, and what is read has one reading only.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { damage, fuzz, pick, type Random } from '#core/testing/damage.ts'
import { decodeBase64url } from './base64url.ts'
import { readJws, readProof, signatureAlgorithms, TOKEN_LENGTH_MAX } from './jws.ts'
import { type JsonObject, parseStrictObject } from './strict-json.ts'

const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url')

const HEADERS = [
  '{"alg":"ES256","kid":"k1","typ":"at+jwt"}',
  '{"alg":"EdDSA","typ":"dpop+jwt","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}',
  '{ "typ" : "application/at+jwt" , "alg" : "PS512" }',
]
const CLAIMS = [
  '{"iss":"https://id.test","aud":["a","b"],"exp":1750000000,"scope":"a b","cnf":{"jkt":"x"}}',
  '{"act":{"sub":"a","act":{"sub":"b"}},"list":[{"a":1},{"a":2}],"text":"\\u0061\\"{}[]:,"}',
  '{}',
]
const PIECES = [
  '"alg":"none",',
  '"alg":"ES256",',
  '"jwk":{},',
  '"crit":["b64"],',
  '"b64":false,',
  '"sub":"a",',
  '"\\u0073ub":"b",',
  '"__proto__":{},',
  '"constructor":1,',
  '\\u0061',
  '\\ud800',
  '\\',
  '"',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '{"a":',
  ' ',
  '\ufeff',
  '1e999',
  '-0',
  'null',
]

/** A text of JSON, damaged or not. */
const jsonText = (texts: readonly string[], random: Random): string => {
  const text = pick(texts, random)
  return random(3) === 0 ? text : damage(text, PIECES, random)
}

function tokenText(random: Random): string {
  const token = `${encode(jsonText(HEADERS, random))}.${encode(jsonText(CLAIMS, random))}.c2ln`
  return random(3) === 0 ? damage(token, ['.', '=', 'A', 'e30', '..', '+', '/', ' ', '\u00e9'], random) : token
}

/** The names of all members, as many as a text has: in JSON that is valid, only the name of a member has a colon behind it. */
const namesWritten = (text: string): number =>
  [...text.matchAll(/"(?:[^"\\]|\\.)*"([ \t\r\n]*:)?/g)].filter(([, colon]) => colon !== undefined).length

/** As many as were read. */
function namesRead(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inner = Object.values(value).reduce<number>((sum, each) => sum + namesRead(each), 0)
  return (Array.isArray(value) ? 0 : Object.keys(value).length) + inner
}

const textOf = (part: string): string => Buffer.from(part, 'base64url').toString('utf8')

function assertOneReading(object: JsonObject, text: string): void {
  assert.deepEqual(object, JSON.parse(text))
  assert.equal(namesRead(object), namesWritten(text), text)
  assert.equal(Object.getPrototypeOf(object), Object.prototype)
}

test('a damaged token is read in one way, or not at all', async (t) => {
  await fuzz(t, (random) => {
    const text = tokenText(random)
    for (const [read, own] of [
      [readJws(text), null],
      [readProof(text), 'jwk'],
    ] as const) {
      if (read.kind !== 'jws') continue
      const [header = '', claims = '', signature = '', ...more] = text.split('.')
      const { jws } = read
      assert.deepEqual(more, [])
      assert.ok(text.length <= TOKEN_LENGTH_MAX)
      for (const part of [header, claims, signature]) {
        assert.equal(Buffer.from(part, 'base64url').toString('base64url'), part)
      }
      assertOneReading(jws.header, textOf(header))
      assertOneReading(jws.claims, textOf(claims))
      assert.ok(signatureAlgorithms.includes(jws.algorithm) && jws.header['alg'] === jws.algorithm)
      for (const name of ['jwk', 'jku', 'x5c', 'x5u', 'crit', 'b64', 'cty', 'zip', 'enc', 'epk', 'p2c', 'p2s']) {
        assert.equal(Object.hasOwn(jws.header, name), name === own, name)
      }
      assert.equal(text.slice(0, jws.signedLength), `${header}.${claims}`)
      assert.ok(jws.signature.length > 0)
    }
  })
})

test('an object is read if and only if all its readers read the same', async (t) => {
  await fuzz(t, (random) => {
    const bytes = Buffer.from(jsonText(CLAIMS, random))
    // Bytes that are no UTF-8, too.
    if (random(4) === 0 && bytes.length > 0) bytes[random(bytes.length)] = random(256)
    const read = parseStrictObject(bytes)
    const text = bytes.toString('utf8')
    if (read !== null) {
      assert.ok(Buffer.from(text).equals(bytes), 'other bytes were read than came')
      assertOneReading(read, text)
      return
    }
    // What is refused is no object, has a name twice or one of the prototype, is nested too deep, or is spelled out oddly.
    const value = parsed(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    const isOdd =
      !Buffer.from(text).equals(bytes) || /__proto__|constructor|prototype|\\/.test(text) || depthOf(value) > 16
    assert.ok(isOdd || namesRead(value) !== namesWritten(text), `refused without a reason: ${text}`)
  })
})

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function depthOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
}

test('bytes have one text, and every other text has none', async (t) => {
  await fuzz(t, (random) => {
    const good = encode(Buffer.from(Array.from({ length: random(24) }, () => random(256))))
    const text = random(4) === 0 ? good : damage(good, ['=', 'A', 'B', '-', '_', '+', '/', '\n'], random)
    const read = decodeBase64url(text)
    const isCanonical = Buffer.from(text, 'base64url').toString('base64url') === text
    assert.equal(read !== null, isCanonical, JSON.stringify(text))
    if (read !== null) assert.equal(encode(read), text)
  })
})

// No bound in time could be held on a busy machine, so what must not happen is what takes hours: a walk over a walk.
test('texts that are made to take long take no longer than others', () => {
  const patterns = [
    '{',
    '[',
    '"',
    '\\',
    '{"a":',
    '[{"a":',
    '"a":"a",',
    '\\u0061',
    '"a" ',
    '.',
    'e30.',
    '{}',
    '":"',
    ' ',
    '\n:',
  ]
  for (const pattern of patterns) {
    for (const before of ['', '{', '{"a":"', '{"a":', '[']) {
      const text = before + pattern.repeat(Math.ceil(200_000 / pattern.length))
      parseStrictObject(Buffer.from(text))
      for (const token of [text, `${encode(text)}.e30.AA`, `e30.${encode(text)}.AA`]) {
        assert.equal(readJws(token).kind, 'malformed')
        assert.equal(readJws(token.slice(0, TOKEN_LENGTH_MAX)).kind, 'malformed')
      }
    }
  }
})
