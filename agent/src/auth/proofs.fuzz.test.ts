/**
 * Damaged proofs, and key sets of issuers that mean harm: nothing is thrown, nothing that is damaged proves anything.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync, hash, sign } from 'node:crypto'
import { test } from 'node:test'
import type { Facts } from '@headgate/core'
import { damage, fuzz, jsonValue, pick, type Random } from '@headgate/core/testing/damage.ts'
import { calculateJwkThumbprint } from 'jose'
import { readKeySet } from '#agent/issuers/key-set.ts'
import { checkProof, type ProofOptions } from './dpop.ts'
import { RecentTokens } from './recent-tokens.ts'

const NOW_MS = 1_750_000_000_000
const TOKEN = 'the.access.token'
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const jwk: Record<string, unknown> = { ...pair.publicKey.export({ format: 'jwk' }) }
const thumbprint = await calculateJwkThumbprint(jwk)

const encode = (value: string): string => Buffer.from(value).toString('base64url')
const ath = hash('sha256', TOKEN, 'base64url')
const HEADER = JSON.stringify({ alg: 'ES256', typ: 'dpop+jwt', jwk })
const CLAIMS = `{"jti":"a","htm":"GET","htu":"https://api.test/orders","iat":${NOW_MS / 1_000},"ath":"${ath}"}`
const PIECES = [
  '"htm":"GET",',
  '"ath":"",',
  '"jwk":{},',
  '"crit":[],',
  '"kty":"oct",',
  '{',
  '}',
  '"',
  ':',
  ',',
  '1e999',
  '\\u0061',
]

function facts(proof: string): Facts {
  const header = (name: string): readonly string[] => (name === 'dpop' ? [proof] : [])
  const base = { method: 'GET', host: 'api.test', path: '/orders', query: '', scheme: 'https', address: '127.0.0.1' }
  return { ...base, peer: null, header } as Facts
}

const options: ProofOptions = { algorithms: ['ES256', 'EdDSA', 'RS256'], once: () => true, keys: new RecentTokens(100) }

const signed = (text: string): string =>
  `${text}.${sign('sha256', Buffer.from(text), { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`

const good = signed(`${encode(HEADER)}.${encode(CLAIMS)}`)

test('a damaged proof proves nothing, and no proof is a reason to throw', async (t) => {
  assert.equal(await checkProof(facts(good), TOKEN, thumbprint, NOW_MS, options), null)
  await fuzz(t, async (random) => {
    const ways = [
      () => damage(good, ['.', '=', 'A', '-', '_'], random),
      () => `${encode(damage(HEADER, PIECES, random))}.${encode(CLAIMS)}.${good.split('.')[2]}`,
      () => `${encode(HEADER)}.${encode(damage(CLAIMS, PIECES, random))}.${good.split('.')[2]}`,
    ]
    const text = ways[random(3)]?.() ?? ''
    if (text !== good) assert.notEqual(await checkProof(facts(text), TOKEN, thumbprint, NOW_MS, options), null, text)
  })
})

const members = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'use', 'alg', 'key_ops', 'd', 'k', 'x5c']
const keys = [
  { ...jwk, kid: 'a', use: 'sig', alg: 'ES256' },
  { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'b', key_ops: ['verify'] },
  { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) },
]

/** A set of keys of which some members say something else. */
function keySetText(random: Random): string {
  const changed = Array.from({ length: random(4) }, () => {
    const key: Record<string, unknown> = { ...pick(keys, random) }
    for (let times = random(3); times > 0; times--) {
      const values = [
        jsonValue(random),
        'AAAA',
        '',
        'RSA',
        'EC',
        'OKP',
        'oct',
        'P-256',
        'P-521',
        'Ed25519',
        'none',
        'HS256',
        undefined,
      ]
      key[pick(members, random)] = values[random(values.length)]
    }
    return key
  })
  const text = JSON.stringify({ keys: random(12) === 0 ? jsonValue(random) : changed })
  return random(5) === 0 ? damage(text, PIECES, random) : text
}

test('whatever an issuer publishes, its keys are public, and each is for what fits it', async (t) => {
  let read = 0
  await fuzz(t, (random) => {
    const found = readKeySet(keySetText(random))
    if (found.kind === 'invalid') return
    for (const { key, algorithms, keyId } of found.keySet.keys) {
      read += 1
      assert.equal(key.type, 'public')
      assert.ok(keyId !== '' && algorithms.size > 0)
      const kinds = new Set(
        [...algorithms].map((name) => (/^[RP]S/.test(name) ? 'rsa' : name.startsWith('ES') ? 'ec' : 'ed25519')),
      )
      assert.deepEqual([...kinds], [key.asymmetricKeyType])
      for (const name of algorithms) {
        assert.ok(found.keySet.candidates(name, keyId).length <= 4)
        assert.ok(found.keySet.candidates(name, keyId).every((each) => each.algorithms.has(name)))
      }
      if (keyId !== null) assert.ok(found.keySet.has(keyId))
    }
  })
  assert.ok(read > 0)
})
