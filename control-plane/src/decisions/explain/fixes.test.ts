import { reasons } from '@headgate/core'
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Refused, fixesOf } from './fixes.ts'
import { gatesByOutcome, gatesOf } from './gates.ts'

const refused: Refused = {
  reason: 'scope_missing',
  method: 'DELETE',
  path: '/orders/42',
  address: '10.1.2.3',
  environment: 'dev',
  route: 'orders',
  service: 'orders',
  principal: {
    consumer: 'alice',
    consumer_id: 'cns_1',
    credential_id: 'key_1',
    credential_kind: 'api_key',
    hint: '…Qd4x',
    issuer: null,
    scopes: ['orders:read'],
    roles: [],
  },
  rule: { kind: 'policy', name: 'orders.access', origin: 'headgate.yaml:14' },
  needed: ['orders:delete', 'orders:read'],
  had: ['orders:read'],
  retryAfterMs: 1500,
}

test('every reason has at least one fix, and no command has a hole in it', () => {
  for (const reason of Object.keys(reasons)) {
    for (const principal of [refused.principal, null]) {
      const fixes = fixesOf({ ...refused, reason, principal }, null)
      assert.ok(fixes.length > 0, reason)
      for (const { description, command } of fixes)
        assert.doesNotMatch(`${description} ${command}`, /undefined|\[object/, reason)
    }
  }
})

test('a missing scope is granted, and only the missing one', () => {
  assert.equal(fixesOf(refused, null)[0]?.command, 'headgate keys grant key_1 --scope orders:delete')
})

test('a used-up limit says how long to wait, and which policy it is', () => {
  const [wait, raise] = fixesOf(
    { ...refused, reason: 'limit_exceeded', rule: { kind: 'policy', name: 'orders.limit', origin: '' } },
    null,
  )
  assert.equal(wait?.description, 'Wait 2 s')
  assert.equal(raise?.command, 'headgate policies get orders.limit')
})

test('there are always seven gates in one order, also when only the outcome is known', () => {
  const upstream = { gate: 'upstream' as const, outcome: 'not_reached' as const, detail: '' }
  const names = (views: readonly { gate: string }[]) => views.map(({ gate }) => gate).join(' ')
  const order = 'tls network route identity access limit upstream'
  assert.equal(names(gatesOf([], { tls: '', upstream })), order)
  const stop = { gate: 'tls' as const, outcome: 'stopped' as const, detail: 'no certificate' }
  assert.deepEqual(gatesOf([stop], { tls: '', upstream })[0], stop)
  for (const stopped of ['network', 'upstream', null] as const)
    assert.equal(names(gatesByOutcome(stopped, '', '')), order)
})
