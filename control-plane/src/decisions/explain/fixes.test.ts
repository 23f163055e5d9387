import { reasons } from '@headgate/core'
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Refused, fixesOf } from './fixes.ts'
import { gatesByOutcome, gatesOf } from './gates.ts'

const alice = {
  consumer: 'alice',
  consumer_id: 'cns_1',
  credential_id: 'key_1',
  credential_kind: 'api_key',
  hint: '…Qd4x',
  issuer: null,
  scopes: ['orders:read'],
  roles: [] as string[],
}

const refused: Refused = {
  reason: 'scope_missing',
  method: 'DELETE',
  path: '/orders/42',
  address: '10.1.2.3',
  environment: 'dev',
  route: 'orders',
  service: 'orders',
  principal: alice,
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

const token = {
  ...alice,
  credential_id: 'login:alice',
  credential_kind: 'jwt',
  issuer: 'login',
  hint: 'login',
}

test('a reason of its own has a fix of its own', () => {
  const general = fixesOf({ ...refused, reason: 'path_ambiguous' }, null)[0]?.description
  const sharing = new Set(['host_missing', 'host_invalid', 'method_invalid', 'target_invalid', 'path_ambiguous'])
  for (const reason of Object.keys(reasons)) {
    assert.equal(fixesOf({ ...refused, reason }, null)[0]?.description === general, sharing.has(reason), reason)
  }
})

test('what helps depends on the kind of credential', () => {
  const of = (reason: string, kind: string): string | null | undefined => {
    const principal = {
      ...token,
      credential_kind: kind,
      issuer: kind === 'jwt' ? 'login' : null,
      credential_id: 'crd_1',
    }
    return fixesOf({ ...refused, reason, principal }, null)[0]?.command
  }
  assert.equal(of('scope_missing', 'mtls'), 'headgate credentials grant crd_1 --scope orders:delete')
  assert.equal(of('scope_missing', 'jwt'), 'headgate consumers update alice --role <role>')
  assert.equal(of('credential_expired', 'jwt'), 'headgate issuers get login')
  assert.equal(of('credential_disabled', 'signature'), 'headgate credentials enable crd_1')
})

test('a role is given beside those that the consumer has', () => {
  const [fix] = fixesOf({ ...refused, reason: 'role_missing', needed: ['admin', 'owner'], had: ['reader'] }, null)
  assert.equal(fix?.command, 'headgate consumers update alice --role reader --role admin')
})

// Guards against a caller, or an issuer, that calls itself so that an operator pastes it into a shell.
test('what somebody else chose gets into no command, unless it can be a name here', () => {
  for (const consumer of ["x'; rm -rf ~ #", '--all', '$(id)', 'Alice']) {
    const principal = { ...token, consumer, consumer_id: '', roles: ['$(id)', 'reader'] }
    const [create] = fixesOf({ ...refused, reason: 'consumer_unknown', principal }, null)
    assert.equal(create?.command, 'headgate consumers create <name>')
    const [grant] = fixesOf({ ...refused, principal: { ...principal, consumer_id: 'cns_1' } }, null)
    assert.equal(grant?.command, 'headgate consumers update <name> --role reader --role <role>')
  }
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
