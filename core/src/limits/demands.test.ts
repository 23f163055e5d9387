import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { alice, facts } from '#core/fakes/request.ts'
import { compiled, limit, route } from '#core/fakes/release.ts'
import type { Facts, LimitDemand, Principal } from '#core/decision.ts'
import { limitDemands } from './demands.ts'

const all = ['consumer', 'credential', 'address', 'service', 'route']

/** What a route asks with limits of these fields. */
function demandsOf(
  specs: readonly Readonly<Record<string, unknown>>[],
  request: Facts = facts(),
  principal: Principal | null = alice,
): readonly LimitDemand[] {
  const limits = specs.map((spec, index) => limit(`l${index}`, { route: 'orders' }, 100, spec))
  const [route_] = compiled(route('orders', '/orders'), route('other', '/other'), ...limits).routes.values()
  assert.ok(route_ !== undefined)
  return limitDemands(route_, request, principal)
}

function keyText(
  key: readonly string[],
  principal: Principal | null,
  request: Facts = facts(),
  spec: Readonly<Record<string, unknown>> = {},
): string {
  return demandsOf([{ key, ...spec }], request, principal)[0]?.key ?? ''
}

test('every part says what it is and how long it is', () => {
  assert.equal(keyText(all, alice), 'c5:cns_1;k5:key_1;a9:127.0.0.1;s4:shop;r6:orders;')
})

test('on a public route the address stands for consumer and credential', () => {
  assert.equal(keyText(['consumer'], null), 'a9:127.0.0.1;')
  assert.equal(keyText(['credential', 'route'], null), 'a9:127.0.0.1;r6:orders;')
})

// Guards against a caller who picks an identity so that its text reads as somebody else's.
test('other callers have other keys, whatever their ids are made of', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '1', ':', ';'), maxLength: 5 })
  fc.assert(
    fc.property(text, text, text, text, (consumerA, credentialA, consumerB, credentialB) => {
      const [a, b] = [
        [consumerA, credentialA],
        [consumerB, credentialB],
      ].map(([consumerId = '', credentialId = '']) =>
        keyText(['consumer', 'credential'], { ...alice, consumerId, credentialId }),
      )
      assert.equal(a === b, consumerA === consumerB && credentialA === credentialB)
    }),
  )
})

test('a consumer that is named like an address is not that address', () => {
  assert.notEqual(keyText(['consumer'], { ...alice, consumerId: '127.0.0.1' }), keyText(['consumer'], null))
})

test('callers that are no consumers here are counted apart, and apart from consumers', () => {
  const stranger = (credentialId: string): Principal => ({ ...alice, consumerId: '', credentialId })
  const [ann, ben] = [keyText(['consumer'], stranger('login:ann')), keyText(['consumer'], stranger('login:ben'))]
  assert.notEqual(ann, ben)
  assert.notEqual(ann, keyText(['consumer'], { ...alice, consumerId: 'login:ann' }))
})

test('all callers of a tenant are one', () => {
  assert.equal(keyText(['tenant'], alice), keyText(['tenant'], null, facts({ address: '127.0.0.9' })))
})

test('addresses with the same prefix are one, however they are written', () => {
  const of = (address: string, spec = {}) => keyText(['address'], null, facts({ address }), spec)
  assert.equal(of('192.0.2.7'), 'a9:192.0.2.7;')
  assert.equal(of('10.1.2.3', { ipv4_prefix: 12 }), 'a11:10.0.0.0/12;')
  assert.equal(of('10.15.2.3', { ipv4_prefix: 12 }), of('10.0.0.1', { ipv4_prefix: 12 }))
  assert.notEqual(of('10.16.2.3', { ipv4_prefix: 12 }), of('10.0.0.1', { ipv4_prefix: 12 }))
  // A whole network by default: who has one has all of its addresses.
  assert.equal(of('2001:db8:0:1::7'), 'a17:2001:db8:0:1::/64;')
  assert.equal(of('2001:0DB8:0000:0001:ffff:0:0:1'), of('2001:db8:0:1::7'))
  assert.notEqual(of('2001:db8:0:2::7'), of('2001:db8:0:1::7'))
  assert.equal(of('2001:db8:abcd::1', { ipv6_prefix: 40 }), 'a18:2001:db8:ab00::/40;')
  const whole = { ipv6_prefix: 128 }
  assert.equal(of('::1', whole), of('0:0:0:0:0:0:0:1', whole))
  assert.notEqual(of('::1', whole), of('::2', whole))
})

test('an address that is kept is not told for another length of the prefix', () => {
  const of = (bits: number) => keyText(['address'], null, facts({ address: '2001:db8::5' }), { ipv6_prefix: bits })
  assert.deepEqual(
    [of(32), of(128), of(32)],
    ['a13:2001:db8::/32;', 'a24:2001:db8:0:0:0:0:0:5/128;', 'a13:2001:db8::/32;'],
  )
})

test('whoever leaves a header out is counted with all who do, and several fields are no single one', () => {
  const of = (value: string | readonly string[] | null) =>
    keyText(['header:x-plan'], alice, facts({}, value === null ? {} : { 'x-plan': value }))
  assert.equal(of('gold'), 'h4:gold;')
  assert.equal(of(null), 'h;')
  assert.equal(new Set([of(null), of(''), of('a'), of(['a', 'a']), of('a;h1:a')]).size, 5)
})

test('callers are counted by a claim, and by who they are when they lack it', () => {
  const of = (claims: Principal['claims']) => keyText(['claim:org.id'], { ...alice, claims })
  assert.equal(of({ org: { id: 'a1' } }), 'm2:a1;')
  assert.equal(of({ 'org.id': 'a1' }), 'm2:a1;')
  assert.notEqual(of({ org: { id: 7 } }), of({ org: { id: '7' } }))
  assert.equal(of({ org: {} }), 'k5:key_1;')
  assert.equal(of(null), 'k5:key_1;')
  assert.equal(keyText(['claim:org.id'], null), 'a9:127.0.0.1;')
})

const costs = [
  { routes: ['orders'], methods: ['DELETE'], cost: 50 },
  { methods: ['DELETE', 'POST'], cost: 5 },
  { routes: ['other'], cost: 9 },
  { methods: ['HEAD'], cost: 0 },
]

test('the first cost that fits counts, and all others cost one', () => {
  const costOf = (method: string) => demandsOf([{ costs }], facts({ method })).map(({ cost }) => cost)
  assert.deepEqual(['DELETE', 'POST', 'GET'].map(costOf), [[50], [5], [1]])
})

test('a request that is free asks nothing of the limit, and the others are asked', () => {
  assert.deepEqual(demandsOf([{ costs }], facts({ method: 'HEAD' })), [])
  const two = demandsOf([{ costs }, {}], facts({ method: 'HEAD' }))
  assert.deepEqual(
    two.map(({ limit: { policy } }) => policy),
    ['l1'],
  )
})

test('bytes cost nothing before they have passed', () => {
  const [demand] = demandsOf([{ requests: undefined, bytes: 1_000 }])
  assert.deepEqual([demand?.cost, demand?.limit.unit], [0, 'bytes'])
})
