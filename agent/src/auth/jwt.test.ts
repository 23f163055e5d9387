import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { test } from 'node:test'
import { readJws, type TokenRules } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createKeySource, type KeySource } from '#agent/issuers/key-source.ts'
import type { IssuerKeys } from '#agent/issuers/known-keys.ts'
import { type ProvenToken, proveToken } from './jwt.ts'
import { RecentTokens } from './recent-tokens.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ec521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ed = generateKeyPairSync('ed25519')
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const NOW_MS = Date.now()
const NOW_S = Math.floor(NOW_MS / 1_000)

const rules: TokenRules = {
  issuer: 'https://id.test',
  audiences: ['orders'],
  clockSkewMs: 30_000,
  lifeMsMax: 0,
  types: ['at+jwt'],
  required: [],
  algorithms: ['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'],
}

const published = (): string => {
  const named = { ec, ec384, ec521, rsa, ed }
  const keys = Object.entries(named).map(([kid, pair]) => ({ ...pair.publicKey.export({ format: 'jwk' }), kid }))
  return JSON.stringify({ keys })
}

function keySource(text: () => string = published): KeySource {
  return createKeySource({
    issuer: 'https://id.test',
    fetchKeys: () => Promise.resolve(text()),
    staleMsMax: 1_000,
    clock: systemClock,
    log: createLog({ name: 'test', level: 'fatal' }),
  })
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const HASHES = { 256: 'sha256', 384: 'sha384', 512: 'sha512' } as const

/** Signs as the algorithm says, with whatever key. */
function signed(alg: string, key: KeyObject, header: object = {}, claims: object = {}): string {
  const body = { iss: 'https://id.test', aud: 'orders', exp: NOW_S + 600, sub: 'alice', ...claims }
  const text = `${encode({ alg, typ: 'at+jwt', ...header })}.${encode(body)}`
  const digest = HASHES[Number(alg.slice(2)) as 256] ?? null
  const padding = alg.startsWith('PS') ? { padding: 6, saltLength: 32 } : {}
  const signature = sign(digest, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363', ...padding })
  return `${text}.${signature.toString('base64url')}`
}

function prove(
  text: string,
  keys: IssuerKeys,
  changed: Partial<TokenRules> = {},
  nowMs = NOW_MS,
): ProvenToken | Promise<ProvenToken> {
  const read = readJws(text)
  if (read.kind === 'algorithm_not_allowed') return { kind: 'refused', problem: 'algorithm' }
  assert.ok(read.kind === 'jws')
  return proveToken(text, read.jws, { ...rules, ...changed }, keys, nowMs)
}

async function verify(text: string, changed: Partial<TokenRules> = {}): Promise<string> {
  await using keys = keySource()
  const result = await prove(text, keys, changed)
  return result.kind === 'proven' ? `proven ${String(result.claims['sub'])}` : result.problem
}

for (const [alg, kid, pair] of [
  ['ES256', 'ec', ec],
  ['ES384', 'ec384', ec384],
  ['ES512', 'ec521', ec521],
  ['RS256', 'rsa', rsa],
  ['PS256', 'rsa', rsa],
  ['EdDSA', 'ed', ed],
] as const) {
  test(`a token signed by ${alg} is proven, with and without the name of its key`, async () => {
    assert.equal(await verify(signed(alg, pair.privateKey, { kid })), 'proven alice')
    assert.equal(await verify(signed(alg, pair.privateKey)), 'proven alice')
  })

  test(`one bit more or less and the ${alg} token is refused`, async () => {
    const text = signed(alg, pair.privateKey, { kid })
    const [header = '', body = '', signature = ''] = text.split('.')
    const bytes = Buffer.from(signature, 'base64url')
    for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      assert.equal(await verify(`${header}.${body}.${flipped.toString('base64url')}`), 'signature')
    }
    const other = encode({ iss: 'https://id.test', aud: 'orders', exp: NOW_S + 601, sub: 'mallory' })
    assert.equal(await verify(`${header}.${other}.${signature}`), 'signature')
    assert.equal(await verify(`${header}.${body}.${bytes.subarray(1).toString('base64url')}`), 'signature')
    assert.equal(
      await verify(`${header}.${body}.${Buffer.concat([bytes, Buffer.alloc(1)]).toString('base64url')}`),
      'signature',
    )
    assert.equal(await verify(`${header}.${body}.${Buffer.alloc(bytes.length).toString('base64url')}`), 'signature')
  })
}

test('a key of a stranger proves nothing, whatever it calls itself', async () => {
  assert.equal(await verify(signed('ES256', stranger.privateKey, { kid: 'ec' })), 'signature')
  assert.equal(await verify(signed('ES256', stranger.privateKey, { kid: 'stranger' })), 'key_unknown')
  assert.equal(await verify(signed('ES256', stranger.privateKey)), 'signature')
})

// The classic confusion: the public key, which everybody has, taken for a shared secret.
test('a public key is never a shared secret', async () => {
  for (const material of [
    rsa.publicKey.export({ format: 'pem', type: 'spki' }),
    JSON.stringify(rsa.publicKey.export({ format: 'jwk' })),
  ]) {
    const text = `${encode({ alg: 'HS256', typ: 'at+jwt', kid: 'rsa' })}.${encode({ iss: 'https://id.test', aud: 'orders', exp: NOW_S + 600 })}`
    assert.equal(
      await verify(`${text}.${createHmac('sha256', material).update(text).digest('base64url')}`),
      'algorithm',
    )
  }
})

test('the issuer says which algorithms count, not the token', async () => {
  assert.equal(await verify(signed('RS256', rsa.privateKey, { kid: 'rsa' }), { algorithms: ['PS256'] }), 'algorithm')
  assert.equal(await verify(signed('ES256', ec.privateKey, { kid: 'ec384' })), 'key_unknown')
  assert.equal(await verify(signed('RS256', rsa.privateKey, { kid: 'ec' })), 'key_unknown')
})

// RFC 7518 section 3.4: two numbers of fixed length, not the form that X.509 has.
test('a signature in the other form of ECDSA is refused', async () => {
  const text = signed('ES256', ec.privateKey, { kid: 'ec' })
  const signedText = text.slice(0, text.lastIndexOf('.'))
  const der = sign('sha256', Buffer.from(signedText), { key: ec.privateKey, dsaEncoding: 'der' })
  assert.equal(await verify(`${signedText}.${der.toString('base64url')}`), 'signature')
})

test('claims are judged before any key is asked for', async () => {
  const keys: IssuerKeys = {
    current: () => assert.fail('looked for keys'),
    renew: () => assert.fail('asked for keys'),
  }
  const expired = prove(signed('ES256', ec.privateKey, { kid: 'new' }, { exp: NOW_S - 60 }), keys)
  assert.deepEqual(expired, { kind: 'refused', problem: 'expired' })
})

test('without keys nothing is said about a token', async () => {
  await using keys = keySource(() => {
    throw new Error('down')
  })
  const result = await prove(signed('ES256', ec.privateKey, { kid: 'ec' }), keys)
  assert.deepEqual(result, { kind: 'refused', problem: 'unavailable' })
})

test('a token whose key is known is proven at once, and says how long that counts', async () => {
  await using keys = keySource()
  await keys.renew()
  const untilMs = (claims: object): number => {
    const result = prove(signed('ES256', ec.privateKey, { kid: 'ec' }, claims), keys)
    assert.ok(!(result instanceof Promise) && result.kind === 'proven')
    return result.untilMs
  }
  assert.equal(untilMs({}), NOW_MS + 60_000)
  assert.equal(untilMs({ exp: NOW_S + 10 }), (NOW_S + 10) * 1_000)
})

test('what is remembered is bounded, and what is in use stays', () => {
  const recent = new RecentTokens<{ readonly number: number }>(100)
  recent.put('used', { number: 1 }, 1)
  for (let index = 0; index < 10_000; index++) {
    recent.put(`flood ${index}`, { number: 0 }, 1)
    assert.ok(recent.size <= 101)
    assert.equal(recent.get('used', 1)?.number, 1)
  }
  assert.equal(recent.get('flood 1', 1), null)
})

test('what nobody uses any more is forgotten', () => {
  const recent = new RecentTokens<{ readonly number: number }>(100)
  for (let index = 0; index < 50; index++) recent.put(`once ${index}`, { number: index }, 1)
  recent.put('used', { number: 1 }, 1)
  for (let minute = 1; minute <= 12; minute++) assert.equal(recent.get('used', minute * 60_000)?.number, 1)
  assert.equal(recent.get('once 1', 12 * 60_000), null)
  assert.ok(recent.size <= 2)
})
