/**
 * Tokens of a real OpenID provider, proven as the agent proves them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readJws, type TokenRules } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import { createLog } from '@headgate/kit/log.ts'
import { createIntrospectionVerifier } from '#agent/auth/introspection.ts'
import { type ProvenToken, proveToken } from '#agent/auth/jwt.ts'
import { AUDIENCE, CLIENT, type OpenIdProvider, startOpenIdProvider } from '#agent/testing/openid-provider.ts'
import { fetchKeysFrom } from './fetch-keys.ts'
import { introspect } from './introspect.ts'
import { createKeySource, type KeySource } from './key-source.ts'

const log = createLog({ name: 'test', level: 'fatal' })

const rulesOf = ({ issuer }: OpenIdProvider): TokenRules => ({
  issuer,
  audiences: [AUDIENCE],
  clockSkewMs: 30_000,
  lifeMsMax: 0,
  types: ['at+jwt'],
  required: [],
  algorithms: ['ES256'],
})

function keysOf({ issuer }: OpenIdProvider): KeySource {
  const fetchKeys = fetchKeysFrom({ issuer, jwksUrl: null, allowPrivate: true, ca: null })
  return createKeySource({ issuer, fetchKeys, staleMsMax: 86_400_000, clock: systemClock, log })
}

async function prove(text: string, rules: TokenRules, keys: KeySource): Promise<ProvenToken> {
  const read = readJws(text)
  assert.ok(read.kind === 'jws')
  return await proveToken(text, read.jws, rules, keys, Date.now())
}

test('a token by client credentials is proven by discovery, across rotations of the key, with the issuer down', async () => {
  await using provider = await startOpenIdProvider()
  await using keys = keysOf(provider)
  const rules = rulesOf(provider)
  const first = await provider.token('jwt', 'orders:read orders:write')
  const proven = await prove(first, rules, keys)
  assert.ok(proven.kind === 'proven')
  assert.deepEqual([proven.claims['client_id'], proven.claims['scope']], [CLIENT.id, 'orders:read orders:write'])
  provider.rotate()
  const second = await provider.token('jwt')
  assert.equal((await prove(second, rules, keys)).kind, 'proven')
  provider.down = true
  for (const token of [first, second]) assert.equal((await prove(token, rules, keys)).kind, 'proven')
})

test('a token for somebody else is refused', async () => {
  await using provider = await startOpenIdProvider()
  await using keys = keysOf(provider)
  const rules = { ...rulesOf(provider), audiences: ['https://invoices.test'] }
  const refused = await prove(await provider.token('jwt'), rules, keys)
  assert.deepEqual(refused, { kind: 'refused', problem: 'audience' })
})

test('keys of an issuer in a private network are not fetched unless that is allowed', async () => {
  await using provider = await startOpenIdProvider()
  const { issuer } = provider
  const fetchKeys = fetchKeysFrom({ issuer, jwksUrl: null, allowPrivate: false, ca: null })
  await using keys = createKeySource({ issuer, fetchKeys, staleMsMax: 0, clock: systemClock, log })
  const refused = await prove(await provider.token('jwt'), rulesOf(provider), keys)
  assert.deepEqual(refused, { kind: 'refused', problem: 'unavailable' })
  assert.equal(provider.asked.get('/.well-known/openid-configuration'), undefined)
})

test('an opaque token is proven by asking, and refused once it is revoked', async () => {
  await using provider = await startOpenIdProvider()
  const client = { method: 'client_secret_basic', clientId: CLIENT.id, secret: CLIENT.secret } as const
  const url = `${provider.issuer}/token/introspection`
  const address = { url, issuer: provider.issuer, client, timeoutMs: 2_000, allowPrivate: true, ca: null }
  const complaints: string[] = []
  let laterMs = 0
  const clock = { ...systemClock, now: () => Date.now() + laterMs }
  const verifier = createIntrospectionVerifier({
    rules: rulesOf(provider),
    cacheMs: 10_000,
    tokensMax: 100,
    clock,
    ask: async (token) => await introspect(token, address, systemClock),
    onUnavailable: (why) => complaints.push(why),
  })
  const token = await provider.token('opaque')
  const proven = await verifier.verify(token, clock.now())
  assert.ok(proven.kind === 'proven', JSON.stringify([proven, complaints]))
  assert.equal(proven.claims['client_id'], CLIENT.id)
  await provider.revoke(token)
  laterMs = 10_001
  assert.deepEqual(await verifier.verify(token, clock.now()), { kind: 'refused', problem: 'inactive' })
  assert.deepEqual(await verifier.verify('made-up', clock.now()), { kind: 'refused', problem: 'inactive' })
  provider.down = true
  assert.deepEqual(await verifier.verify('another', clock.now()), { kind: 'refused', problem: 'unavailable' })
  assert.deepEqual(complaints, ['the issuer answers 503'])
})

test('a client that is not known to the issuer proves nothing', async () => {
  await using provider = await startOpenIdProvider()
  const client = { method: 'client_secret_basic', clientId: CLIENT.id, secret: 'wrong' } as const
  const url = `${provider.issuer}/token/introspection`
  const address = { url, issuer: provider.issuer, client, timeoutMs: 2_000, allowPrivate: true, ca: null }
  const answer = await introspect('any', address, systemClock)
  assert.deepEqual(answer, { kind: 'unavailable', why: 'the issuer answers 401' })
})
