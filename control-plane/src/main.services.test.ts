/**
 * The control plane as a process of its own.
 */
import { createClient } from '@headgate/admin-api'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { createHttpsClient } from './fakes/https-fetch.ts'
import { version } from './version.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

interface Run {
  readonly child: ChildProcess
  readonly output: () => { out: string; err: string }
  readonly ended: Promise<number | null>
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, [MAIN, ...args], {
    // Else each run compiles everything again.
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (part: Buffer) => (out += part.toString()))
  child.stderr.on('data', (part: Buffer) => (err += part.toString()))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return { child, output: () => ({ out, err }), ended }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    await sleep(100)
  }
  throw new Error(`waited in vain for ${what}`)
}

test('--version and --help answer without any setting; an unknown argument is a usage error', async () => {
  const shown = run(['--version'])
  assert.equal(await shown.ended, 0)
  assert.equal(shown.output().out, `${version}\n`)
  const help = run(['--help'])
  assert.equal(await help.ended, 0)
  assert.match(help.output().out, /HEADGATE_MASTER_KEY/)
  assert.equal(await run(['--nonsense']).ended, 3)
})

test('wrong settings are listed on standard error, all at once, with exit code 1', async () => {
  const wrong = run([], { HEADGATE_LOG_LEVEL: 'loud', HEADGATE_REST_LISTN: 'x' })
  assert.equal(await wrong.ended, 1)
  for (const name of ['HEADGATE_MASTER_KEY', 'HEADGATE_LOG_LEVEL', 'did you mean HEADGATE_REST_LISTEN'])
    assert.match(wrong.output().err, new RegExp(name))
})

test('config print shows each setting with its source, and no secret', async () => {
  const masterKey = randomBytes(32).toString('base64')
  const print = run(['config', 'print'], {
    HEADGATE_DATABASE_URL: 'postgresql://u:hunter2@h/d',
    HEADGATE_MASTER_KEY: masterKey,
  })
  assert.equal(await print.ended, 0)
  const { out } = print.output()
  assert.match(out, /^HEADGATE_REST_LISTEN=127\.0\.0\.1:7600 {2}# default$/m)
  assert.match(out, /^HEADGATE_MASTER_KEY=\[secret\] {2}# environment$/m)
  for (const secret of ['hunter2', masterKey]) assert.equal(out.includes(secret), false)
})

test('after SIGTERM what is in flight is finished, and the process ends with 0', async () => {
  await using database = await createTestDatabase()
  const directory = await mkdtemp(join(tmpdir(), 'headgate-main-'))
  const port = await freePort()
  const file = (name: string): string => join(directory, name)
  const running = run([], {
    HEADGATE_DATABASE_URL: database.url,
    HEADGATE_MASTER_KEY: randomBytes(32).toString('base64'),
    HEADGATE_REST_LISTEN: `127.0.0.1:${port}`,
    HEADGATE_LINK_LISTEN: '127.0.0.1:0',
    HEADGATE_STATE_DIR: directory,
    HEADGATE_FIRST_RUN_FILE: file('first-run'),
  })
  try {
    const code = await until(
      'the first-run link',
      async () => /#(\w{43})/.exec(await readFile(file('first-run'), 'utf8'))?.[1],
    )
    using https = createHttpsClient(port, await readFile(file('rest-cert.pem'), 'utf8'))
    const baseUrl = 'https://localhost'
    const { token } = await createClient({ baseUrl, fetch: https.fetch }).call('welcome', {
      body: { code, name: 'first', want: 'token' },
    })
    const client = createClient({ baseUrl, token: token ?? '', fetch: https.fetch })
    await client.call('createTenant', { body: { name: 't' } })
    await client.call('createEnvironment', { params: { tenant: 't' }, body: { name: 'dev', default_limits: false } })
    const params = { tenant: 't', environment: 'dev' }
    // Waits for a record that does not come: some two seconds.
    const slow = https.send({
      method: 'GET',
      path: '/v1/tenants/t/environments/dev/decisions/req_none',
      headers: { authorization: `Bearer ${token}` },
    })
    await sleep(300)
    running.child.kill('SIGTERM')
    assert.equal((await slow).status, 404)
    assert.equal(await running.ended, 0, running.output().err)
    await assert.rejects(client.call('getEnvironment', { params }))
    const { out, err } = running.output()
    for (const secret of [token ?? '', code])
      assert.equal(`${out}${err}`.includes(secret), false, 'a secret is in the log')
  } finally {
    running.child.kill('SIGKILL')
    await rm(directory, { recursive: true })
  }
})

test('a control plane waits for a database that is not there yet, and ends when it is told to', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-main-'))
  const waiting = run([], {
    HEADGATE_DATABASE_URL: `postgresql://u@127.0.0.1:${await freePort()}/d`,
    HEADGATE_MASTER_KEY: randomBytes(32).toString('base64'),
    HEADGATE_STATE_DIR: directory,
  })
  try {
    await until('the warning', async () => (waiting.output().err.includes('cannot be reached yet') ? true : undefined))
    waiting.child.kill('SIGTERM')
    assert.equal(await waiting.ended, 0, waiting.output().err)
  } finally {
    waiting.child.kill('SIGKILL')
    await rm(directory, { recursive: true })
  }
})
