import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, sign } from 'node:crypto'
import { test } from 'node:test'
import type { Facts } from '@headgate/core'
import { calculateJwkThumbprint } from 'jose'
import { checkProof } from './dpop.ts'
import { RecentTokens } from './recent-tokens.ts'

const NOW_MS = 1_750_000_000_000
const TOKEN = 'the.access.token'
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwkOf = (from: typeof pair): Record<string, unknown> => ({ ...from.publicKey.export({ format: 'jwk' }) })
const thumbprint = await calculateJwkThumbprint(jwkOf(pair))

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function proof(claims: object = {}, header: object = {}, key = pair): string {
  const body = {
    jti: 'a proof',
    htm: 'POST',
    htu: 'https://api.test/orders',
    iat: NOW_MS / 1_000,
    ath: hash('sha256', TOKEN, 'base64url'),
    ...claims,
  }
  const text = `${encode({ alg: 'ES256', typ: 'dpop+jwt', jwk: jwkOf(key), ...header })}.${encode(body)}`
  const signature = sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

function facts(proofs: readonly string[], changed: Partial<Facts> = {}): Facts {
  const header = (name: string): readonly string[] => (name === 'dpop' ? proofs : [])
  const base = {
    method: 'POST',
    host: 'api.test',
    path: '/orders',
    query: '?a=b',
    scheme: 'https',
    address: '127.0.0.1',
  }
  return { ...base, header, ...changed } as Facts
}

const options = (): Parameters<typeof checkProof>[4] => {
  const seen = new Set<string>()
  return {
    algorithms: ['ES256'],
    once: (name) => !seen.has(name) && seen.add(name).has(name),
    keys: new RecentTokens(100),
  }
}

const check = async (proofs: readonly string[], changed: Partial<Facts> = {}, using = options()): Promise<string> =>
  (await checkProof(facts(proofs, changed), TOKEN, thumbprint, NOW_MS, using)) ?? 'proven'

for (const [name, text] of [
  ['as it is meant', proof()],
  ['with the default port', proof({ htu: 'https://api.test:443/orders' })],
  ['with a query, which does not count', proof({ htu: 'https://api.test/orders?x=1#y' })],
  ['with a host in other letters', proof({ htu: 'https://API.test/orders' })],
  ['with a path spelled out', proof({ htu: 'https://api.test/%6frders' })],
  ['of a minute ago', proof({ iat: NOW_MS / 1_000 - 60 })],
  ['from a clock that is ahead', proof({ iat: NOW_MS / 1_000 + 5 })],
] as const) {
  test(`a proof ${name} is accepted`, async () => assert.equal(await check([text]), 'proven'))
}

for (const [name, proofs, problem] of [
  ['without a proof', [], 'missing'],
  ['with two proofs', [proof(), proof()], 'repeated'],
  ['with rubbish', ['rubbish'], 'malformed'],
  ['with a token for a proof', [proof({}, { typ: 'at+jwt' })], 'malformed'],
  ['without the key', [proof({}, { jwk: undefined })], 'malformed'],
  ['with a private key', [proof({}, { jwk: { ...jwkOf(pair), d: 'AA' } })], 'malformed'],
  ['with a shared key', [proof({}, { jwk: { kty: 'oct', k: 'AA' } })], 'malformed'],
  ['with a key of no type', [proof({}, { jwk: { ...jwkOf(pair), kty: 'constructor' } })], 'malformed'],
  ['with a key that is a list', [proof({}, { jwk: [] })], 'malformed'],
  ['with the address of a key', [proof({}, { jku: 'https://evil.test' })], 'malformed'],
  ['with an algorithm that is not asked for', [proof({}, { alg: 'ES384' })], 'algorithm'],
  ['with none', [proof({}, { alg: 'none' })], 'algorithm'],
  ['with a shared secret', [proof({}, { alg: 'HS256' })], 'algorithm'],
  ['for another method', [proof({ htm: 'GET' })], 'mismatch'],
  ['for the method in other letters', [proof({ htm: 'post' })], 'mismatch'],
  ['for another host', [proof({ htu: 'https://evil.test/orders' })], 'mismatch'],
  ['for another path', [proof({ htu: 'https://api.test/invoices' })], 'mismatch'],
  ['for plain HTTP', [proof({ htu: 'http://api.test/orders' })], 'mismatch'],
  ['for no address', [proof({ htu: '/orders' })], 'mismatch'],
  ['for a path that cannot be read', [proof({ htu: 'https://api.test/%ff' })], 'mismatch'],
  ['for another token', [proof({ ath: hash('sha256', 'other', 'base64url') })], 'mismatch'],
  ['for no token', [proof({ ath: undefined })], 'mismatch'],
  ['that is old', [proof({ iat: NOW_MS / 1_000 - 61 })], 'time'],
  ['of tomorrow', [proof({ iat: NOW_MS / 1_000 + 6 })], 'time'],
  ['without a time', [proof({ iat: undefined })], 'malformed'],
  ['with a time that is a text', [proof({ iat: '1' })], 'malformed'],
  ['without a name', [proof({ jti: undefined })], 'malformed'],
  ['with an empty name', [proof({ jti: '' })], 'malformed'],
  ['with a name that is too long', [proof({ jti: 'x'.repeat(257) })], 'malformed'],
  ['by another key', [proof({}, {}, other)], 'key'],
  ['by another key that brings the right one', [proof({}, { jwk: jwkOf(pair) }, other)], 'signature'],
  ['that was changed', [proof().replace(/.{4}$/, 'AAAA')], 'signature'],
] as const) {
  test(`a request ${name} is refused`, async () => assert.equal(await check(proofs), problem))
}

test('a proof counts once', async () => {
  const using = options()
  assert.equal(await check([proof()], {}, using), 'proven')
  assert.equal(await check([proof()], {}, using), 'replayed')
  assert.equal(await check([proof({ jti: 'another' })], {}, using), 'proven')
})

test('a proof that is wrong is not remembered, so that nobody can use up the names of others', async () => {
  const using = options()
  assert.equal(await check([proof({}, { jwk: jwkOf(pair) }, other)], {}, using), 'signature')
  assert.equal(await check([proof()], {}, using), 'proven')
})

test('what cannot be remembered is refused', async () => {
  assert.equal(await check([proof()], {}, { ...options(), once: () => false }), 'replayed')
})

// What is remembered of a key must not let in what a key may not bring.
test('a key that was seen before is looked at again when it is presented in another way', async () => {
  const using = options()
  assert.equal(await check([proof({ jti: '1' })], {}, using), 'proven')
  assert.equal(await check([proof({ jti: '2' })], {}, using), 'proven')
  for (const more of [{ d: 'AA' }, { use: 'enc' }, { key_ops: ['sign'] }, { alg: 'ES384' }]) {
    assert.equal(await check([proof({ jti: '3' }, { jwk: { ...jwkOf(pair), ...more } })], {}, using), 'malformed')
  }
  assert.equal(await check([proof({ jti: '4' }).replace(/.{4}$/, 'AAAA')], {}, using), 'signature')
})
