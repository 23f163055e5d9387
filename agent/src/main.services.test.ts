/**
 * The agent as a process: arguments, settings, start and end.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const stateDir = await mkdtemp(join(tmpdir(), 'headgate-agent-'))
after(async () => await rm(stateDir, { recursive: true, force: true }))

interface Run {
  readonly child: ChildProcess
  readonly output: () => { readonly stdout: string; readonly stderr: string }
  readonly exit: Promise<number | null>
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Run {
  const child = spawn(process.execPath, [MAIN, ...args], {
    // Else each run compiles everything again.
    env: { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  const exit = new Promise<number | null>((resolve) => {
    child.on('close', (code) => resolve(code))
  })
  return { child, output: () => ({ stdout, stderr }), exit }
}

const SERVE = {
  HEADGATE_HTTP_LISTEN: '127.0.0.1:0',
  HEADGATE_HTTPS_LISTEN: '127.0.0.1:0',
  HEADGATE_ADMIN_LISTEN: '127.0.0.1:0',
  HEADGATE_STATE_DIR: stateDir,
}

/** The addresses that a process says it listens on. */
async function listening({ output }: Run): Promise<{ http: string; admin: string }> {
  for (let waited = 0; waited < 60_000; waited += 10) {
    const line = output()
      .stderr.split('\n')
      .find((each) => each.includes('"listening"'))
    if (line !== undefined) return JSON.parse(line) as { http: string; admin: string }
    await sleep(10)
  }
  throw new Error(output().stderr)
}

test('--version and --help answer on standard output and end with 0', async () => {
  const [version, help] = [run(['--version']), run(['--help'])]
  assert.equal(await version.exit, 0)
  assert.match(version.output().stdout, /^headgate agent [0-9]+\.[0-9]+\.[0-9]+\n$/)
  assert.equal(await help.exit, 0)
  assert.match(help.output().stdout, /HEADGATE_HTTP_LISTEN/)
})

test('config print shows every setting with its source, and no secret', async () => {
  const print = run(['config', 'print'], { HEADGATE_JOIN_TOKEN: 'hgj_planted', HEADGATE_DRAIN_MS: '7' })
  assert.equal(await print.exit, 0)
  const { stdout, stderr } = print.output()
  assert.match(stdout, /^HEADGATE_DRAIN_MS=7 {2}# environment$/m)
  assert.match(stdout, /^HEADGATE_JOIN_TOKEN=\[secret\] {2}# environment$/m)
  assert.ok(!(stdout + stderr).includes('planted'))
})

test('settings that are wrong end the process with 1 and the whole list', async () => {
  const wrong = run([], { HEADGATE_DRAIN_MS: 'long', HEADGATE_LISTEN: '1' })
  assert.equal(await wrong.exit, 1)
  assert.match(wrong.output().stderr, /HEADGATE_DRAIN_MS=long must be[\s\S]*HEADGATE_LISTEN is not a setting/)
})

test('unknown arguments end the process with 2', async () => {
  assert.equal(await run(['serve', 'me']).exit, 2)
})

test('an address that is taken ends the process with 1 and says why', async () => {
  const first = run([], SERVE)
  const { http } = await listening(first)
  const second = run([], { ...SERVE, HEADGATE_HTTP_LISTEN: new URL(http).host })
  assert.equal(await second.exit, 1)
  assert.match(second.output().stderr, /EADDRINUSE/)
  first.child.kill('SIGTERM')
  assert.equal(await first.exit, 0)
})

// How soon it answers is measured where nothing else runs: e2e/src/survival.test.ts.
test('an agent answers before it has a release, is not ready then, and ends with 0', async () => {
  const agent = run([], SERVE)
  const { http, admin } = await listening(agent)
  const response = await fetch(http)
  assert.equal(response.status, 503)
  assert.equal(((await response.json()) as Record<string, unknown>)['code'], 'not_ready')
  assert.equal((await fetch(`${admin}/livez`)).status, 200)
  assert.equal((await fetch(`${admin}/readyz`)).status, 503)
  agent.child.kill('SIGTERM')
  assert.equal(await agent.exit, 0)
})
