import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessSentences } from './sentences.ts'

const said = (spec: Record<string, unknown>): readonly string[] =>
  accessSentences({ type: 'access', on: { route: 'orders' }, ...spec }).map(({ text, code }) =>
    code === undefined ? text : `${text} ${code}`,
  )

for (const [what, spec, sentences] of [
  [
    'a public route',
    { public: { owner: 'shop', reason: 'a catalogue' } },
    ['Everybody may call. shop answers for that: a catalogue'],
  ],
  [
    'keys',
    { credentials: [{ kind: 'api_key', header: 'x-key', query: 'key' }] },
    ['The caller proves itself with an API key in x-key or Authorization: Bearer, or in the parameter key'],
  ],
  [
    'every kind of credential',
    {
      credentials: [
        { kind: 'api_key' },
        { kind: 'jwt', issuer: 'idp', dpop: 'require' },
        { kind: 'introspection', issuer: 'old' },
        { kind: 'mtls' },
        { kind: 'signature', covered: ['@method', 'content-digest'], age_ms_max: 90_000 },
      ],
    },
    [
      'The caller proves itself with one of these:',
      '— an API key in x-api-key or Authorization: Bearer',
      '— a token that idp has signed, bound to a key or certificate of the caller',
      '— a token that old says is good',
      '— a client certificate, known by its uri or dns',
      '— a signature over @method and content-digest, at most 1.5 min old',
    ],
  ],
  [
    'scopes, roles and consumers',
    { scopes: ['a'], scopes_any: ['b', 'c'], roles: ['r'], consumers: ['bank', 'ci'] },
    [
      'The caller has the scope a',
      'The caller has one of the scopes b, c',
      'The caller has one of the roles r',
      'The caller is one of bank, ci',
    ],
  ],
  [
    'addresses',
    { addresses: { allow: ['10.0.0.0/8'], deny: ['10.6.6.6'] } },
    ['The request comes from 10.0.0.0/8', 'The request does not come from 10.6.6.6'],
  ],
  [
    'times',
    {
      times: [
        { days: ['fri', 'mon', 'tue', 'wed', 'thu'], from: '08:00', to: '18:00', zone: 'Europe/Berlin' },
        { days: ['sat', 'mon'], zone: 'UTC' },
        { from: '22:00', zone: 'UTC' },
      ],
    },
    [
      'It is open Monday to Friday from 08:00 to 18:00 (Europe/Berlin), Monday and Saturday from 00:00 to 24:00 (UTC) or every day from 22:00 to 24:00 (UTC)',
    ],
  ],
  ['an expression', { expression: "claims.tenant == 'acme'" }, ["And this is true: claims.tenant == 'acme'"]],
] as const) {
  test(`${what} in plain sentences`, () => assert.deepEqual(said(spec), sentences))
}

test('an internal route is told to be for private networks, unless the policy has addresses', () => {
  const texts = (spec: Record<string, unknown>, exposure?: 'public' | 'internal') =>
    accessSentences({ credentials: [{ kind: 'api_key' }], ...spec }, exposure).map(({ text }) => text)
  const inside = 'The request comes from a private network, because the route is internal'
  assert.ok(texts({}, 'internal').includes(inside))
  for (const other of [texts({}, 'public'), texts({}), texts({ addresses: { allow: ['192.0.2.1'] } }, 'internal')]) {
    assert.ok(!other.includes(inside))
  }
})

// The control plane may be newer than the page in the browser.
test('a condition of tomorrow is shown as it was written, never left out', () => {
  assert.deepEqual(said({ moon: { phase: 'full' } }), ['moon: {"phase":"full"}'])
  assert.deepEqual(said({ credentials: [{ kind: 'passkey', level: 2 }] }), [
    'The caller proves itself with {"kind":"passkey","level":2}',
  ])
})
