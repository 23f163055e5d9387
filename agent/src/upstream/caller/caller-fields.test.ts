import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CompiledIdentity, Principal } from '@headgate/core'
import { serviceReference } from '#agent/testing/upstream.ts'
import { addCallerFields, CALLER_BYTES_MAX, type FieldList } from './caller-fields.ts'

const ACME: Principal = {
  consumerId: 'cns_acme',
  consumer: 'acme',
  credentialId: 'key_1',
  credentialKind: 'jwt',
  credentialHint: '',
  scopes: ['orders:read', 'orders:write'],
  roles: ['buyer'],
  claims: { sub: 'u1', org: { id: 7, tags: ['a', 'ü'] }, name: 'Jürgen', none: null, evil: 'a\r\nX-Admin: 1' },
  boundTo: null,
  expiresAtMs: 0,
  limits: [],
}

const identity = (spec: object): CompiledIdentity => serviceReference(['http://a'], { identity: spec }).identity

function said(spec: object, changed: Partial<Principal> = {}): readonly string[] | 'refused' {
  const fields: FieldList = []
  const isSaid = addCallerFields(fields, identity(spec), { ...ACME, ...changed })
  return isSaid ? fields.map(([name, value]) => `${name}: ${value}`) : 'refused'
}

test('consumer, credential, scopes and roles are said in the fields that the service has chosen', () => {
  const headers = { consumer: 'x-caller', credential: 'x-key', scopes: 'x-scopes', roles: 'x-roles' }
  const all = ['x-caller: acme', 'x-key: key_1', 'x-scopes: orders:read orders:write', 'x-roles: buyer']
  assert.deepEqual(said({ headers }), all)
  assert.deepEqual(said({ headers }, { scopes: [], roles: [] }), all.slice(0, 2))
})

test('claims are said as they are where they are texts, and as JSON in ASCII where they are not', () => {
  const claims = [
    { claim: 'sub', header: 'x-user' },
    { claim: 'org.id', header: 'x-org' },
    { claim: 'org.tags', header: 'x-tags' },
  ]
  assert.deepEqual(said({ headers: {}, claims }), ['x-user: u1', 'x-org: 7', String.raw`x-tags: ["a","\u00fc"]`])
})

test('a claim that is not there, or is null, or belongs to no token has no field', () => {
  const claims = [
    { claim: 'org.nothing', header: 'x-a' },
    { claim: 'none', header: 'x-b' },
    { claim: 'toString', header: 'x-c' },
  ]
  assert.deepEqual(said({ headers: {}, claims }), [])
  assert.deepEqual(said({ headers: {}, claims: [{ claim: 'sub', header: 'x-a' }] }, { claims: null }), [])
})

// A value that is changed on its way may be the name of somebody else, or a field of its own.
for (const [title, spec, changed] of [
  ['a line end in a claim', { claims: [{ claim: 'evil', header: 'x-a' }] }, {}],
  ['a letter beyond ASCII in a claim', { claims: [{ claim: 'name', header: 'x-a' }] }, {}],
  ['an empty claim', { claims: [{ claim: 'sub', header: 'x-a' }] }, { claims: { sub: '' } }],
  ['a consumer with a blank behind it', {}, { consumer: 'acme ' }],
  ['a consumer with a line end', {}, { consumer: 'acme\n' }],
  ['a scope that would be two', { headers: { scopes: 'x-a' } }, { scopes: ['orders:read admin'] }],
  ['a role that would be two', { headers: { roles: 'x-a' } }, { roles: ['buyer admin'] }],
  [
    'more than fits beside a head',
    { claims: [{ claim: 'sub', header: 'x-a' }] },
    { claims: { sub: 'a'.repeat(CALLER_BYTES_MAX) } },
  ],
] as const) {
  test(`${title} is refused, and is not changed into something else`, () => {
    assert.equal(said(spec, changed), 'refused')
  })
}
