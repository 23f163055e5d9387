import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '@headgate/kit/clock.ts'
import { CliError } from '#cli/exit.ts'
import { refuseTakenPorts } from './ports.ts'
import { createProcesses, type ProcessMark } from './processes.ts'
import { childEnvironment } from './programs.ts'
import { startChild } from './supervisor.ts'

const directory = await mkdtemp(join(tmpdir(), 'headgate-cli-'))
after(() => rm(directory, { recursive: true, force: true }))

const SLEEP = [
  '-e',
  'setInterval(() => {}, 1000); process.on("SIGTERM", () => process.exit(0)); console.log("up")',
] as const

const processes = createProcesses((pid, signal) => process.kill(pid, signal), systemClock)
const { end, mark: markOf, runs } = processes

/** Logs as our programs do, and fails. */
const FAILING = `
console.error(JSON.stringify({ level: 'info', msg: 'starting' }))
console.error(JSON.stringify({ level: 'fatal', msg: 'could not go on', why: 'no such database' }))
console.error('TypeError: x')
process.exitCode = 1
`

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endAt = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > endAt) throw new Error('it did not come to that within 10 s')
    await systemClock.sleep(10)
  }
}

function child(name: string, args: readonly string[], graceMs = 5_000) {
  const marks: ProcessMark[] = []
  const said: string[] = []
  const logFile = join(directory, `${name}.log`)
  const starting = startChild({
    name,
    execPath: process.execPath,
    args,
    env: {},
    cwd: directory,
    logFile,
    graceMs,
    clock: systemClock,
    processes,
    signal: new AbortController().signal,
    say: (line) => said.push(line),
    onStart: (mark) => {
      marks.push(mark)
      return Promise.resolve()
    },
  })
  return { starting, marks, said, logFile, isUp: async () => (await readFile(logFile, 'utf8')).includes('up') }
}

test('a process that ended is not running, and neither is another one of its number', async () => {
  const process_ = spawn(process.execPath, [...SLEEP], { stdio: 'ignore' })
  const mark = await markOf(process_.pid ?? 0)
  assert.equal(await runs(mark), true)
  assert.equal(await runs({ ...mark, started: '1' }), false)
  await end(mark, 5_000)
  assert.equal(await runs(mark), false)
})

test('a child that is killed is started again, and that is said', async () => {
  const { starting, marks, said, isUp } = child('restarted', SLEEP)
  const running = await starting
  await running.ready(isUp, 10_000)
  process.kill(marks[0]?.pid ?? 0, 'SIGKILL')
  await until(() => said.length === 1)
  assert.match(said[0] ?? '', /restarted ended \(SIGKILL\) and is started again/)
  assert.equal(marks.length, 2)
  await running.stop()
  assert.equal(await runs(marks[1] ?? { pid: 0, started: '' }), false)
})

test('a child that ends before it is ready is a failure with the end of its log', async () => {
  const { starting } = child('failing', ['-e', FAILING])
  const running = await starting
  await assert.rejects(
    running.ready(() => Promise.resolve(false), 10_000),
    (thrown) => {
      assert.ok(thrown instanceof CliError)
      assert.match(thrown.message, /exit code 1/)
      assert.deepEqual(thrown.details, ['could not go on: no such database', 'TypeError: x'])
      return true
    },
  )
  await running.stop()
})

test('a child that does not end in time is killed', async () => {
  const { starting, marks, isUp } = child(
    'stubborn',
    ['-e', 'setInterval(() => {}, 1000); process.on("SIGTERM", () => {}); console.log("up")'],
    200,
  )
  const running = await starting
  await running.ready(isUp, 10_000)
  await running.stop()
  assert.equal(await runs(marks[0] ?? { pid: 0, started: '' }), false)
})

/** A process that guards another one, and its guard; the other one ends it all by being killed. */
const STARTER = `
import { spawn } from 'node:child_process'
import { startGuard } from '${import.meta.resolve('./guard.ts')}'
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
const guard = await startGuard(process.argv[1], process.platform)
await guard.watch('child', { pid: child.pid, signal: 'TERM' })
process.on('SIGTERM', async () => {
  await guard[Symbol.asyncDispose]()
  process.exit(0)
})
setInterval(() => {}, 1000)
console.log(child.pid)
`

async function guarded(name: string): Promise<{ readonly starter: ProcessMark; readonly watched: ProcessMark }> {
  const starter = spawn(process.execPath, ['--input-type=module', '-e', STARTER, join(directory, name)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pid = await new Promise<number>((resolve) =>
    starter.stdout.once('data', (text) => resolve(Number(String(text)))),
  )
  return { starter: await markOf(starter.pid ?? 0), watched: await markOf(pid) }
}

test('what was started ends when its starter is killed', { skip: process.platform === 'win32' }, async () => {
  const { starter, watched } = await guarded('killed')
  process.kill(starter.pid, 'SIGKILL')
  await until(async () => !(await runs(watched)))
})

test('after an orderly end the guard touches nothing', { skip: process.platform === 'win32' }, async () => {
  const { starter, watched } = await guarded('ended')
  await end(starter, 5_000)
  await systemClock.sleep(300)
  assert.equal(await runs(watched), true)
  await end(watched, 5_000)
})

test('a taken port is named with its owner and the setting that moves it', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const { port } = server.address() as AddressInfo
  const wanted = { what: 'HTTP', address: `127.0.0.1:${port}`, setting: '--port-http' }
  await assert.rejects(refuseTakenPorts([wanted, { ...wanted, what: 'Off', address: 'off' }]), (thrown) => {
    assert.ok(thrown instanceof CliError)
    assert.equal(thrown.exitCode, 5)
    assert.equal(thrown.details.length, 1)
    assert.match(thrown.details[0] ?? '', /^HTTP 127\.0\.0\.1:\d+ is taken by .*--port-http$/)
    if (process.platform === 'linux')
      assert.match(thrown.details[0] ?? '', new RegExp(`process ${process.pid} \\(.*node`))
    return true
  })
})

// Children refuse names that they do not know; and an operator token is nobody's business but the operator's.
test('a child sees no token and no name of the command', () => {
  const env = {
    PATH: '/bin',
    HEADGATE_TOKEN: 'hgp_x',
    HEADGATE_URL: 'x',
    HEADGATE_PORT_HTTP: '1',
    HEADGATE_LOG_LEVEL: 'debug',
    HEADGATE_JOIN_TOKEN: 'j',
  }
  assert.deepEqual(childEnvironment(env, /^HEADGATE_LOG_LEVEL$/), { PATH: '/bin', HEADGATE_LOG_LEVEL: 'debug' })
  assert.deepEqual(childEnvironment(env, /^HEADGATE_/), {
    PATH: '/bin',
    HEADGATE_LOG_LEVEL: 'debug',
    HEADGATE_JOIN_TOKEN: 'j',
  })
})
