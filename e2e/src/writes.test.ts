/**
 * What the control plane never loses: `kill -9` in the middle of writes.
 *
 * @module
 */
import { type Client, ConnectionError, ProblemError } from '@headgate/admin-api'
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type ConfigDocument, orders, release } from './harness/configuration.ts'
import { sql, startKillableDatabase } from './harness/postgres.ts'
import { SHOP, startStack } from './harness/stack.ts'
import { until } from './harness/until.ts'

const stack = await startStack({ agents: 2, database: startKillableDatabase })
after(() => stack[Symbol.asyncDispose]())
const { client, upstream, controlPlane, database } = stack
await release(client, SHOP, orders(upstream.url))

/** What the control plane has acknowledged. */
interface Acknowledged {
  readonly keys: string[]
  readonly objects: string[]
  readonly releases: number[]
}

const WRITES = 150
const CLIENTS = 6

test('kill -9 in the middle of writes loses no acknowledged change, and none is doubled', async () => {
  const acknowledged: Acknowledged = { keys: [], objects: [], releases: [] }
  let [started, done] = [0, 0]
  const killed = until('half of the writes', () => done > WRITES / 2, { everyMs: 1, timeoutMs: 60_000 }).then(
    async () => {
      await controlPlane.kill()
      await controlPlane.restart()
    },
  )
  const writer = async (): Promise<void> => {
    while (started < WRITES) {
      const index = started++
      try {
        await write(client, index, acknowledged)
        done += 1
      } catch (thrown) {
        if (!isExpected(thrown)) throw thrown
        await killed
      }
    }
  }
  await Promise.all([killed, ...Array.from({ length: CLIENTS }, writer)])
  const { keys, objects, releases } = acknowledged
  console.log(`# acknowledged: ${keys.length} keys, ${objects.length} objects, ${releases.length} releases`)

  await assertPresent('select id from api_keys', keys)
  await assertPresent("select kind || '/' || name as id from config_objects", objects)
  const numbers = (await sql<{ number: number }>(database.url, 'select number from releases order by number')).map(
    ({ number }) => number,
  )
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
    'release numbers have no gap and no double',
  )
  for (const number of releases) assert.ok(numbers.includes(number), `release ${number}`)
  assert.equal(new Set(releases).size, releases.length)
  await assertAudited(objects)

  const newest = numbers.at(-1)
  await until('all agents to act on the newest release', async () => {
    const { deliveries } = await client.call('getRelease', { params: { ...SHOP, number: 'live' } })
    return (
      deliveries.length === stack.agents.length && deliveries.every(({ release_number }) => release_number === newest)
    )
  })
})

/** One write out of a mix; two of five are publishes. */
async function write(operator: Client, index: number, acknowledged: Acknowledged): Promise<void> {
  if (index % 5 < 2) {
    const body = { consumer: `c-${index % 7}`, create_consumer: true, scopes: ['orders:read'] }
    acknowledged.keys.push((await operator.call('createKey', { params: SHOP, body })).id)
    return
  }
  const name = `w-${index}`
  const object: ConfigDocument = {
    kind: 'service',
    name,
    spec: { owner: 'shop team', targets: [{ url: upstream.url }] },
  }
  await operator.call('applyObjects', { params: SHOP, body: { objects: [object] } })
  acknowledged.objects.push(`service/${name}`)
  if (index % 5 === 2) return
  acknowledged.releases.push((await operator.call('publishRelease', { params: SHOP, body: { comment: name } })).number)
}

/** The kill itself, and what another client was faster with. */
function isExpected(thrown: unknown): boolean {
  if (thrown instanceof ConnectionError) return true
  return (
    thrown instanceof ProblemError && ['nothing_to_publish', 'name_taken', 'draining'].includes(thrown.problem.code)
  )
}

async function assertPresent(query: string, ids: readonly string[]): Promise<void> {
  const present = new Set((await sql<{ id: string }>(database.url, query)).map(({ id }) => id))
  assert.deepEqual(
    ids.filter((id) => !present.has(id)),
    [],
  )
}

/** Each row has the audit entry of its creation, and each such entry its row; each object the entry of its write. */
async function assertAudited(objects: readonly string[]): Promise<void> {
  const audited = async (kind: string, action: string): Promise<string[]> => {
    const rows = await sql<{ id: string }>(
      database.url,
      'select target_id as id from audit_entries where target_kind = $1 and action = $2',
      [kind, action],
    )
    return rows.map(({ id }) => id).toSorted()
  }
  const present = async (table: string): Promise<string[]> =>
    (await sql<{ id: string }>(database.url, `select id from ${table}`)).map(({ id }) => id).toSorted()
  assert.deepEqual(await audited('api_key', 'api_key.create'), await present('api_keys'))
  assert.deepEqual(await audited('release', 'release.publish'), await present('releases'))
  const applied = await sql<{ after: unknown }>(
    database.url,
    "select after from audit_entries where action = 'draft.apply'",
  )
  const text = JSON.stringify(applied)
  assert.deepEqual(
    objects.filter((name) => !text.includes(`"${name.replace('service/', '')}"`) && !text.includes(`"${name}"`)),
    [],
  )
}
