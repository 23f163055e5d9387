import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { alice, facts } from '#core/fakes/request.ts'
import { compiled, limit, route } from '#core/fakes/release.ts'
import type { Facts, Principal } from '#core/decision.ts'
import { limitDemands } from './demands.ts'

const all = ['consumer', 'credential', 'address', 'service', 'route']

function keyText(key: readonly string[], principal: Principal | null, request: Facts = facts()): string {
  const release = compiled(route('orders', '/orders'), limit('l', { route: 'orders' }, 1, { key }))
  const [route_] = release.routes.values()
  assert.ok(route_ !== undefined)
  return limitDemands(route_, request, principal)[0]?.key ?? ''
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
