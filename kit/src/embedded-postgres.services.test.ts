import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, isListening } from './embedded-postgres/lock-file.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts'

/** Of the tests that go on with data which is there: the first start takes as long as all of them. */
let kept: string

before(async () => {
  kept = await privateDirectory()
})

after(() => rm(join(kept, '..'), { recursive: true, force: true }))

/** A folder that only its owner can enter, as a home is, with the directory for Postgres in it. */
async function privateDirectory(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-kept-'))
  await chmod(folder, 0o700)
  return join(folder, 'postgres')
}

async function newDirectory(t: TestContext): Promise<string> {
  const directory = await privateDirectory()
  t.after(() => rm(join(directory, '..'), { recursive: true, force: true }))
  return directory
}

/** Postgres' first answer to a client that names itself: `R` and the kind of authentication that it asks for. */
async function authenticationAsked({ port }: EmbeddedPostgres): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  const body = Buffer.from('user\0postgres\0database\0postgres\0\0')
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(196_608, 4) // protocol 3.0
  socket.write(Buffer.concat([head, body]))
  const [answer] = (await socket.take(1).toArray()) as [Buffer]
  assert.equal(String.fromCharCode(answer[0] ?? 0), 'R')
  return answer.readInt32BE(5)
}

test('a throw-away server takes connections at once and leaves nothing behind', async () => {
  const server = await startEmbeddedPostgres({ throwaway: true })
  assert.equal(await authenticationAsked(server), 0, 'no password')
  await server.stop()
  assert.equal(isAlive(server.pid), false)
  assert.equal(await isListening(server.port), false)
})

test('kept data lies in a private folder, asks for a password and survives a stop', async (t) => {
  const directory = kept
  const first = await startEmbeddedPostgres({ directory })
  t.after(() => first.stop())
  assert.equal(await authenticationAsked(first), 10, 'SASL, which is scram-sha-256')
  assert.equal((await stat(join(directory, 'password'))).mode & 0o777, 0o600)
  assert.equal((await stat(join(directory, 'data'))).mode & 0o777, 0o700)
  const password = new URL(first.url).password
  assert.ok(password.length >= 32)
  const settings = await readFile(join(directory, 'data', 'postgresql.conf'), 'utf8')
  assert.doesNotMatch(settings, /^fsync\s*=\s*off/m)
  await first.stop()
  assert.equal(isAlive(first.pid), false)

  const second = await startEmbeddedPostgres({ directory })
  t.after(() => second.stop())
  assert.equal(second.attached, false)
  assert.equal(new URL(second.url).password, password)
})

test('a second start goes on with the running server and leaves it running', async (t) => {
  const directory = kept
  const module = JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)
  const first = await startEmbeddedPostgres({ directory })
  t.after(() => first.stop())

  const code = `
    const { startEmbeddedPostgres } = await import(${module})
    const server = await startEmbeddedPostgres({ directory: process.argv[1] })
    console.log(JSON.stringify({ pid: server.pid, port: server.port, attached: server.attached }))
    await server.stop()`
  const other = spawn(process.execPath, ['--input-type=module', '-e', code, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await other.stdout.toArray()) as [Buffer]
  assert.deepEqual(JSON.parse(line.toString()), { pid: first.pid, port: first.port, attached: true })
  assert.equal(isAlive(first.pid), true)
})

// A crash of the process that started it must not lock its data away.
test('the server of a killed process is found, and stopped by who found it', async () => {
  const directory = kept
  const module = JSON.stringify(new URL('./embedded-postgres.ts', import.meta.url).href)
  const code = `
    const { startEmbeddedPostgres } = await import(${module})
    await startEmbeddedPostgres({ directory: process.argv[1] })
    console.log('ready')
    setInterval(() => {}, 1000)`
  const killed = spawn(process.execPath, ['--input-type=module', '-e', code, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await killed.stdout.take(1).toArray()
  killed.kill('SIGKILL')
  await new Promise((resolve) => killed.once('exit', resolve))

  const server = await startEmbeddedPostgres({ directory })
  assert.equal(server.attached, true)
  await server.stop()
  assert.equal(isAlive(server.pid), false)
})

test('a killed server recovers at the next start', async (t) => {
  const directory = kept
  const first = await startEmbeddedPostgres({ directory })
  process.kill(first.pid, 'SIGKILL')
  while (isAlive(first.pid)) await sleep(5)
  const second = await startEmbeddedPostgres({ directory })
  t.after(() => second.stop())
  assert.notEqual(second.pid, first.pid)
  assert.equal(await authenticationAsked(second), 10)
})

// After a restart of a container, the number in the lock file is another program's. Postgres alone would refuse.
test('a lock file that names another program does not keep the server from starting', async (t) => {
  const directory = kept
  const first = await startEmbeddedPostgres({ directory })
  const lock = await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8')
  await first.stop()
  const other = spawn('sleep', ['60'])
  t.after(() => other.kill())
  await writeFile(join(directory, 'data', 'postmaster.pid'), lock.replace(/^\d+/, String(other.pid)))

  const second = await startEmbeddedPostgres({ directory })
  t.after(() => second.stop())
  assert.equal(second.attached, false)
})

test('two first starts at once end with one server and one password', async (t) => {
  const directory = await newDirectory(t)
  const [one, two] = await Promise.all([startEmbeddedPostgres({ directory }), startEmbeddedPostgres({ directory })])
  t.after(() => Promise.all([one.stop(), two.stop()]))
  assert.equal(one.url, two.url)
  assert.equal(one.pid, two.pid)
})

// The data directory gets its name when it is complete.
test('what an interrupted first start left is not taken for data', async (t) => {
  const directory = await newDirectory(t)
  await mkdir(join(directory, 'data-abc123'), { recursive: true })
  await writeFile(join(directory, 'data-abc123', 'PG_VERSION'), '18')
  const server = await startEmbeddedPostgres({ directory })
  t.after(() => server.stop())
  assert.equal(await authenticationAsked(server), 10)
})

test('a server that cannot start says why', async () => {
  const directory = kept
  await (await startEmbeddedPostgres({ directory })).stop()
  await writeFile(join(directory, 'data', 'postgresql.conf'), 'no_such_setting = 1\n')
  await assert.rejects(startEmbeddedPostgres({ directory }), /no_such_setting/)
  assert.equal(existsSync(join(directory, 'data', 'postmaster.pid')), false)
})
