import assert from 'node:assert/strict'
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '@headgate/kit/testing.ts'
import { CliError } from '#cli/exit.ts'
import { readContext, writeContext } from './context.ts'
import { createFetch } from './fetch.ts'
import { findContext, userContext } from './find.ts'

const root = temporaryFolder('cli')

const home = join(root, 'home')
const deep = join(root, 'work', 'a', 'b')
await mkdir(deep, { recursive: true })
const nearest = join(root, 'work', '.headgate', 'context.json')
const users = userContext({ home, env: {} })
await writeContext(nearest, { url: 'https://near:7600', token: 'near', environment: 'dev' })
await writeContext(users, { url: 'https://user:7600', token: 'user' })

const find = (env: Record<string, string> = {}, { cwd = deep, file }: { cwd?: string; file?: string } = {}) =>
  findContext({ env, cwd, home }, file)

test('the nearest .headgate upward is meant', async () => {
  assert.deepEqual(await find(), {
    source: nearest,
    context: { url: 'https://near:7600', token: 'near', environment: 'dev' },
  })
})

test('without one, the file of the user is meant', async () => {
  assert.equal((await find({}, { cwd: root })).source, users)
})

test('HEADGATE_URL stands before every file', async () => {
  const { context, source } = await find({ HEADGATE_URL: 'https://env:7600', HEADGATE_TOKEN: 'env' })
  assert.deepEqual({ context, source }, { context: { url: 'https://env:7600', token: 'env' }, source: 'environment' })
})

// An operator who exports another address must not hand it the token of the first one.
test('a token of a file is never sent to an address of the environment', async () => {
  const { context } = await find({ HEADGATE_URL: 'https://env:7600' })
  assert.equal(context.token, undefined)
})

test('a context that is named stands before the environment', async () => {
  assert.equal((await find({ HEADGATE_URL: 'https://env:7600' }, { file: nearest })).context.url, 'https://near:7600')
})

test('a context that is named and missing is a usage error, not the next best one', async () => {
  await assert.rejects(
    find({}, { file: 'missing.json' }),
    (thrown) => thrown instanceof CliError && thrown.exitCode === 3,
  )
})

test('HEADGATE_ENVIRONMENT and HEADGATE_TENANT stand over what the file says', async () => {
  const { context } = await find({ HEADGATE_ENVIRONMENT: 'staging', HEADGATE_TENANT: 'acme' })
  assert.deepEqual([context.tenant, context.environment], ['acme', 'staging'])
})

test('the token may come from a file', async () => {
  const file = join(root, 'token')
  await writeFile(file, 'hgp_file\n')
  assert.equal((await find({ HEADGATE_TOKEN_FILE: file })).context.token, 'hgp_file')
})

test('a context file is written for its owner alone', async () => {
  assert.equal((await stat(nearest)).mode & 0o777, 0o600)
})

test('a context file that others can read is refused', async () => {
  const open = join(root, 'open.json')
  await writeFile(open, '{"url":"https://x:1"}')
  await chmod(open, 0o644)
  await assert.rejects(readContext(open), /can be read by others/)
})

for (const text of ['', '{', '[]', '{"token":"x"}', '{"url":1}', 'null']) {
  test(`a context file of ${JSON.stringify(text)} is damaged, not empty`, async () => {
    const file = join(root, 'damaged.json')
    await writeFile(file, text, { mode: 0o600 })
    await assert.rejects(readContext(file), /is not a context file/)
  })
}

for (const url of [
  'http://headgate.example.com',
  'http://10.0.0.7:7600',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example',
]) {
  test(`a token is not sent in the clear to ${url}`, async () => {
    await assert.rejects(createFetch(url, undefined), /in the clear/)
  })
}

for (const url of ['ftp://localhost', 'localhost:7600', 'nonsense']) {
  test(`${url} is not an address`, async () => {
    await assert.rejects(createFetch(url, undefined), /is not an https:\/\/ address/)
  })
}
