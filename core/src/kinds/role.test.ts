import assert from 'node:assert/strict'
import { test } from 'node:test'
import { roleSpec } from './role.ts'

test('a role is a list of scopes, which may be empty', () => {
  assert.deepEqual(roleSpec.parse({ scopes: [] }), { scopes: [] })
  assert.equal(roleSpec.safeParse({ scopes: ['orders:read'], description: 'Reads' }).success, true)
  assert.equal(roleSpec.parse({ scopes: [], priority: 'critical' }).priority, 'critical')
})

test('a role without scopes, with a text for them, or with a scope of two words is refused', () => {
  for (const spec of [
    {},
    { scopes: 'orders:read' },
    { scopes: ['orders:read orders:write'] },
    { scopes: [], admin: true },
    { scopes: [], priority: 'urgent' },
  ]) {
    assert.equal(roleSpec.safeParse(spec).success, false, JSON.stringify(spec))
  }
})
