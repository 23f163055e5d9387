import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

test('keys create writes the key alone to standard output', async () => {
  const { code, stdout, stderr, api } = await headgate(
    ['keys', 'create', '--consumer', 'alice', '--scope', 'orders:read', '--scope', 'orders:list'],
    {
      createKey: () => ({ ...samples.key, key: samples.KEY_TEXT, receipt: samples.receipt }),
    },
  )
  assert.deepEqual([code, stdout], [0, `${samples.KEY_TEXT}\n`])
  assert.match(stderr, /\+ consumer alice\n[^]*acted on by 1 of 1 connected agents after 12 ms/)
  const call = api.calls.find(({ operation }) => operation === 'createKey')
  assert.deepEqual((call?.body as { scopes: string[] } | undefined)?.scopes, ['orders:read', 'orders:list'])
})

test('keys revoke --wait fails when a connected agent does not answer', async () => {
  const receipt = { ...samples.receipt, pending: [{ id: 'agt_02', name: 'eu-2', group: 'eu' }] }
  const revoked = { ...samples.key, state: 'revoked' as const, receipt }
  const { code, stderr, api } = await headgate(['keys', 'revoke', 'key_01', '--wait', '--timeout', '2s'], {
    getKey: () => samples.key,
    revokeKey: () => revoked,
  })
  assert.equal(code, 1)
  assert.match(stderr, /key_01 .* is revoked[^]*error: no answer within .* from eu-2/)
  assert.deepEqual(api.calls.at(-1)?.query, { wait: true, timeout_ms: 2_000 })
})

test('keys grant adds to what the key has', async () => {
  const { code, api } = await headgate(['keys', 'grant', 'key_01', '--scope', 'orders:delete'], {
    getKey: () => samples.key,
    updateKey: () => ({ ...samples.key, receipt: null }),
  })
  assert.equal(code, 0)
  assert.deepEqual(api.calls.at(-1)?.body, { scopes: ['orders:read', 'orders:delete'] })
})
