import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Caller,
  type RoleGrant,
  mayOnEverything,
  maySomewhere,
  permissionOnTenant,
  visibleTenants,
} from './caller.ts'

const caller = (...roles: RoleGrant[]): Caller => ({
  operatorId: 'op_1',
  name: 'a',
  roles,
  via: 'token',
  credentialId: 'tok_1',
})
const everything = (role: RoleGrant['role']): RoleGrant => ({ tenantId: null, role })
const on = (tenantId: string, role: RoleGrant['role']): RoleGrant => ({ tenantId, role })

test('a role includes the ones below it, and none above', () => {
  for (const [has, needs, allowed] of [
    ['owner', 'owner', true],
    ['owner', 'viewer', true],
    ['editor', 'owner', false],
    ['editor', 'editor', true],
    ['viewer', 'editor', false],
  ] as const) {
    assert.equal(permissionOnTenant(caller(on('t', has)), 't', needs), allowed ? 'allowed' : 'not_allowed')
    assert.equal(mayOnEverything(caller(everything(has)), needs), allowed)
  }
})

test('a role on everything counts on every tenant; a role on a tenant counts there alone', () => {
  assert.equal(permissionOnTenant(caller(everything('editor')), 't', 'editor'), 'allowed')
  assert.equal(permissionOnTenant(caller(on('other', 'owner')), 't', 'viewer'), 'invisible')
  assert.equal(mayOnEverything(caller(on('t', 'owner')), 'viewer'), false)
  assert.equal(maySomewhere(caller(on('t', 'viewer')), 'viewer'), true)
})

test('of two roles on a tenant the higher one counts', () => {
  assert.equal(permissionOnTenant(caller(everything('viewer'), on('t', 'owner')), 't', 'owner'), 'allowed')
  assert.equal(permissionOnTenant(caller(everything('owner'), on('t', 'viewer')), 't', 'owner'), 'allowed')
})

test('an operator without roles may nothing and sees nothing', () => {
  assert.equal(permissionOnTenant(caller(), 't', 'viewer'), 'invisible')
  assert.equal(mayOnEverything(caller(), 'viewer'), false)
  assert.equal(maySomewhere(caller(), 'viewer'), false)
  assert.deepEqual(visibleTenants(caller()), [])
})

test('who has a role on everything sees all tenants', () => {
  assert.equal(visibleTenants(caller(on('t', 'owner'), everything('viewer'))), 'all')
  assert.deepEqual(visibleTenants(caller(on('t', 'owner'), on('u', 'viewer'))), ['t', 'u'])
})
