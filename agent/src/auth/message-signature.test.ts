import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { test } from 'node:test'
import { type Facts, readSignature, type SignatureProblem } from '@headgate/core'
import fc from 'fast-check'
import { checkSignature, type SigningKey } from './message-signature.ts'

// The keys and the request of RFC 9421, appendix B.1.4, B.1.5 and B.2.
const ED25519 = createPublicKey(`-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----`)
const SECRET = Buffer.from(
  'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==',
  'base64',
)
const CREATED_MS = 1_618_884_473_000

const fields: Readonly<Record<string, string>> = {
  date: 'Tue, 20 Apr 2021 02:07:55 GMT',
  'content-type': 'application/json',
  'content-digest':
    'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
  'content-length': '18',
}

function facts(more: Readonly<Record<string, string | readonly string[]>>, changed: Partial<Facts> = {}): Facts {
  const all: Readonly<Record<string, string | readonly string[]>> = { ...fields, ...more }
  const header = (name: string): readonly string[] => [all[name] ?? []].flat()
  const base = { method: 'POST', host: 'example.com', path: '/foo', query: '?param=Value&Pet=dog', scheme: 'https' }
  return { ...base, address: '127.0.0.1', header, ...changed } as Facts
}

const hmac: SigningKey = { algorithm: 'hmac-sha256', secret: SECRET }
const ed25519: SigningKey = { algorithm: 'ed25519', publicKey: ED25519 }

function check(
  from: Facts,
  key: SigningKey,
  covered: readonly string[] = [],
  nowMs = CREATED_MS,
): SignatureProblem | 'proven' {
  const read = readSignature(from)
  if (read.kind === 'refused') return read.problem
  return checkSignature(read.signature, key, { covered, ageMsMax: 60_000 }, nowMs) ?? 'proven'
}

const RFC_HMAC = {
  'signature-input': 'sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
  signature: 'sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:',
}
const RFC_ED25519 = {
  'signature-input':
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
  signature: 'sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:',
}

test('the signatures of the standard are proven', () => {
  assert.equal(check(facts(RFC_HMAC), hmac), 'proven')
  assert.equal(check(facts(RFC_ED25519), ed25519), 'proven')
  const read = readSignature(facts(RFC_HMAC))
  assert.ok(read.kind === 'signature' && read.signature.keyId === 'test-shared-secret')
})

test('whatever was signed cannot be changed', () => {
  for (const more of [{ date: 'Tue, 20 Apr 2021 02:07:56 GMT' }, { 'content-type': 'text/plain' }]) {
    assert.equal(check(facts({ ...RFC_HMAC, ...more }), hmac), 'signature')
  }
  for (const changed of [{ method: 'PUT' }, { path: '/bar' }, { host: 'example.org' }]) {
    assert.equal(check(facts(RFC_ED25519, changed), ed25519), 'signature')
  }
  const later = RFC_HMAC['signature-input'].replace('1618884473', '1618884474')
  assert.equal(check(facts({ ...RFC_HMAC, 'signature-input': later }), hmac), 'signature')
  // What was not signed can.
  assert.equal(check(facts(RFC_HMAC, { path: '/bar' }), hmac), 'proven')
})

test('a signature over less than the policy asks for proves too little', () => {
  assert.equal(check(facts(RFC_HMAC), hmac, ['@authority']), 'proven')
  assert.equal(check(facts(RFC_HMAC), hmac, ['@authority', '@path']), 'uncovered')
})

test('a signature counts for its time', () => {
  assert.equal(check(facts(RFC_HMAC), hmac, [], CREATED_MS + 60_000), 'proven')
  assert.equal(check(facts(RFC_HMAC), hmac, [], CREATED_MS + 60_001), 'time')
  assert.equal(check(facts(RFC_HMAC), hmac, [], CREATED_MS - 5_001), 'time')
})

function signed(input: string, key = hmac): Facts {
  const unsigned = facts({ 'signature-input': `a=${input}`, signature: 'a=:AAAA:' })
  const read = readSignature(unsigned)
  if (read.kind === 'refused') return unsigned
  const { base } = read.signature
  const bytes =
    key.algorithm === 'hmac-sha256'
      ? createHmac('sha256', key.secret).update(base, 'latin1').digest()
      : Buffer.alloc(64)
  return facts({ 'signature-input': `a=${input}`, signature: `a=:${bytes.toString('base64')}:` })
}

const end = ';created=1618884473;keyid="k"'

for (const [name, input, expected] of [
  [
    'every component',
    `("@method" "@authority" "@scheme" "@path" "@query" "@request-target" "@target-uri" "date")${end}`,
    'proven',
  ],
  ['an end that has not come', `("@path")${end};expires=1618884474`, 'proven'],
  ['an end that has come', `("@path")${end};expires=1618884473`, 'time'],
  ['the algorithm of its key', `("@path")${end};alg="hmac-sha256"`, 'proven'],
  ['another algorithm', `("@path")${end};alg="ed25519"`, 'signature'],
  ['nothing', `()${end}`, 'malformed'],
  ['a component twice', `("@path" "@path")${end}`, 'malformed'],
  ['a field that is not there', `("x-missing")${end}`, 'malformed'],
  ['a field in capitals', `("Date")${end}`, 'malformed'],
  ['a component of a response', `("@status")${end}`, 'malformed'],
  ['a field in another form', `("date";bs)${end}`, 'malformed'],
  ['a field of another message', `("date";req)${end}`, 'malformed'],
  ['a component that is a number', `(1)${end}`, 'malformed'],
  ['no time', '("@path");keyid="k"', 'malformed'],
  ['a time that is a text', '("@path");created="1618884473";keyid="k"', 'malformed'],
  ['no key', '("@path");created=1618884473', 'malformed'],
  ['an empty key', '("@path");created=1618884473;keyid=""', 'malformed'],
  ['rubbish', '((', 'malformed'],
] as const) {
  test(`a signature over or with ${name}: ${expected}`, () => assert.equal(check(signed(input), hmac), expected))
}

test('one signature, and one of each field', () => {
  assert.equal(check(facts({}), hmac), 'missing')
  assert.equal(check(facts({ signature: RFC_HMAC.signature }), hmac), 'repeated')
  assert.equal(check(facts({ ...RFC_HMAC, signature: [RFC_HMAC.signature, RFC_HMAC.signature] }), hmac), 'repeated')
  const two = `${RFC_HMAC['signature-input']}, b=("@path");created=1;keyid="x"`
  assert.equal(check(facts({ ...RFC_HMAC, 'signature-input': two }), hmac), 'repeated')
  assert.equal(check(facts({ ...RFC_HMAC, signature: 'other=:AAAA:' }), hmac), 'malformed')
})

test('a key of another kind proves nothing', () => {
  const pair = generateKeyPairSync('ed25519')
  assert.equal(check(facts(RFC_ED25519), { algorithm: 'ed25519', publicKey: pair.publicKey }), 'signature')
  assert.equal(check(facts(RFC_ED25519), hmac), 'signature')
  assert.equal(check(facts(RFC_HMAC), ed25519), 'signature')
  const read = readSignature(facts(RFC_ED25519))
  assert.ok(read.kind === 'signature')
  const signature = sign(null, Buffer.from(read.signature.base), pair.privateKey)
  const own: SigningKey = { algorithm: 'ed25519', publicKey: pair.publicKey }
  assert.equal(checkSignature({ ...read.signature, signature }, own, { covered: [], ageMsMax: 1 }, CREATED_MS), null)
})

test('whatever comes, nothing is thrown', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (input, signature) => {
      check(facts({ 'signature-input': input, signature }), hmac)
      check(facts({ 'signature-input': `a=("${input}")${end}`, signature: `a=:${signature}:` }), hmac)
    }),
  )
})
