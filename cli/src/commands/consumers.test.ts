import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headgate } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

test('consumers create takes roles', async () => {
  const { code, stdout, api } = await headgate(['consumers', 'create', 'alice', '--role', 'reader'], {
    createConsumer: () => samples.consumer,
  })
  assert.equal(code, 0)
  assert.match(stdout, /Roles +reader\n/)
  assert.deepEqual(api.calls[0]?.body, { name: 'alice', roles: ['reader'] })
})

test('consumers update sets the roles that are named, and none with --no-roles', async () => {
  for (const [options, roles] of [
    [
      ['--role', 'reader', '--role', 'on-call'],
      ['reader', 'on-call'],
    ],
    [['--no-roles'], []],
  ] as const) {
    const { code, api } = await headgate(['consumers', 'update', 'alice', ...options], {
      getConsumer: () => samples.consumer,
      updateConsumer: () => samples.consumer,
    })
    assert.equal(code, 0)
    assert.deepEqual([api.calls.at(-1)?.body, api.calls.at(-1)?.ifMatch], [{ roles: [...roles] }, '"4"'])
  }
})

test('3 when consumers update is not told which roles, or told two things', async () => {
  for (const options of [[], ['--role', 'a', '--no-roles']]) {
    const { code, stderr, api } = await headgate(['consumers', 'update', 'alice', ...options])
    assert.equal(code, 3)
    assert.match(stderr, /which roles\?/)
    assert.equal(api.calls.length, 0)
  }
})

test('consumers rm counts what would be revoked, and does nothing unless somebody says yes', async () => {
  const page = <T>(data: readonly T[]) => ({ data: [...data], next_cursor: null, has_more: false })
  const handlers = {
    listKeys: () => page([samples.key, { ...samples.key, state: 'revoked' as const }]),
    listCredentials: () => page([samples.credential]),
    deleteConsumer: () => undefined,
  }
  const refused = await headgate(['consumers', 'rm', 'alice'], handlers)
  assert.equal(refused.code, 3)
  assert.match(refused.stderr, /this would delete consumer alice and revoke 2 active credentials/)
  const { code, api } = await headgate(['consumers', 'rm', 'alice', '--yes'], handlers)
  assert.deepEqual([code, api.calls.at(-1)?.operation], [0, 'deleteConsumer'])
})
