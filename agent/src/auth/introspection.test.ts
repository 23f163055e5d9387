import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimRules } from '@headgate/core'
import { systemClock } from '@headgate/kit/clock.ts'
import type { Introspected } from '#agent/issuers/introspect.ts'
import { createIntrospectionVerifier } from './introspection.ts'
import type { ProvenToken } from './jwt.ts'

const rules: ClaimRules = {
  issuer: 'https://id.test',
  audiences: ['orders'],
  clockSkewMs: 0,
  lifeMsMax: 0,
  types: ['at+jwt'],
  required: [],
}

interface Rig {
  readonly asked: string[]
  readonly complaints: string[]
  nowMs: number
  verify(token: string): Promise<string>
  start(token: string): ProvenToken | Promise<ProvenToken>
}

function rig(answer: (token: string) => Introspected | Promise<Introspected>): Rig {
  const it: Rig = {
    asked: [],
    complaints: [],
    nowMs: 1_750_000_000_000,
    start: (token) => verifier.verify(token, it.nowMs),
    verify: async (token) => {
      const result = await it.start(token)
      return result.kind === 'proven' ? String(result.claims['sub']) : result.problem
    },
  }
  const verifier = createIntrospectionVerifier({
    rules,
    cacheMs: 10_000,
    tokensMax: 100,
    clock: { ...systemClock, now: () => it.nowMs },
    ask: async (token) => {
      it.asked.push(token)
      return await answer(token)
    },
    onUnavailable: (why) => it.complaints.push(why),
  })
  return it
}

const active = (more: Record<string, unknown> = {}): Introspected => ({
  kind: 'active',
  claims: { active: true, sub: 'alice', aud: 'orders', ...more },
})

test('an answer says how long it counts, which is not beyond the end of the token', async () => {
  const it = rig((token) => active(token === 'brief' ? { exp: 1_750_000_004 } : {}))
  const untilMs = async (token: string): Promise<number> => {
    const result = await it.start(token)
    assert.ok(result.kind === 'proven')
    return result.untilMs - it.nowMs
  }
  assert.deepEqual([await untilMs('a'), await untilMs('brief')], [10_000, 4_000])
})

test('a token that is not active is asked about once in a while only', async () => {
  const it = rig(() => ({ kind: 'inactive' }))
  for (let index = 0; index < 100; index++) assert.equal(await it.verify('a'), 'inactive')
  assert.equal(it.asked.length, 1)
  it.nowMs += 10_000
  assert.equal(await it.verify('a'), 'inactive')
  assert.equal(it.asked.length, 2)
})

test('a thousand requests with one token ask once', async () => {
  const it = rig(() => active())
  const all = await Promise.all(Array.from({ length: 1_000 }, async () => await it.verify('a')))
  assert.ok(all.every((name) => name === 'alice'))
  assert.equal(it.asked.length, 1)
})

test('an issuer that does not answer refuses nobody for longer than it is away', async () => {
  let answer: Introspected = { kind: 'unavailable', why: 'down' }
  const it = rig(() => answer)
  assert.equal(await it.verify('a'), 'unavailable')
  answer = active()
  assert.equal(await it.verify('a'), 'alice')
  assert.deepEqual(it.complaints, ['down'])
})

test('tokens that are being asked about are bounded', async () => {
  const { promise, resolve } = Promise.withResolvers<Introspected>()
  const it = rig(() => promise)
  const waiting = Array.from({ length: 256 }, (_, index) => it.start(`t${index}`))
  assert.deepEqual(it.start('one-more'), { kind: 'refused', problem: 'unavailable' })
  resolve(active())
  for (const each of waiting) await each
  assert.equal(await it.verify('one-more'), 'alice')
})

for (const [name, claims, problem] of [
  ['for somebody else', { aud: 'invoices' }, 'audience'],
  ['for nobody', { aud: undefined }, 'audience'],
  ['of another issuer', { iss: 'https://evil.test' }, 'issuer'],
  ['that has ended', { exp: 1_750_000_000 }, 'expired'],
  ['whose end is a text', { exp: '9999999999' }, 'claims'],
  ['that does not count yet', { nbf: 1_750_000_001 }, 'not_yet_valid'],
] as const) {
  test(`an active token ${name} is refused`, async () =>
    assert.equal(await rig(() => active(claims)).verify('a'), problem))
}

for (const token of ['', ' ', 'a b', 'a,b', 'ä', 'a\n', 'a=b', 'x'.repeat(8_193)]) {
  test(`${JSON.stringify(token.slice(0, 10))} is no token, and nobody is asked`, async () => {
    const it = rig(() => active())
    assert.equal(await it.verify(token), 'malformed')
    assert.equal(it.asked.length, 0)
  })
}
