/**
 * What nobody decided or nobody knows stays closed: at the admin API, at publish, and on an agent that is fed by a
 * control plane that means harm.
 *
 * @module
 */
import { ProblemError } from '@headgate/admin-api'
import { newId } from '@headgate/kit/ids.ts'
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startAgent } from './harness/agent.ts'
import { type ConfigDocument, openRoute, orders, release } from './harness/configuration.ts'
import { createSigner, snapshotBytes, snapshotObject, startFakeControlPlane } from './harness/fake-control-plane.ts'
import { send } from './harness/http.ts'
import { sql } from './harness/postgres.ts'
import { SHOP, startStack } from './harness/stack.ts'
import { until } from './harness/until.ts'

// Ended in reverse order: hooks would run in order.
const resources = new AsyncDisposableStack()
after(() => resources.disposeAsync())
const stack = resources.use(await startStack({ agents: 1 }))
const fake = resources.use(await startFakeControlPlane())
const victim = resources.use(
  await startAgent({ name: 'victim', joinToken: fake.joinToken, directory: stack.directory }),
)
await until('the agent to connect', () => fake.connected && fake.hellos.length > 0)

const { client, database, upstream } = stack
const [agent] = stack.agents
assert.ok(agent !== undefined)

const base = [...orders(upstream.url), ...openRoute('open', '/open')]

async function problem(call: Promise<unknown>): Promise<ProblemError['problem']> {
  try {
    await call
  } catch (thrown) {
    if (thrown instanceof ProblemError) return thrown.problem
    throw thrown
  }
  throw new Error('it was not refused')
}

test('a route without access policy answers 403 to everybody', async () => {
  const undecided: ConfigDocument[] = [
    { kind: 'service', name: 'bare', spec: { owner: 'shop team', targets: [{ url: upstream.url }] } },
    { kind: 'route', name: 'bare', spec: { service: 'bare', path: '/bare', exposure: 'public' } },
  ]
  const published = await release(client, SHOP, [...base, ...undecided])
  assert.ok(published.findings.some(({ code, object }) => code === 'access_undecided' && object === 'route/bare'))
  const before = upstream.count
  const answer = await agent.get('/bare')
  assert.deepEqual([answer.status, (answer.json() as { code: string }).code], [403, 'access_undecided'])
  assert.equal(upstream.count, before)
})

const REFUSED_SPECS = [
  ['an unknown type of policy', 'policy', { type: 'firewall', on: { environment: true } }, '/spec/type'],
  [
    'an unknown field',
    'policy',
    { type: 'limit', on: { environment: true }, requests: 1, window_ms: 1000, per: 'ip' },
    '/spec/per',
  ],
  ['an unknown field of a route', 'route', { service: 'orders', path: '/x', auth: 'none' }, '/spec/auth'],
  [
    'an unknown credential kind',
    'policy',
    { type: 'access', on: { environment: true }, credentials: [{ kind: 'none' }] },
    '/spec/credentials/0/kind',
  ],
] as const

for (const [what, kind, spec, pointer] of REFUSED_SPECS) {
  test(`${what} is refused with 422 and a pointer, by PUT and by apply`, async () => {
    const put = await problem(client.call('putObject', { params: { ...SHOP, kind, name: 'x' }, body: { spec } }))
    assert.deepEqual([put.status, put.code], [422, 'input_invalid'])
    assert.ok(
      put.errors?.some((error) => error.pointer === pointer),
      JSON.stringify(put.errors),
    )
    const objects = [...base, { kind, name: 'x', spec }]
    const applied = await problem(client.call('applyObjects', { params: SHOP, body: { objects } }))
    assert.equal(applied.status, 422)
    const expected = `/objects/${base.length}${pointer}`
    assert.ok(
      applied.errors?.some((error) => error.pointer === expected),
      JSON.stringify(applied.errors),
    )
  })
}

// Somebody with access to the database, or a newer control plane that was taken back.
const PLANTED = [
  ['an unknown field', 'route', { service: 'orders', path: '/planted', exposure: 'public', auth: 'none' }],
  ['an unknown type of policy', 'policy', { type: 'firewall', on: { environment: true } }],
  ['an unknown kind', 'backdoor', { open: true }],
] as const

for (const [what, kind, spec] of PLANTED) {
  test(`${what} that was planted in the database refuses the release at publish`, async () => {
    await sql(
      database.url,
      `insert into config_objects (id, environment_id, kind, name, spec, updated_at)
       select 'obj_planted', id, $1, 'planted', $2, now() from environments where name = $3`,
      [kind, JSON.stringify(spec), SHOP.environment],
    )
    try {
      const refused = await problem(client.call('publishRelease', { params: SHOP, body: {} }))
      assert.deepEqual([refused.status, refused.code], [422, 'release_refused'])
      assert.ok(
        refused.errors?.some((error) => error.pointer.startsWith(`/${kind}/planted`)),
        JSON.stringify(refused.errors),
      )
      assert.equal((await agent.get('/open')).status, 200)
    } finally {
      await sql(database.url, "delete from config_objects where id = 'obj_planted'")
    }
  })
}

/** Objects with one open route, which says by its path which release is live. */
function content(path: string, host?: string) {
  return [
    snapshotObject('policy', 'open.access', {
      type: 'access',
      on: { route: 'open' },
      public: { owner: 'shop team', reason: 'a test needs it' },
    }),
    snapshotObject('route', 'open', {
      service: 'orders',
      path,
      exposure: 'public',
      ...(host !== undefined && { hosts: [host] }),
    }),
    snapshotObject('service', 'orders', { owner: 'shop team', targets: [{ url: upstream.url }] }),
  ]
}

const LIVE_ID = newId('env', Date.now())
const LIVE = { environmentId: LIVE_ID, number: 5n, objects: content('/live', 'live.test') }
const live = snapshotBytes({ ...LIVE, publishedAtMs: 1_700_000_000_000n })

function asks(target: string, host = 'live.test'): Promise<number> {
  return send({ port: victim.httpPort, target, headers: [['host', host]] }).then(({ status }) => status)
}

test('an agent takes a release that is signed by the key it was given', async () => {
  await fake.push({ case: 'assignment', value: { environmentIds: [LIVE_ID] } })
  const outcome = await fake.push({ case: 'snapshot', value: fake.signer.sign(live) })
  assert.deepEqual([outcome.accepted, outcome.reasons, outcome.held?.releaseNumber], [true, [], 5n])
  assert.equal(await asks('/live'), 200)
})

const next = { ...LIVE, number: 6n }
const evil = content('/evil', 'live.test')
// The reason matters: a snapshot that is refused for another fault proves nothing about this one.
const BAD_SNAPSHOTS = [
  [
    'an unknown field in a spec',
    /"colour"/,
    snapshotBytes({
      ...next,
      objects: [
        ...evil.slice(0, 2),
        snapshotObject('service', 'orders', { owner: 'x', targets: [{ url: upstream.url }], colour: 'red' }),
      ],
    }),
  ],
  ['an unknown kind', /"waiver"/, snapshotBytes({ ...next, objects: [...evil, snapshotObject('waiver', 'all', {})] })],
  [
    'an unknown field beside its objects',
    /unknown field 99/,
    Buffer.concat([snapshotBytes({ ...next, objects: evil }), Buffer.from([0x9a, 0x06, 0x01, 0x61])]),
  ],
  [
    'a spec that is no JSON',
    /JSON/,
    snapshotBytes({ ...next, objects: [{ kind: 'service', name: 'x', spec: new Uint8Array([0x7b]), origin: '' }] }),
  ],
  ['an older number', /r4 is older than r5/, snapshotBytes({ ...LIVE, number: 4n, objects: evil })],
  ['an equal number and other content', /r5 is live with other content/, snapshotBytes({ ...LIVE, objects: evil })],
  ['a number of zero', /number .* out of range/, snapshotBytes({ ...LIVE, number: 0n, objects: evil })],
  [
    'an environment that is not assigned',
    /not served here/,
    snapshotBytes({ ...next, environmentId: newId('env', Date.now()), objects: evil }),
  ],
  ['another tenant', /another tenant/, snapshotBytes({ ...next, tenantId: newId('ten', Date.now()), objects: evil })],
  [
    'a capability that it lacks',
    /capability 1000000/,
    snapshotBytes({ ...next, capabilityMin: 1_000_000, objects: evil }),
  ],
  ['no bytes at all', /./, new Uint8Array()],
] as const

for (const [what, reason, bytes] of BAD_SNAPSHOTS) {
  test(`an agent refuses a snapshot with ${what}, says why, and the old release lives on`, async () => {
    const outcome = await fake.push({ case: 'snapshot', value: fake.signer.sign(bytes) })
    assert.equal(outcome.accepted, false)
    assert.match(outcome.reasons.join('; '), reason)
    await assertLive()
  })
}

async function assertLive(): Promise<void> {
  assert.equal(await asks('/live'), 200)
  assert.equal(await asks('/evil'), 404)
}

test('an agent refuses a snapshot that another key signed, also under the name of the right one', async () => {
  const stranger = createSigner().sign(snapshotBytes({ ...next, objects: evil }))
  for (const value of [stranger, { ...stranger, keyId: fake.signer.keyId }]) {
    const outcome = await fake.push({ case: 'snapshot', value })
    assert.equal(outcome.accepted, false)
    assert.match(outcome.reasons.join(), /sign|key/i)
  }
  await assertLive()
})

test('a flipped bit anywhere in a signed snapshot is refused', async () => {
  const signed = fake.signer.sign(snapshotBytes({ ...next, objects: evil }))
  for (let round = 0; round < 200; round++) {
    const field = round % 4 === 0 ? 'signature' : 'snapshot'
    const bytes = Uint8Array.from(signed[field])
    const at = randomInt(bytes.length)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << randomInt(8))
    const outcome = await fake.push({ case: 'snapshot', value: { ...signed, [field]: bytes } })
    assert.equal(outcome.accepted, false, `byte ${at} of ${field}`)
  }
  await assertLive()
  const honest = await fake.push({
    case: 'snapshot',
    value: fake.signer.sign(snapshotBytes({ ...next, objects: content('/live', 'live.test') })),
  })
  assert.equal(honest.accepted, true, 'it still takes a good one')
})

const DAMAGED = 50

test('damaged files are refused at the next start, named in the log, and the intact one serves', async () => {
  const ids = Array.from({ length: DAMAGED }, () => newId('env', Date.now()))
  const host = (id: string): string => `e${ids.indexOf(id)}.test`
  await fake.push({ case: 'assignment', value: { environmentIds: [LIVE_ID, ...ids] } })
  for (const id of ids) {
    const bytes = snapshotBytes({
      environmentId: id,
      environment: `e${ids.indexOf(id)}`,
      objects: content('/x', host(id)),
    })
    assert.equal((await fake.push({ case: 'snapshot', value: fake.signer.sign(bytes) })).accepted, true)
  }
  assert.equal(await asks('/x', 'e7.test'), 200)
  await fake[Symbol.asyncDispose]()
  assert.deepEqual(await victim.program.end('SIGTERM'), { code: 0, signal: null })

  for (const id of ids) for (const path of await filesOf(id)) await damage(path)
  victim.restart()
  await until('the intact release to serve', async () => (await asks('/live')) === 200)
  for (const id of ids) assert.notEqual(await asks('/x', host(id)), 200, id)
  const named = ids.filter((id) => warnings().some((line) => line.includes(id)))
  assert.equal(named.length, DAMAGED, 'each damaged file is named in the log')
})

test('an agent whose only release is damaged is not ready and answers 503', async () => {
  assert.deepEqual(await victim.program.end('SIGTERM'), { code: 0, signal: null })
  for (const path of await filesOf(LIVE_ID)) await damage(path)
  victim.restart()
  const target = { port: victim.httpPort, target: '/live', headers: [['host', 'live.test']] } as const
  const answer = await until('it to listen', () => send(target))
  assert.deepEqual([answer.status, (answer.json() as { code: string }).code], [503, 'not_ready'])
  assert.equal(await victim.isReady(), false)
  assert.ok(victim.program.running)
  assert.ok(warnings().some((line) => line.includes(LIVE_ID)))
})

/** What the agent warned of. */
function warnings(): string[] {
  return victim.program.output.split('\n').filter((line) => /"level":"(?:warn|error)"/.test(line))
}

/** Files of the agent that belong to an environment. */
async function filesOf(environmentId: string): Promise<string[]> {
  const entries = await readdir(victim.stateDir, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found = paths.filter((path) => path.includes(environmentId))
  assert.ok(found.length > 0, `no file of ${environmentId} among ${paths.join(', ')}`)
  return found
}

/** Flips a bit, cuts the end off, fills with chance, or empties. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path)
  const ways = [
    () => {
      const at = randomInt(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << randomInt(8))
      return bytes
    },
    () => bytes.subarray(0, randomInt(bytes.length)),
    () => Buffer.from(bytes.map(() => randomInt(256))),
    () => Buffer.alloc(0),
  ]
  await writeFile(path, ways[randomInt(ways.length)]?.() ?? '')
}
