import assert from 'node:assert/strict'
import { test } from 'node:test'
import { specs } from '@headgate/admin-api'
import { planProtection, type ProtectOptions } from './plan.ts'

const plan = (options: Partial<ProtectOptions> = {}, url = 'http://localhost:3000') =>
  planProtection(url, { name: 'billing', path: '/', limit: '100/1m', dataLabel: 'internal', ...options }, 'local')

for (const [what, options] of [
  ['nothing more', {}],
  ['a host and a path', { host: ['api.example.com'], path: '/billing' }],
  ['two scopes', { scope: ['a:read', 'a:write'] }],
  ['any key', { anyKey: true }],
  ['callers from everywhere', { exposure: 'public' }],
  ['everybody', { public: true, reason: 'manual', owner: 'docs' }],
] as const) {
  test(`with ${what}, every object is one that the control plane takes`, () => {
    for (const { kind, spec } of plan(options).objects) specs[kind].parse(spec)
  })
}

// A key that was made for one API of an environment must not open the next one that is added.
test('a scope of its own is needed unless somebody says otherwise', () => {
  assert.deepEqual(plan().scopes, ['billing:call'])
  assert.deepEqual(plan({ scope: ['b:r'] }).scopes, ['b:r'])
  assert.deepEqual(plan({ anyKey: true }).scopes, [])
})

for (const [options, exposure] of [
  [{}, 'internal'],
  [{ exposure: 'public' }, 'public'],
  [{ public: true, reason: 'manual' }, 'public'],
  [{ public: true, reason: 'manual', exposure: 'internal' }, 'internal'],
] as const) {
  test(`${JSON.stringify(options)} may be called as ${exposure}`, () => {
    const { spec } = plan(options).objects.find(({ kind }) => kind === 'route') ?? {}
    assert.equal(spec?.['exposure'], exposure)
  })
}

for (const [given, path] of [
  ['/', '/'],
  ['/billing', '/billing'],
  ['/billing/', '/billing'],
  ['/billing/*', '/billing'],
  ['/*', '/'],
] as const) {
  test(`--path ${given} is ${path} and everything below`, () => {
    const { spec } = plan({ path: given }).objects.find(({ kind }) => kind === 'route') ?? {}
    assert.deepEqual([spec?.['path'], spec?.['match']], [path, 'prefix'])
  })
}

for (const [given, target] of [
  ['localhost:3000', 'http://localhost:3000'],
  ['10.0.0.7', 'http://10.0.0.7'],
  ['https://API.example.com/', 'https://api.example.com'],
] as const) {
  test(`${given} is ${target}`, () => assert.equal(plan({}, given).target, target))
}

for (const [what, options, url, message] of [
  ['a target with a path', {}, 'http://a/v1', /more than scheme, host and port/],
  ['a target with a password', {}, 'http://u:p@a', /more than scheme, host and port/],
  ['another scheme', {}, 'ftp://a', /is not an http/],
  ['a path without a slash', { path: 'billing' }, undefined, /--path billing is not a path/],
  ['a limit without a window', { limit: '100' }, undefined, /--limit 100 is not a limit/],
  ['everybody without a reason', { public: true }, undefined, /--public needs --reason/],
  ['everybody with a scope', { public: true, reason: 'x', scope: ['a'] }, undefined, /--public asks for no key/],
  ['any key with a scope', { anyKey: true, scope: ['a'] }, undefined, /either --scope or --any-key/],
] as const) {
  test(`${what} is a usage error`, () => assert.throws(() => plan(options, url), message))
}
