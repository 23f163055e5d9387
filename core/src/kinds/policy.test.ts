import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessPolicySpec } from './policy.ts'

const base = { type: 'access', on: { environment: true } } as const
const keys = { ...base, credentials: [{ kind: 'api_key' }] }
const everybody = { ...base, public: { owner: 'team', reason: 'open' } }

/** `path: message` of each problem. */
function problems(spec: unknown): readonly string[] {
  const parsed = accessPolicySpec.safeParse(spec)
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

for (const [title, spec] of [
  ['keys', keys],
  ['everybody', everybody],
  [
    'everybody from some addresses at some times',
    { ...everybody, addresses: { deny: ['10.0.0.0/8'] }, times: [{ zone: 'UTC' }] },
  ],
  [
    'every kind of credential',
    {
      ...base,
      credentials: [
        { kind: 'api_key', header: 'x-key', query: 'api_key' },
        { kind: 'jwt', issuer: 'login' },
        { kind: 'introspection', issuer: 'old', dpop: 'require' },
        { kind: 'mtls', identities: ['subject'] },
        { kind: 'signature', covered: ['@method', 'content-digest'] },
      ],
    },
  ],
  [
    'all conditions',
    {
      ...keys,
      scopes: ['a'],
      scopes_any: ['b'],
      roles: ['r'],
      consumers: ['alice'],
      addresses: { allow: ['10.0.0.0/8', '::1'] },
      times: [{ days: ['mon'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' }],
      expression: 'true',
    },
  ],
] as const) {
  test(`an access policy for ${title} is good`, () => assert.deepEqual(problems(spec), []))
}

for (const [title, spec, path] of [
  ['neither public nor credentials', base, ''],
  ['both', { ...keys, public: everybody.public }, ''],
  ['no credential at all', { ...base, credentials: [] }, 'credentials'],
  ['a kind of credential that is not known', { ...base, credentials: [{ kind: 'cookie' }] }, 'credentials.0.kind'],
  ['a field of another kind', { ...base, credentials: [{ kind: 'jwt', issuer: 'a', header: 'x' }] }, 'credentials.0'],
  ['a reserved header', { ...base, credentials: [{ kind: 'api_key', header: 'cookie' }] }, 'credentials.0.header'],
  ['a parameter with a space', { ...base, credentials: [{ kind: 'api_key', query: 'a b' }] }, 'credentials.0.query'],
  [
    'a derived component that is none',
    { ...base, credentials: [{ kind: 'signature', covered: ['@status'] }] },
    'credentials.0.covered.0',
  ],
  ['scopes on a public route', { ...everybody, scopes: ['a'] }, 'scopes'],
  ['roles on a public route', { ...everybody, roles: ['a'] }, 'roles'],
  ['consumers on a public route', { ...everybody, consumers: ['a'] }, 'consumers'],
  ['no address that is allowed', { ...keys, addresses: { allow: [] } }, 'addresses.allow'],
  ['an address with bits behind the prefix', { ...keys, addresses: { deny: ['10.0.0.1/8'] } }, 'addresses.deny.0'],
  ['a zone that is none', { ...keys, times: [{ zone: 'Berlin' }] }, 'times.0.zone'],
  ['an offset for a zone', { ...keys, times: [{ zone: '+02:00' }] }, 'times.0.zone'],
  ['a night in one window', { ...keys, times: [{ from: '22:00', to: '06:00', zone: 'UTC' }] }, 'times.0.to'],
  ['a window without length', { ...keys, times: [{ from: '08:00', to: '08:00', zone: 'UTC' }] }, 'times.0.to'],
  ['a time behind the end of the day', { ...keys, times: [{ to: '24:01', zone: 'UTC' }] }, 'times.0.to'],
  ['a day that is none', { ...keys, times: [{ days: ['monday'], zone: 'UTC' }] }, 'times.0.days.0'],
  ['an expression of nothing', { ...keys, expression: '' }, 'expression'],
  ['a field that is not known', { ...keys, role: 'a' }, ''],
] as const) {
  test(`an access policy with ${title} is refused`, () => {
    const found = problems(spec)
    assert.ok(
      found.some((problem) => problem.startsWith(`${path}: `)),
      found.join('; '),
    )
  })
}
