/**
 * What all commands have in common, over real HTTP: exit codes, help, and failures told with their fix. That the bin
 * does the same is in `main.services.test.ts`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { Refused, startFakeAdminApi } from '#cli/fakes/admin-api.ts'
import { headgate, runInProcess } from '#cli/fakes/headgate.ts'
import * as samples from '#cli/fakes/samples.ts'

/** An address where nobody listens any more. */
async function deafUrl(): Promise<string> {
  await using api = await startFakeAdminApi({})
  return api.url
}

test('--version and --help go to standard output with 0', async () => {
  for (const option of ['--version', '--help']) {
    const { code, stdout, stderr } = await headgate([option])
    assert.deepEqual([code, stderr], [0, ''])
    assert.notEqual(stdout, '')
  }
})

for (const [what, args, message] of [
  ['an unknown command', ['kees', 'ls'], /Did you mean keys/],
  ['an unknown option', ['keys', 'ls', '--consummer', 'a'], /Did you mean --consumer/],
  ['a missing option', ['keys', 'create'], /--consumer/],
  [
    'a duration that is none',
    ['keys', 'create', '--consumer', 'a', '--expires', 'soon'],
    /--expires soon is not a duration/,
  ],
  ['explain of nothing', ['explain'], /which request/],
  ['explain of a real request with --path', ['explain', 'last', '--path', '/x'], /--path is for a simulated request/],
  ['a release that is none', ['rollback', 'first'], /first is not a release/],
  ['a file that is missing', ['apply', '-f', 'missing.yaml'], /missing\.yaml cannot be read/],
  ['an agent without a join token', ['agent', '--http', 'off', '--https', 'off'], /join token/],
] as const) {
  test(`3 and a hint on ${what}`, async () => {
    const { code, stdout, stderr } = await headgate(args)
    assert.deepEqual([code, stdout], [3, ''])
    assert.match(stderr, message)
  })
}

test('every command has help that begins with two examples', async () => {
  const { stdout } = await headgate(['completion', 'bash'])
  const paths = [...stdout.matchAll(/^ {4}'([a-z ]+)'\)/gm)].map((found) => found[1] ?? '')
  assert.ok(paths.length > 40, String(paths.length))
  // A few, because each is a process: the rest is made by the same function.
  for (const path of ['up', 'keys rotate', 'agents invite', 'services ls', 'context set']) {
    const { stdout: help } = await headgate([...path.split(' '), '--help'])
    assert.match(help, new RegExp(`^Examples:\n {2}\\$ .*${path}.*\n {2}\\$ .*${path}.*\n`))
  }
})

test('4 and the request id without a valid token', async () => {
  const { code, stderr } = await headgate(['whoami'], {}, { env: { HEADGATE_TOKEN: 'hgp_wrong' } })
  assert.equal(code, 4)
  assert.match(stderr, /^error: The request has no valid operator token\n[^]*not_signed_in, request req_test/)
})

test('4 when the role does not allow it', async () => {
  const { code, stderr } = await headgate(['tenants', 'create', 'acme'], {
    createTenant: () => new Refused('not_allowed', 'owner is needed'),
  })
  assert.equal(code, 4)
  assert.match(stderr, /error: Your operator role does not allow this: owner is needed/)
})

test('5 when the name is taken', async () => {
  const { code } = await headgate(['tenants', 'create', 'acme'], { createTenant: () => new Refused('name_taken') })
  assert.equal(code, 5)
})

test('1 and a fix when the control plane is out of reach', async () => {
  const { code, stderr } = await headgate(['whoami'], {}, { env: { HEADGATE_URL: await deafUrl() } })
  assert.equal(code, 1)
  assert.match(stderr, /cannot be reached[^]*fix .*headgate up/)
})

test('1 and the way in when no control plane is known', async () => {
  const { code, stderr } = await runInProcess(['whoami'], temporaryFolder('cli'))
  assert.equal(code, 1)
  assert.match(stderr, /no control plane is known here[^]*headgate up[^]*headgate login/)
})

test('whoami -o json is the answer of the control plane', async () => {
  const whoami = { operator: samples.operator, via: 'token' as const }
  const { code, stdout } = await headgate(['whoami', '-o', 'json'], { whoami: () => whoami })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), whoami)
})

test('a list is read to its end', async () => {
  const second = { ...samples.key, id: 'key_02' }
  const { stdout } = await headgate(['keys', 'ls', '-o', 'name'], {
    listKeys: ({ query }) =>
      query['cursor'] === 'next'
        ? { data: [second], next_cursor: null, has_more: false }
        : { data: [samples.key], next_cursor: 'next', has_more: true },
  })
  assert.equal(stdout, 'key_01\nkey_02\n')
})

test('down says that nothing runs, with 0', async () => {
  const { code, stderr } = await headgate(['down'])
  assert.equal(code, 0)
  assert.match(stderr, /nothing runs/)
})

test('doctor is a failure when something is broken', async () => {
  const { code, stdout } = await headgate(['doctor'], {}, { env: { HEADGATE_URL: await deafUrl() } })
  assert.equal(code, 1)
  assert.match(stdout, /Control plane +cannot be reached/)
})

for (const shell of ['bash', 'zsh'] as const) {
  test(`completion ${shell} knows every command and its options`, async () => {
    const { code, stdout } = await headgate(['completion', shell])
    assert.equal(code, 0)
    assert.match(stdout, /'keys'\) words='create ls get report grant rotate revoke disable enable /)
    assert.match(stdout, /'credentials'\) words='create ls get grant revoke disable enable /)
    assert.match(stdout, /'keys rotate'\) words='--wait --no-wait --overlap /)
  })
}
