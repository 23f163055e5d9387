/**
 * The bin as a process: that exit codes and streams reach the shell. What commands do is in `program.test.ts`.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FAKE_TOKEN, Refused, startFakeAdminApi } from './fakes/admin-api.ts'
import { BIN, runBin } from './fakes/run-bin.ts'
import * as samples from './fakes/samples.ts'

const cwd = await mkdtemp(join(tmpdir(), 'headgate-cli-'))
after(() => rm(cwd, { recursive: true, force: true }))
await writeFile(join(cwd, 'headgate.yaml'), 'kind: route\nname: billing\nspec:\n  service: billing\n  path: /billing\n')

const api = await startFakeAdminApi({
  whoami: () => ({ operator: samples.operator, via: 'token' }),
  applyObjects: () => ({ changes: [samples.addedRoute], unlisted: [], draft_revision: 8, findings: [] }),
  createTenant: () => new Refused('name_taken'),
  createEnvironment: () => new Refused('not_allowed'),
  createKey: () => ({ ...samples.key, key: samples.KEY_TEXT, receipt: samples.receipt }),
  listDecisions: () => ({ data: [], next_cursor: null, has_more: false }),
})
after(() => api[Symbol.asyncDispose]())

const env = {
  HEADGATE_URL: api.url,
  HEADGATE_TOKEN: FAKE_TOKEN,
  HEADGATE_TENANT: 'default',
  HEADGATE_ENVIRONMENT: 'dev',
}

for (const [expected, what, args] of [
  [0, 'what was asked is done', ['whoami']],
  [1, 'there is no such key', ['keys', 'get', 'key_01']],
  [2, 'a file differs', ['diff']],
  [3, 'the arguments make no sense', ['whoami', '--nonsense']],
  [4, 'the role does not allow it', ['environments', 'create', 'staging']],
  [5, 'the name is taken', ['tenants', 'create', 'acme']],
] as const) {
  test(`the exit code is ${expected} when ${what}`, async () => {
    assert.equal((await runBin(args, { cwd, env })).code, expected)
  })
}

test('a key goes to standard output alone, so that KEY=$(...) holds nothing else', async () => {
  const { stdout, stderr } = await runBin(['keys', 'create', '--consumer', 'alice'], { cwd, env })
  assert.equal(stdout, `${samples.KEY_TEXT}\n`)
  assert.doesNotMatch(stderr, new RegExp(samples.KEY_TEXT))
})

test('an interrupt ends a command that waits', async () => {
  const child = spawn(process.execPath, [BIN, 'tail'], {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: cwd, ...env },
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  await new Promise((resolve) => child.stderr.once('data', resolve))
  child.kill('SIGINT')
  assert.equal(await ended, 0)
})

test('a reader that has seen enough is no failure', async () => {
  const child = spawn('sh', ['-c', `'${process.execPath}' '${BIN}' --help | head -1; exit $?`], {
    cwd,
    env: { HOME: cwd },
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part))
  await new Promise((resolve) => child.once('close', resolve))
  assert.equal(text, 'Examples:\n')
})
