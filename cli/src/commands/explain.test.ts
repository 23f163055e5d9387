import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FakeAdminApi } from '#cli/fakes/admin-api.ts'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

test('explain draws the gate rail', async () => {
  const { code, stdout, api } = await headgate(['explain', 'last'], { explain: () => samples.refusedExplanation })
  assert.equal(code, 0)
  assert.match(stdout, /DELETE \/orders\/42 {3}403 scope_missing[^]*Access ──┃[^]*Needed {3}orders:delete/)
  assert.deepEqual(api.calls[0]?.body, { request_id: 'last' })
})

test('explain of a simulated request sends what was written', async () => {
  const { api } = await headgate(
    [
      'explain',
      '--method',
      'delete',
      '--path',
      '/orders/42?x=1',
      '--as',
      'key_01',
      '--header',
      'x-a: b',
      '--release',
      'draft',
    ],
    { explain: () => samples.refusedExplanation },
  )
  const [call] = api.calls
  assert.ok(call)
  const { request, release } = call.body as { request: Record<string, unknown>; release: string }
  assert.deepEqual(
    [request['method'], request['target'], request['as_key'], release],
    ['DELETE', '/orders/42?x=1', 'key_01', 'draft'],
  )
  assert.deepEqual(request['headers'], [{ name: 'x-a', value: 'b' }])
})

/** The request that the first call was about. */
function requestOf({ calls: [call] }: FakeAdminApi): Record<string, unknown> {
  assert.ok(call)
  return (call.body as { request: Record<string, unknown> }).request
}

const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln'

for (const [what, options, input] of [
  ['a file', ['--jwt', 'token.txt'], ''],
  ['standard input', ['--jwt', '-'], `${TOKEN}\n`],
  ['a field that was pasted', ['--jwt', '-'], `Authorization: Bearer ${TOKEN}\n`],
] as const) {
  test(`explain takes a token from ${what}, and prints it nowhere`, async () => {
    const { code, stdout, stderr, api } = await headgate(
      ['explain', '--path', '/orders', ...options],
      { explain: () => samples.refusedExplanation },
      { files: { 'token.txt': `${TOKEN}\n` }, input },
    )
    assert.equal(code, 0, stderr)
    assert.equal(requestOf(api)['as_token'], TOKEN)
    assert.ok(!`${stdout}${stderr}`.includes(TOKEN))
  })
}

test('explain takes claims of an issuer, and a certificate beside them', async () => {
  const claims = { client_id: 'billing', scope: 'orders:read' }
  const { code, stderr, api } = await headgate(
    ['explain', '--path', '/orders', '--claims', 'claims.json', '--issuer', 'idp', '--credential', 'crd_01'],
    { explain: () => samples.refusedExplanation },
    { files: { 'claims.json': JSON.stringify(claims) } },
  )
  assert.equal(code, 0, stderr)
  const request = requestOf(api)
  assert.deepEqual([request['as_claims'], request['as_credential']], [{ issuer: 'idp', claims }, 'crd_01'])
})

test('explain takes header fields from a file, so that a secret is no argument', async () => {
  const { api } = await headgate(
    ['explain', '--path', '/orders', '--header', '@fields.txt', '--header', 'accept: */*'],
    { explain: () => samples.refusedExplanation },
    { files: { 'fields.txt': 'x-api-key: hgk_secret\n\nx-a: b\n' } },
  )
  assert.deepEqual(requestOf(api)['headers'], [
    { name: 'x-api-key', value: 'hgk_secret' },
    { name: 'x-a', value: 'b' },
    { name: 'accept', value: '*/*' },
  ])
})

for (const [what, options, message] of [
  ['two callers', ['--as', 'key_01', '--jwt', '-'], /different callers/],
  ['claims of nobody', ['--claims', '-'], /belong together/],
  ['an issuer that says nothing', ['--issuer', 'idp'], /belong together/],
  ['claims that are none', ['--claims', '-', '--issuer', 'idp'], /- holds no claims/],
  ['a token that is none', ['--jwt', '-'], /- holds no token/],
  ['a file that is missing', ['--jwt', 'missing.txt'], /missing\.txt cannot be read/],
  ['a field that is none', ['--header', 'hgk_secret'], /--header is not a header field/],
] as const) {
  test(`3 when explain is given ${what}`, async () => {
    const { code, stderr, api } = await headgate(['explain', '--path', '/x', ...options], {}, { input: 'a b' })
    assert.equal(code, 3)
    assert.match(stderr, message)
    // What was given may be a secret.
    assert.doesNotMatch(stderr, /hgk_secret/)
    assert.equal(api.calls.length, 0)
  })
}
