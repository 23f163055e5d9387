import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayEdit } from './role.ts'

test('an editor of one tenant is offered changes in that tenant alone, a viewer in none', () => {
  const editor = { roles: [{ tenant: 'acme', role: 'editor' as const }] }
  assert.deepEqual([mayEdit(editor, 'acme'), mayEdit(editor, 'default')], [true, false])
  assert.equal(mayEdit({ roles: [{ tenant: null, role: 'owner' }] }, 'default'), true)
  assert.equal(mayEdit({ roles: [{ tenant: null, role: 'viewer' }] }, 'default'), false)
})
