import assert from 'node:assert/strict'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { FAKE_TOKEN, type Handlers, startFakeAdminApi } from '#cli/fakes/admin-api.ts'
import { runInProcess } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

const root = temporaryFolder('cli')

test('login keeps a token for its owner alone, and reads it from standard input only', async () => {
  const handlers: Handlers = {
    whoami: () => ({ operator: samples.operator, via: 'token' }),
    listTenants: () => ({
      data: [{ id: 'ten_01', name: 'default', created_at: '2026-01-02T03:04:05.678Z' }],
      next_cursor: null,
      has_more: false,
    }),
    listEnvironments: () => ({ data: [samples.environment], next_cursor: null, has_more: false }),
  }
  await using api = await startFakeAdminApi(handlers)
  const cwd = join(root, 'login')
  await mkdir(cwd)
  const { code, stdout, stderr } = await runInProcess(['login', api.url], cwd, {}, `${FAKE_TOKEN}\n`)
  assert.deepEqual([code, stdout], [0, ''], stderr)
  assert.doesNotMatch(stderr, new RegExp(FAKE_TOKEN))
  const file = join(cwd, '.config', 'headgate', 'context.json')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), {
    url: api.url,
    token: FAKE_TOKEN,
    tenant: 'default',
    environment: 'dev',
  })
  const again = await runInProcess(['whoami'], cwd)
  assert.equal(again.code, 0, again.stderr)
})

test('login uses a pasted welcome link once for a token', async () => {
  await using api = await startFakeAdminApi({
    welcome: () => ({ operator: samples.operator, token: FAKE_TOKEN }),
    whoami: () => ({ operator: samples.operator, via: 'token' }),
    listTenants: () => ({ data: [], next_cursor: null, has_more: false }),
  })
  const cwd = join(root, 'welcome')
  await mkdir(cwd)
  const { code, stderr } = await runInProcess(
    ['login', '--name', 'me'],
    cwd,
    {},
    `${api.url}/welcome#${'c'.repeat(43)}\n`,
  )
  assert.equal(code, 0, stderr)
  assert.deepEqual(api.calls[0]?.body, { code: 'c'.repeat(43), name: 'me', want: 'token' })
})
