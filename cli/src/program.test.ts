/**
 * Every command in this process, over real HTTP: exit codes, what goes where, and what is asked of the control plane.
 * That the bin does the same is in `main.services.test.ts`.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FAKE_TOKEN, type FakeAdminApi, type Handlers, Refused, startFakeAdminApi } from './fakes/admin-api.ts'
import * as samples from './fakes/samples.ts'
import { fakeTerminal } from './fakes/terminal.ts'
import { run } from './program.ts'

const root = await mkdtemp(join(tmpdir(), 'headgate-cli-'))
after(() => rm(root, { recursive: true, force: true }))

interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  readonly api: FakeAdminApi
  readonly cwd: string
}

let folders = 0

/** Runs a command in a folder of its own, signed in to a fake that answers like this. */
async function headgate(
  args: readonly string[],
  handlers: Handlers = {},
  given: {
    readonly input?: string
    readonly files?: Readonly<Record<string, string>>
    readonly env?: Record<string, string>
  } = {},
): Promise<Run> {
  const cwd = join(root, String((folders += 1)))
  await mkdir(cwd)
  for (const [name, text] of Object.entries(given.files ?? {})) await writeFile(join(cwd, name), text)
  await using api = await startFakeAdminApi(handlers)
  const env = {
    HEADGATE_URL: api.url,
    HEADGATE_TOKEN: FAKE_TOKEN,
    HEADGATE_TENANT: 'default',
    HEADGATE_ENVIRONMENT: 'dev',
  }
  const result = await inProcess(args, cwd, { ...env, ...given.env }, given.input)
  assert.deepEqual(api.violations, [])
  return { ...result, api, cwd }
}

async function inProcess(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  input = '',
): Promise<Pick<Run, 'code' | 'stdout' | 'stderr'>> {
  const terminal = fakeTerminal({ args, cwd, env, input })
  const code = await run(terminal)
  return { code, ...terminal.printed }
}

/** An address where nobody listens any more. */
async function deafUrl(): Promise<string> {
  await using api = await startFakeAdminApi({})
  return api.url
}

const applied = { changes: [samples.addedRoute], unlisted: [], draft_revision: 8, findings: [] }
const FILE = 'kind: route\nname: billing\nspec:\n  service: billing\n  path: /billing\n'
const files = { 'headgate.yaml': FILE }

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
  const { code, stderr } = await inProcess(['whoami'], root)
  assert.equal(code, 1)
  assert.match(stderr, /no control plane is known here[^]*headgate up[^]*headgate login/)
})

test('whoami -o json is the answer of the control plane', async () => {
  const whoami = { operator: samples.operator, via: 'token' as const }
  const { code, stdout } = await headgate(['whoami', '-o', 'json'], { whoami: () => whoami })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), whoami)
})

test('keys create writes the key alone to standard output', async () => {
  const { code, stdout, stderr, api } = await headgate(
    ['keys', 'create', '--consumer', 'alice', '--scope', 'orders:read', '--scope', 'orders:list'],
    {
      createKey: () => ({ ...samples.key, key: samples.KEY_TEXT, receipt: samples.receipt }),
    },
  )
  assert.deepEqual([code, stdout], [0, `${samples.KEY_TEXT}\n`])
  assert.match(stderr, /\+ consumer alice\n[^]*acted on by 1 of 1 connected agents after 12 ms/)
  const call = api.calls.find(({ operation }) => operation === 'createKey')
  assert.deepEqual((call?.body as { scopes: string[] } | undefined)?.scopes, ['orders:read', 'orders:list'])
})

test('keys revoke --wait fails when a connected agent does not answer', async () => {
  const receipt = { ...samples.receipt, pending: [{ id: 'agt_02', name: 'eu-2', group: 'eu' }] }
  const revoked = { ...samples.key, state: 'revoked' as const, receipt }
  const { code, stderr, api } = await headgate(['keys', 'revoke', 'key_01', '--wait', '--timeout', '2s'], {
    getKey: () => samples.key,
    revokeKey: () => revoked,
  })
  assert.equal(code, 1)
  assert.match(stderr, /key_01 .* is revoked[^]*error: no answer within .* from eu-2/)
  assert.deepEqual(api.calls.at(-1)?.query, { wait: true, timeout_ms: 2_000 })
})

test('keys grant adds to what the key has', async () => {
  const { code, api } = await headgate(['keys', 'grant', 'key_01', '--scope', 'orders:delete'], {
    getKey: () => samples.key,
    updateKey: () => ({ ...samples.key, receipt: null }),
  })
  assert.equal(code, 0)
  assert.deepEqual(api.calls.at(-1)?.body, { scopes: ['orders:read', 'orders:delete'] })
})

test('explain draws the gate rail', async () => {
  const { code, stdout, api } = await headgate(['explain', 'last'], { explain: () => samples.refusedExplanation })
  assert.equal(code, 0)
  assert.match(stdout, /DELETE \/orders\/42 {3}403 scope_missing[^]*Access ──┃[^]*Needed {3}orders:delete/)
  assert.deepEqual(api.calls[0]?.body, { request_id: 'last' })
})

test('explain of a simulated request sends what was written', async () => {
  const { api } = await headgate(
    [
      'explain',
      '--method',
      'delete',
      '--path',
      '/orders/42?x=1',
      '--as',
      'key_01',
      '--header',
      'x-a: b',
      '--release',
      'draft',
    ],
    { explain: () => samples.refusedExplanation },
  )
  const [call] = api.calls
  assert.ok(call)
  const { request, release } = call.body as { request: Record<string, unknown>; release: string }
  assert.deepEqual(
    [request['method'], request['target'], request['as_key'], release],
    ['DELETE', '/orders/42?x=1', 'key_01', 'draft'],
  )
  assert.deepEqual(request['headers'], [{ name: 'x-a', value: 'b' }])
})

test('export gives the same bytes for the same draft, in the order of the schema', async () => {
  const objects = [{ kind: 'route', name: 'billing', spec: { path: '/billing', service: 'billing' } }]
  const { stdout } = await headgate(['export'], { exportObjects: () => ({ draft_revision: 7, objects }) })
  assert.equal(stdout, FILE)
})

test('diff ends with 2 when the file differs, and with 0 when it does not', async () => {
  const differs = await headgate(['diff'], { applyObjects: () => applied }, { files })
  assert.deepEqual([differs.code, differs.stdout], [2, '+ route/billing\n'])
  const same = await headgate(['diff'], { applyObjects: () => ({ ...applied, changes: [] }) }, { files })
  assert.deepEqual([same.code, same.stdout], [0, ''])
})

test('diff never changes anything', async () => {
  const { api } = await headgate(['diff'], { applyObjects: () => applied }, { files })
  assert.deepEqual(
    api.calls.map(({ operation, query }) => [operation, query]),
    [['applyObjects', { dry_run: true }]],
  )
})

const publishing: Handlers = {
  getEnvironment: () => samples.environment,
  applyObjects: () => applied,
  publishRelease: () => ({ ...samples.release, changes: [samples.addedRoute], findings: [] }),
  getRelease: () => samples.release,
}

test('apply writes, publishes, and shows the agents act on it', async () => {
  const { code, stderr, api } = await headgate(['apply', '--comment', 'bills'], publishing, { files })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /\+ route\/billing\n {2}1 added\n {2}local-1 {2}live\n {2}r2 is live on 1 of 1/)
  const [first, second, third] = api.calls.filter(({ operation }) => /apply|publish/.test(operation))
  assert.deepEqual([first?.query, second?.query], [{ dry_run: true }, { dry_run: false }])
  const body = second?.body as { base_revision: number; prune: boolean; objects: { origin: string }[] }
  assert.deepEqual([body.base_revision, body.prune, body.objects[0]?.origin], [7, false, 'headgate.yaml:1'])
  assert.deepEqual(third?.body, { comment: 'bills', base_revision: 8 })
})

test('apply is a failure with the reason when an agent refuses the release', async () => {
  const delivery = {
    ...samples.release.deliveries[0],
    agent: 'eu-2',
    group: 'eu',
    region: 'eu',
    state: 'refused' as const,
    release_number: 1,
    reasons: ['unknown kind quota'],
  }
  const { code, stderr } = await headgate(
    ['apply'],
    { ...publishing, getRelease: () => ({ ...samples.release, deliveries: [delivery] }) },
    { files },
  )
  assert.equal(code, 1)
  assert.match(stderr, /eu-2 {2}unknown kind quota/)
})

// A file that lost half of its content must not take half of the configuration with it.
test('apply --prune removes nothing without --yes where nobody can be asked', async () => {
  const removed = { ...samples.addedRoute, change: 'removed' as const, name: 'old' }
  const handlers = { ...publishing, applyObjects: () => ({ ...applied, changes: [removed] }) }
  const { code, stderr, api } = await headgate(['apply', '--prune'], handlers, { files })
  assert.equal(code, 3)
  assert.match(stderr, /this would delete 1 object \(route\/old\)/)
  assert.ok(api.calls.every(({ operation, query }) => operation !== 'applyObjects' || query['dry_run'] === true))
  assert.equal((await headgate(['apply', '--prune', '--yes'], handlers, { files })).code, 0)
})

test('apply names what is in the draft but not in the file, and leaves it', async () => {
  const handlers = { ...publishing, applyObjects: () => ({ ...applied, unlisted: ['route/old'] }) }
  const { stderr } = await headgate(['apply'], handlers, { files })
  assert.match(stderr, /they stay, unless with --prune\): route\/old/)
})

test('a finding is told with the line of the file it comes from', async () => {
  const finding = {
    code: 'reference_dangling',
    severity: 'error' as const,
    object: 'route/billing',
    origin: '',
    pointer: '/service',
    message: 'there is no service billing',
    fix: 'Write it',
  }
  const { code, stderr, api } = await headgate(
    ['apply'],
    { ...publishing, applyObjects: () => ({ ...applied, findings: [finding] }) },
    { files },
  )
  assert.equal(code, 1)
  assert.match(stderr, /error headgate\.yaml:4 route\/billing\/service {2}there is no service billing/)
  assert.deepEqual(
    api.calls.map(({ operation }) => operation),
    ['getEnvironment', 'applyObjects'],
  )
})

test('a refused release is told with the lines of the file', async () => {
  const refused = new Refused('release_refused', undefined, [
    {
      pointer: '/route/billing/spec/path',
      code: 'route_conflict',
      message: 'route other serves it',
      fix: 'Take another path',
    },
  ])
  const { code, stderr } = await headgate(['apply'], { ...publishing, publishRelease: () => refused }, { files })
  assert.equal(code, 1)
  assert.match(
    stderr,
    /headgate\.yaml:5 \/route\/billing\/spec\/path {2}route other serves it\n {4}fix Take another path/,
  )
})

test('5 when the draft moved on in between', async () => {
  const handlers: Handlers = { ...publishing, publishRelease: () => new Refused('revision_stale') }
  assert.equal((await headgate(['apply'], handlers, { files })).code, 5)
})

test('validate reads standard input and tells every mistake at once', async () => {
  const { code, stderr, api } = await headgate(
    ['validate', '-f', '-'],
    {},
    { input: 'kind: a\nname: a\nspec: {}\n---\nname: b\n' },
  )
  assert.equal(code, 1)
  assert.match(stderr, /error: stdin: \d mistakes\n {2}stdin:1 {2}kind: [^\n]*\n {2}stdin:5 /)
  assert.equal(api.calls.length, 0)
})

const protecting: Handlers = {
  ...publishing,
  whoami: () => ({ operator: samples.operator, via: 'token' }),
  diffReleases: () => ({ from: 'r1', to: 'draft', draft_revision: 7, changes: [], findings: [] }),
  listAgents: () => ({ data: [], next_cursor: null, has_more: false }),
}

test('protect writes four objects, publishes them and prints the address and the next command', async () => {
  const { code, stdout, stderr, api } = await headgate(
    ['protect', 'http://localhost:3000', '--name', 'billing', '--path', '/billing'],
    protecting,
  )
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^http:\/\/\S+\/billing\n$/)
  assert.match(stderr, /headgate keys create --consumer <name> --scope billing:call/)
  const call = api.calls.findLast(({ operation }) => operation === 'applyObjects')
  assert.ok(call)
  const { objects } = call.body as { objects: { kind: string; name: string }[] }
  assert.deepEqual(
    objects.map(({ kind, name }) => `${kind}/${name}`),
    ['service/billing', 'route/billing', 'policy/billing.access', 'policy/billing.limit'],
  )
})

test('protect does not replace what somebody else wrote', async () => {
  const changed = { ...samples.addedRoute, change: 'changed' as const, before: {}, pointers: ['/path'] }
  const { code, stderr, api } = await headgate(['protect', 'http://localhost:3000', '--name', 'billing'], {
    ...protecting,
    applyObjects: () => ({ ...applied, changes: [changed] }),
    getObject: () => ({
      id: 'rt_01',
      kind: 'route',
      name: 'billing',
      spec: {},
      origin: 'headgate.yaml:3',
      revision: 1,
      updated_at: '2026-01-02T03:04:05.678Z',
    }),
  })
  assert.equal(code, 5)
  assert.match(stderr, /the name is in use; nothing was changed\n {2}route\/billing, written by headgate\.yaml:3/)
  assert.ok(api.calls.every(({ operation, query }) => operation !== 'applyObjects' || query['dry_run'] === true))
})

// Publishing is of the whole draft: half-done work of a colleague must not go live by the way.
test('protect does not publish changes of others without a word', async () => {
  const others = { ...samples.addedRoute, name: 'half-done' }
  const handlers: Handlers = {
    ...protecting,
    diffReleases: () => ({ from: 'r1', to: 'draft', draft_revision: 7, changes: [others], findings: [] }),
  }
  const args = ['protect', 'http://localhost:3000', '--name', 'billing']
  const { code, stderr, api } = await headgate(args, handlers)
  assert.equal(code, 5)
  assert.match(stderr, /would go live too:\n\+ route\/half-done/)
  assert.ok(api.calls.every(({ operation }) => operation !== 'publishRelease'))
  assert.equal((await headgate([...args, '--yes'], handlers)).code, 0)
})

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
  const { code, stdout, stderr } = await inProcess(['login', api.url], cwd, {}, `${FAKE_TOKEN}\n`)
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
  const again = await inProcess(['whoami'], cwd)
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
  const { code, stderr } = await inProcess(['login', '--name', 'me'], cwd, {}, `${api.url}/welcome#${'c'.repeat(43)}\n`)
  assert.equal(code, 0, stderr)
  assert.deepEqual(api.calls[0]?.body, { code: 'c'.repeat(43), name: 'me', want: 'token' })
})

test('agents invite prints the one line alone, and makes a group that serves the current environment', async () => {
  const group = {
    id: 'grp_01',
    name: 'us-east',
    region: 'us-east',
    environments: [],
    agents: 0,
    created_at: '2026-01-02T03:04:05.678Z',
  }
  const { code, stdout, stderr, api } = await headgate(['agents', 'invite', '--region', 'us-east'], {
    createAgentGroup: () => group,
    createJoinToken: () => ({ id: 'jt_01', group: 'us-east', expires_at: '2026-01-02T03:04:05.678Z', token: 'hgj_x' }),
  })
  assert.deepEqual([code, stdout], [0, 'HEADGATE_JOIN_TOKEN=hgj_x npx headgate agent\n'], stderr)
  assert.match(stderr, /agent group us-east, region us-east, serves default\/dev/)
  const made = api.calls.find(({ operation }) => operation === 'createAgentGroup')?.body
  assert.deepEqual(made, {
    name: 'us-east',
    region: 'us-east',
    environments: [{ tenant: 'default', environment: 'dev' }],
  })
})

test('rollback follows the new release to the agents', async () => {
  const { code, stderr, api } = await headgate(['rollback', 'r1'], {
    rollbackRelease: () => ({ ...samples.release, rollback_of: 1, changes: [samples.addedRoute], findings: [] }),
    getRelease: () => samples.release,
  })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /r2 is live on 1 of 1/)
  assert.equal(api.calls[0]?.params['number'], 'r1')
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
    assert.match(stdout, /'keys'\) words='create ls get grant rotate revoke disable enable /)
    assert.match(stdout, /'keys rotate'\) words='--wait --no-wait --overlap /)
  })
}
