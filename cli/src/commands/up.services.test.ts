/**
 * `up` and `down` with real parts: what happens when something or somebody dies.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { systemClock } from '@headgate/kit/clock.ts'
import { type BinRun, runBin } from '#cli/fakes/run-bin.ts'
import { createProcesses, type ProcessMark } from '#cli/local/processes.ts'
import { readRunFile, type RunFile } from '#cli/local/run-file.ts'

const cwd = await mkdtemp(join(tmpdir(), 'headgate-cli-up-'))
const processes = createProcesses((pid, signal) => process.kill(pid, signal), systemClock)
const data = join(cwd, '.headgate')

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const ports = { rest: 0, link: 0, http: 0, https: 0, sample: 0 }
for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort()
const portOptions = Object.entries(ports).flatMap(([name, port]) => [`--port-${name}`, String(port)])

const up = (): Promise<BinRun> => runBin(['up', '--detach', ...portOptions], { cwd })
const down = (): Promise<BinRun> => runBin(['down'], { cwd })
after(async () => {
  await down()
  await rm(cwd, { recursive: true, force: true })
})

async function running(): Promise<RunFile> {
  const file = await readRunFile(join(data, 'run.json'))
  assert.ok(file)
  return file
}

async function postgres(): Promise<ProcessMark> {
  const lock = await readFile(join(data, 'postgres', 'data', 'postmaster.pid'), 'utf8')
  return processes.mark(Number(lock.split('\n')[0]))
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited 20 s for ${what}`)
    await systemClock.sleep(50)
  }
}

const isGone = async (marks: readonly ProcessMark[]): Promise<boolean> => {
  for (const mark of marks) if (await processes.runs(mark)) return false
  return true
}

async function status(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${ports.http}/orders/1`).catch(() => undefined)
  await response?.arrayBuffer()
  return response?.status ?? 0
}

test('up --detach returns when the sample API is protected', async () => {
  const { code, stdout, stderr } = await up()
  assert.equal(code, 0, stderr)
  assert.match(stdout, /https:\/\/localhost:\d+\/welcome#[A-Za-z0-9_-]+/)
  assert.equal(await status(), 401)
})

test('everything secret is for its owner alone', async () => {
  assert.equal((await stat(data)).mode & 0o777, 0o700)
  for (const name of ['context.json', 'master.key', 'tls.key', 'run.json']) {
    assert.equal((await stat(join(data, name))).mode & 0o077, 0, name)
  }
})

test('5 on a second start, which changes nothing', async () => {
  const before = await running()
  const { code, stderr } = await up()
  assert.equal(code, 5)
  assert.match(stderr, /runs already/)
  assert.deepEqual(await running(), before)
})

test('a control plane that is killed is started again', async () => {
  const child = (file: RunFile) => file.children.find(({ name }) => name === 'control-plane')
  const before = child(await running())
  assert.ok(before)
  process.kill(before.pid, 'SIGKILL')
  await until('a new control plane', async () => child(await running())?.pid !== before.pid)
  await until('it to answer', async () => (await runBin(['whoami'], { cwd })).code === 0)
})

test('a Postgres that is killed is started again, on the same port', async () => {
  const before = await postgres()
  process.kill(before.pid, 'SIGKILL')
  await until('it to answer', async () => (await runBin(['keys', 'ls'], { cwd })).code === 0)
  assert.notEqual((await postgres()).pid, before.pid)
})

test('when up itself is killed, nothing of it goes on running', async () => {
  const { up: starter, children } = await running()
  const all = [...children, await postgres()]
  process.kill(starter.pid, 'SIGKILL')
  await until('everything to end', () => isGone(all))
})

test('the next start finds operator, agent and configuration again', async () => {
  const context = await readFile(join(data, 'context.json'), 'utf8')
  const { code, stderr } = await up()
  assert.equal(code, 0, stderr)
  assert.equal(await readFile(join(data, 'context.json'), 'utf8'), context)
  const { stdout } = await runBin(['agents', 'ls', '-o', 'name'], { cwd })
  assert.equal(stdout, 'local-1\n')
  assert.equal(await status(), 401)
})

test('down ends everything, and a second down says that nothing runs', async () => {
  const { up: starter, children } = await running()
  const all = [starter, ...children, await postgres()]
  assert.equal((await down()).code, 0)
  assert.ok(await isGone(all))
  const again = await down()
  assert.deepEqual([again.code, again.stderr], [0, '  nothing runs in .headgate\n'])
})
