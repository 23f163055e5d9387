/**
 * Claims of any kind: whatever a token says, nothing is thrown, and nobody gets more than it says plainly.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isBoundCertificate, judgeToken, tokenBinding } from '#core/credentials/token.ts'
import type { CompiledIssuer } from '#core/release.ts'
import { fuzz, jsonValue, pick, type Random } from '#core/testing/damage.ts'
import { claimText, claimTexts, type ClaimRules, judgeClaims } from './claims.ts'
import type { JsonObject } from './strict-json.ts'

const NOW_S = 1_750_000_000
const rules: ClaimRules = {
  issuer: 'https://id.test',
  audiences: ['orders', 'https://api.test'],
  clockSkewMs: 30_000,
  lifeMsMax: 3_600_000,
  types: [],
  required: [{ path: ['tenant'], values: ['acme'] }],
}
const issuer = {
  name: 'id',
  consumerClaim: ['client_id'],
  scopeClaim: ['scope'],
  roleClaim: ['realm', 'roles'],
  admitsUnknown: true,
} as unknown as CompiledIssuer

const good: JsonObject = {
  iss: 'https://id.test',
  aud: ['orders'],
  exp: NOW_S + 60,
  iat: NOW_S,
  nbf: NOW_S,
  tenant: 'acme',
  client_id: 'shop',
  scope: 'a b',
  realm: { roles: ['x'] },
  cnf: { jkt: 'a' },
}

const texts = [
  'orders',
  'https://id.test',
  'https://id.test/',
  'acme',
  'shop',
  'a\tb',
  'a b',
  ' ',
  'a\u2028b',
  'x'.repeat(300),
]

/** Good claims of which one to three say something else. */
function claimsOf(random: Random): JsonObject {
  const claims: Record<string, unknown> = { ...good }
  for (let times = 1 + random(3); times > 0; times--) {
    const name = pick(Object.keys(good), random)
    const values = [
      jsonValue(random),
      pick(texts, random),
      [pick(texts, random)],
      NOW_S - 60 + random(120) / 2,
      undefined,
    ]
    claims[name] = values[random(values.length)]
  }
  return claims
}

test('claims that are good say who made them, for whom and until when, whatever else they say', async (t) => {
  await fuzz(t, (random) => {
    const claims = claimsOf(random)
    const nowMs = NOW_S * 1_000
    const judged = judgeClaims(claims, 'at+jwt', rules, nowMs)
    if (judged.kind === 'bad') return
    const { iss, aud, exp, iat, nbf, tenant } = claims
    assert.equal(iss, rules.issuer)
    assert.ok(rules.audiences.some((name) => name === aud || (Array.isArray(aud) && aud.includes(name))))
    assert.ok(typeof exp === 'number' && nowMs < exp * 1_000 + rules.clockSkewMs)
    assert.ok(typeof iat === 'number' && iat * 1_000 <= nowMs + rules.clockSkewMs + 1 && exp - iat <= 3_600.001)
    assert.ok(nbf === undefined || (typeof nbf === 'number' && nbf * 1_000 <= nowMs + rules.clockSkewMs + 1))
    assert.ok(tenant === 'acme' || (Array.isArray(tenant) && tenant.includes('acme')))
    assert.equal(judged.expiresAtMs, Math.floor(exp * 1_000))
  })
})

test('whoever is named can be sent on and shown: no scope has two words, no name ends a line', async (t) => {
  await fuzz(t, (random) => {
    const claims = claimsOf(random)
    const verified = judgeToken(issuer, { kind: 'jwt', claims, expiresAtMs: 1 }, () => null)
    if (verified.kind === 'denied') {
      assert.equal(verified.reason, 'token_claims_invalid')
      return
    }
    const { consumer, consumerId, scopes, roles, boundTo } = verified.principal
    assert.equal(consumer, claims['client_id'])
    assert.equal(consumerId, '')
    assert.ok(consumer !== '' && consumer.length <= 256 && !/[\u0000-\u001f\u007f-\u009f]/.test(consumer))
    for (const word of [...scopes, ...roles]) assert.match(word, /^[^\s\u0000-\u001f\u007f-\u009f]+$/)
    // Every right stands in the claim, to the letter.
    const said = claimTexts(claims, ['scope']) ?? []
    for (const scope of scopes) assert.ok(said.includes(scope))
    const binding = tokenBinding(claims)
    assert.equal(boundTo, binding.kind === 'key' || binding.kind === 'certificate' ? binding.kind : null)
    if (claims['cnf'] !== undefined) assert.notEqual(binding.kind, 'none')
  })
})

test('a path into claims finds what stands there, and nothing of the language', async (t) => {
  await fuzz(t, (random) => {
    const claims = Object.fromEntries(['a', 'sub', 'scope'].map((name) => [name, jsonValue(random)]))
    const path = Array.from({ length: 1 + random(3) }, () =>
      pick(['a', 'sub', 'scope', 'length', 'toString', 'constructor', '__proto__', '0'], random),
    )
    const text = claimText(claims, path)
    assert.ok(text === null || (typeof text === 'string' && text !== ''))
    const words = claimTexts(claims, path)
    assert.ok(words === null || words.every((word) => typeof word === 'string'))
    if (path.length === 1 && !Object.hasOwn(claims, path[0] ?? '')) assert.deepEqual([text, words], [null, []])
  })
})

test('a certificate is bound by all of its thumbprint', async (t) => {
  await fuzz(t, (random) => {
    const bytes = Buffer.from(Array.from({ length: 32 }, () => random(256)))
    const peer = { kind: 'unverified', certificate: 'c', sha256: bytes.toString('hex'), why: '' } as const
    const text = bytes.toString('base64url')
    assert.ok(isBoundCertificate(text, peer))
    const at = random(text.length)
    const other = text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
    assert.ok(!isBoundCertificate(other, peer))
    assert.ok(!isBoundCertificate(text.slice(0, at), peer))
  })
})
