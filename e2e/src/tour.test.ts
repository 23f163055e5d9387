/**
 * The first ten minutes, as the README tells them: every command by the command line's own bin, against
 * `headgate up` in an empty folder. The steps build on each other and run in order.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CliRun, headgate, paste } from './harness/cli.ts'
import { createFolder } from './harness/folder.ts'
import { type RawResponse, get } from './harness/http.ts'
import { freePort } from './harness/ports.ts'
import { Program } from './harness/program.ts'
import { Hopeless, until } from './harness/until.ts'
import { startUpstream } from './harness/upstream.ts'

// Ended in reverse order: hooks would run in order.
const resources = new AsyncDisposableStack()
after(() => resources.disposeAsync())
const directory = resources.use(await createFolder('tour')).path
const billing = resources.use(await startUpstream())

const ports = {
  rest: await freePort(),
  link: await freePort(),
  http: await freePort(),
  https: await freePort(),
  sample: await freePort(),
  postgres: await freePort(),
}
const secondPorts = { http: await freePort(), https: await freePort() }

const up = new Program({
  name: 'headgate up',
  script: 'cli/bin/headgate.js',
  args: ['up', ...Object.entries(ports).flatMap(([name, port]) => [`--port-${name}`, String(port)])],
  env: {},
  directory,
})
resources.use(up)

const cli = (...args: string[]): Promise<CliRun> => headgate(args, { directory })

/** Runs a command that has to succeed. @returns what it wrote to standard output. */
async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args)
  assert.equal(code, 0, `headgate ${args.join(' ')}\n${stderr}${stdout}`)
  return stdout
}

/** `curl localhost:8080...`, with a key where there is one. */
function curl(target: string, key?: string, port = ports.http): Promise<RawResponse> {
  return get(port, target, key === undefined ? {} : { 'x-api-key': key })
}

function code(answer: RawResponse): string {
  return (answer.json() as { code: string }).code
}

async function start(): Promise<string> {
  const before = up.output.length
  up.start()
  const ready = /https:\/\/localhost:[0-9]+\/welcome#[A-Za-z0-9_-]+/
  await until(
    'headgate up to be ready',
    () => {
      if (!up.running) throw new Hopeless('headgate up has ended')
      return ready.test(up.output.slice(before))
    },
    { timeoutMs: 60_000 },
  )
  console.log(`# headgate up: ${Math.round(performance.now() - up.startedAtMs)} ms`)
  return up.output.slice(before)
}

let key = ''
let billingKey = ''

test('up prints a one-time link, a protected sample API and the next command', async () => {
  const shown = await start()
  assert.match(shown, new RegExp(`http://localhost:${ports.http}/orders/42`))
  assert.match(shown, /headgate keys create --consumer \S+ --scope orders:read/)
})

test('401 without a key, with a reason and a request id', async () => {
  const answer = await curl('/orders/42')
  assert.deepEqual([answer.status, code(answer)], [401, 'credential_missing'])
  assert.equal(answer.header('content-type'), 'application/problem+json')
  assert.match(answer.header('x-request-id') ?? '', /^req_/)
})

test('keys create writes the key alone to standard output', async () => {
  key = (await ok('keys', 'create', '--consumer', 'alice', '--scope', 'orders:read')).trim()
  assert.match(key, /^hgk_dev_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}$/)
})

test('200 with the key and RateLimit fields, and 429 after the limit', async () => {
  const answer = await curl('/orders/42', key)
  assert.equal(answer.status, 200)
  assert.match(answer.header('ratelimit-policy') ?? '', /;q=[0-9]+;w=[0-9]+/)
  assert.match(answer.header('ratelimit') ?? '', /;r=[0-9]+;t=[0-9]+/)
  const limited = await until(
    'the limit',
    async () => {
      const next = await curl('/orders/42', key)
      return next.status === 429 && next
    },
    { everyMs: 0 },
  )
  assert.equal(code(limited), 'limit_exceeded')
  assert.match(limited.header('retry-after') ?? '', /^[0-9]+$/)
})

test('explain last names the gate, the limit and what is left', async () => {
  const shown = await ok('explain', 'last')
  assert.match(shown, /429 limit_exceeded/)
  for (const gate of ['TLS', 'Network', 'Route', 'Identity', 'Access', 'Limit', 'Upstream'])
    assert.ok(shown.includes(gate), gate)
  assert.match(shown, /Rule +\S+/)
})

test('explain of a missing scope names the rule, what was needed, what the caller had, and the fix', async () => {
  const other = (await ok('keys', 'create', '--consumer', 'bob', '--scope', 'orders:list')).trim()
  const answer = await curl('/orders/42', other)
  assert.deepEqual([answer.status, code(answer)], [403, 'scope_missing'])
  const shown = await ok('explain', answer.header('x-request-id') ?? '')
  assert.match(shown, /GET \/orders\/42 +403 scope_missing/)
  assert.match(shown, /Rule +\S*access/)
  assert.match(shown, /Needed +orders:read/)
  assert.match(shown, /Had +orders:list/)
  const fix = /Fix +((?:npx )?headgate (keys grant .*))/.exec(shown)?.[2]
  assert.ok(fix !== undefined, shown)
  // The fix that is printed is the fix that helps.
  await ok(...fix.trim().split(/\s+/))
  assert.equal((await curl('/orders/42', other)).status, 200)
})

test('protect puts a second service behind a key', async () => {
  await ok('protect', billing.url, '--name', 'billing')
  const path = await until(
    'the route to be live',
    async () => (await curl('/billing/1')).status === 401 && '/billing/1',
  )
  billingKey = (await ok('keys', 'create', '--consumer', 'carol', '--scope', 'billing:call')).trim()
  const answer = await curl(path, billingKey)
  assert.equal(answer.status, 200, answer.body)
  assert.equal(billing.count, 1)
})

test('a second agent joins with the one line that agents invite prints', async () => {
  const invite = await ok('agents', 'invite', '--region', 'us-east', '--no-wait')
  const line = invite.split('\n').find((each) => each.includes('HEADGATE_JOIN_TOKEN='))
  assert.ok(line !== undefined, invite)
  const flags = `--http 127.0.0.1:${secondPorts.http} --https 127.0.0.1:${secondPorts.https}`
  resources.use(paste(`${line.trim()} ${flags}`, { directory, timeoutMs: 170_000 }))
  await until(
    'the second agent to serve',
    async () => (await curl('/orders/42', undefined, secondPorts.http)).status === 401,
  )
  const agents = JSON.parse(await ok('agents', 'ls', '-o', 'json')) as { state: string }[]
  assert.equal(agents.filter(({ state }) => state === 'connected').length, 2)
})

test('export, edit, diff and apply publish a change that both agents acknowledge', async () => {
  const file = join(directory, 'headgate.yaml')
  await writeFile(file, await ok('export'))
  assert.equal((await cli('diff', '-f', 'headgate.yaml')).code, 0)
  const yaml = await readFile(file, 'utf8')
  assert.match(yaml, /window_ms: [0-9]+/)
  await writeFile(file, yaml.replaceAll(/requests: [0-9]+/g, 'requests: 7777'))
  const differing = await cli('diff', '-f', 'headgate.yaml')
  assert.equal(differing.code, 2, differing.stderr)
  assert.match(differing.stdout, /7777/)
  await ok('apply', '-f', 'headgate.yaml', '--yes')
  assert.equal((await cli('diff', '-f', 'headgate.yaml')).code, 0)
  for (const port of [ports.http, secondPorts.http]) assert.match(await policyAt(port), /q=7777/)
})

test('rollback r1 brings the first release back under a new number, on both agents', async () => {
  await ok('rollback', 'r1', '--yes')
  for (const port of [ports.http, secondPorts.http]) assert.doesNotMatch(await policyAt(port), /q=7777/)
  // r1 knew nothing of the second service.
  assert.equal((await curl('/billing/1', billingKey)).status, 404)
})

/** The limits of the sample API at an agent. */
async function policyAt(port: number): Promise<string> {
  return (await curl('/orders/42', key, port)).header('ratelimit-policy') ?? ''
}

test('SIGTERM stops everything in order and exits 0', async () => {
  assert.deepEqual(await up.end('SIGTERM'), { code: 0, signal: null })
  await assert.rejects(curl('/orders/42'))
})

test('a second up finds everything again', async () => {
  await start()
  assert.equal((await curl('/orders/42', key)).status, 200)
  assert.match(await ok('releases', 'ls', '-o', 'json'), /"number": ?4/)
  assert.deepEqual(await up.end('SIGTERM'), { code: 0, signal: null })
})
