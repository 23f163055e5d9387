import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { CERTIFICATE, CERTIFICATE_WITH_COMMA, PUBLIC_KEY } from '#cli/fakes/credentials.ts'
import type { Handlers } from '#cli/fakes/admin-api.ts'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

const changed = { ...samples.credential, receipt: samples.receipt }
const taking: Handlers = { createCredential: () => changed, getConsumer: () => samples.consumer }
const create = ['credentials', 'create', '--consumer', 'ci']

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .publicKey.export({ format: 'pem', type: 'spki' })
  .toString()
const secret = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

const files = {
  'ci.pem': CERTIFICATE,
  'comma.pem': CERTIFICATE_WITH_COMMA,
  'key.pem': PUBLIC_KEY,
  'ec.pem': ec,
  'secret.pem': secret,
}

for (const [options, identity] of [
  [['--certificate', 'ci.pem', '--by', 'uri'], { kind: 'uri', value: 'spiffe://acme/ci' }],
  [['--certificate', 'ci.pem'], { kind: 'uri', value: 'spiffe://acme/ci' }],
  [['--certificate', '-', '--by', 'email'], { kind: 'email', value: 'ci@acme.test' }],
  [['--certificate', 'ci.pem', '--by', 'subject'], { kind: 'subject', value: 'O=acme,CN=ci' }],
  [
    ['--certificate', 'ci.pem', '--by', 'fingerprint'],
    { kind: 'fingerprint', value: 'bb9550db82b802c0c3aa8854e16d6976a5e09e5d31acfc15f4f3617dffb2bc41' },
  ],
  // Without care for quotes this would be two names, of which one is somebody else's.
  [['--certificate', 'comma.pem'], { kind: 'uri', value: 'urn:acme:a,b' }],
  [['--identity', 'dns:ci.acme.test'], { kind: 'dns', value: 'ci.acme.test' }],
] as const) {
  test(`credentials create ${options.join(' ')} takes ${identity.kind} ${identity.value}`, async () => {
    const { code, stderr, api } = await headgate([...create, ...options], taking, { files, input: CERTIFICATE })
    assert.equal(code, 0, stderr)
    const body = api.calls.at(-1)?.body as { kind: string; identity: unknown }
    assert.deepEqual([body.kind, body.identity], ['certificate', identity])
    assert.match(stderr, /\+ crd_01 {2}uri:spiffe:\/\/acme\/ci\n[^]*acted on by 1 of 1/)
  })
}

test('credentials create takes a public key and scopes, and makes the consumer', async () => {
  const args = [...create, '--public-key', 'key.pem', '--key-id', 'bank-2026', '--scope', 'payments:write']
  const { code, stderr, api } = await headgate(args, { createCredential: () => changed }, { files })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\+ consumer ci\n/)
  assert.deepEqual(api.calls.at(-1)?.body, {
    kind: 'signing_key',
    key_id: 'bank-2026',
    algorithm: 'ed25519',
    public_key: PUBLIC_KEY,
    consumer: 'ci',
    create_consumer: true,
    name: '',
    scopes: ['payments:write'],
    addresses: [],
  })
})

test('a shared secret is named, never sent', async () => {
  const args = [...create, '--secret-ref', 'env://BANK_SECRET', '--key-id', 'bank']
  const { code, api } = await headgate(args, taking)
  assert.equal(code, 0)
  const body = api.calls.at(-1)?.body as Record<string, unknown>
  assert.deepEqual([body['algorithm'], body['secret']], ['hmac-sha256', 'env://BANK_SECRET'])
})

for (const [what, options, message] of [
  ['nothing that proves', [], /what proves the consumer\?/],
  ['two things that prove', ['--certificate', 'ci.pem', '--public-key', 'key.pem'], /proven in one way/],
  ['a key without its id', ['--public-key', 'key.pem'], /needs --key-id/],
  ['a private key', ['--public-key', 'secret.pem', '--key-id', 'a'], /holds a private key/],
  ['a key of another algorithm', ['--public-key', 'ec.pem', '--key-id', 'a'], /no Ed25519 public key/],
  ['a certificate that is none', ['--certificate', 'key.pem'], /no certificate in PEM/],
  ['a choice of names', ['--certificate', 'ci.pem', '--by', 'dns'], /has 2 names[^]*--identity dns:ci2\.acme\.test/],
  ['a name that is not in it', ['--certificate', 'comma.pem', '--by', 'dns'], /has no dns\n[^]*--by uri, --by subject/],
  ['an identity of no kind', ['--identity', 'spiffe://acme/ci'], /names nobody/],
  ['a kind that is none', ['--certificate', 'ci.pem', '--by', 'name'], /name/],
] as const) {
  test(`3 when credentials create is given ${what}`, async () => {
    const { code, stderr, api } = await headgate([...create, ...options], taking, { files })
    assert.equal(code, 3)
    assert.match(stderr, message)
    assert.equal(api.calls.length, 0)
  })
}

test('credentials ls says what proves each, and when it was used', async () => {
  const key = {
    ...samples.credential,
    id: 'crd_02',
    kind: 'signing_key' as const,
    identity: null,
    key_id: 'bank',
    algorithm: 'hmac-sha256' as const,
    secret: 'env://BANK_SECRET',
    last_used: null,
  }
  const args = ['credentials', 'ls', '--consumer', 'ci', '--kind', 'certificate', '--state', 'active']
  const { code, stdout, api } = await headgate(args, {
    listCredentials: () => ({ data: [samples.credential, key], next_cursor: null, has_more: false }),
  })
  assert.equal(code, 0)
  assert.match(stdout, /crd_01 +ci +certificate +uri:spiffe:\/\/acme\/ci +active +orders:read +[0-9]+ d ago/)
  assert.match(
    stdout,
    /crd_02 +ci +signing_key +keyid bank, hmac-sha256, env:\/\/BANK_SECRET +active +orders:read +never/,
  )
  const { limit: _limit, ...filter } = api.calls[0]?.query ?? {}
  assert.deepEqual(filter, { consumer: 'ci', kind: 'certificate', state: 'active' })
})

test('credentials grant adds to the scopes, disable and enable switch', async () => {
  const handlers: Handlers = { getCredential: () => samples.credential, updateCredential: () => changed }
  for (const [args, body] of [
    [['grant', 'crd_01', '--scope', 'orders:delete'], { scopes: ['orders:read', 'orders:delete'] }],
    [['disable', 'crd_01'], { disabled: true }],
    [['enable', 'crd_01'], { disabled: false }],
  ] as const) {
    const { code, api } = await headgate(['credentials', ...args], handlers)
    assert.equal(code, 0)
    assert.deepEqual(api.calls.at(-1)?.body, body)
  }
})

test('credentials revoke --wait fails when a connected agent does not answer', async () => {
  const receipt = { ...samples.receipt, pending: [{ id: 'agt_02', name: 'eu-2', group: 'eu' }] }
  const { code, stderr } = await headgate(['credentials', 'revoke', 'crd_01', '--wait', '--timeout', '2s'], {
    getCredential: () => samples.credential,
    revokeCredential: () => ({ ...samples.credential, state: 'revoked', receipt }),
  })
  assert.equal(code, 1)
  assert.match(stderr, /crd_01 \(uri:spiffe:\/\/acme\/ci\) is revoked[^]*error: no answer within .* from eu-2/)
})
