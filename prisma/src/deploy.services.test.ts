import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import pg from 'pg'
import { type MigrationError, deploy, migrationsDirectory } from './deploy.ts'
import { createTestDatabase } from './testing.ts'

async function emptyDatabase(t: TestContext): Promise<{ url: string; client: pg.Client }> {
  const database = await createTestDatabase(undefined, { empty: true })
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  t.after(async () => {
    await client.end()
    await database[Symbol.asyncDispose]()
  })
  return { url: database.url, client }
}

/** A folder of migrations, each with the SQL given. */
async function migrations(t: TestContext, sqlByName: Readonly<Record<string, string>>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'headgate-migrations-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  for (const [name, sql] of Object.entries(sqlByName)) {
    await mkdir(join(directory, name))
    await writeFile(join(directory, name, 'migration.sql'), sql)
  }
  return directory
}

const withCode = (code: string) => (error: MigrationError) => error.code === code

test('the first run applies every migration and the second none', async (t) => {
  const { url } = await emptyDatabase(t)
  const first = await deploy(url)
  assert.match(first[0] ?? '', /_foundation$/)
  assert.deepEqual(await deploy(url), [])
})

test('of many runs at once, one applies and all succeed', async (t) => {
  const { url, client } = await emptyDatabase(t)
  const runs = await Promise.all([deploy(url), deploy(url), deploy(url), deploy(url)])
  assert.equal(runs.filter((applied) => applied.length > 0).length, 1)
  const { rows } = await client.query('select migration_name from _prisma_migrations')
  assert.equal(rows.length, Math.max(...runs.map((applied) => applied.length)))
})

test('a run that cannot get the lock gives up within its bound', async (t) => {
  const { url, client } = await emptyDatabase(t)
  await client.query('select pg_advisory_lock(72707369)')
  await assert.rejects(deploy(url, { lockTimeoutMs: 200 }), withCode('migrations_locked'))
  await client.query('select pg_advisory_unlock_all()')
  assert.notDeepEqual(await deploy(url), [])
})

test('an edited migration is refused and nothing after it is applied', async (t) => {
  const { url, client } = await emptyDatabase(t)
  await deploy(url, { directory: await migrations(t, { '1_one': 'create table one ()' }) })
  const edited = await migrations(t, { '1_one': 'create table one (id int)', '2_two': 'create table two ()' })
  await assert.rejects(deploy(url, { directory: edited }), withCode('migration_edited'))
  await assert.rejects(client.query('select from two'), /does not exist/)
})

test('a failed migration leaves nothing of itself, keeps those before it, and is recorded with its line', async (t) => {
  const { url, client } = await emptyDatabase(t)
  const directory = await migrations(t, {
    '1_one': 'create table one ()',
    '2_two': 'create table two ();\ncreate table wrong (id no_such_type)',
  })
  await assert.rejects(
    deploy(url, { directory }),
    (error: MigrationError) =>
      error.code === 'migration_failed' && error.migration === '2_two' && /no_such_type.*line 2/.test(error.message),
  )
  await assert.rejects(client.query('select from two'), /does not exist/)
  await client.query('select from one')
  const { rows } = await client.query(
    "select logs, rolled_back_at from _prisma_migrations where migration_name = '2_two'",
  )
  assert.match(rows[0].logs, /no_such_type/)
  assert.ok(rows[0].rolled_back_at)

  await writeFile(join(directory, '2_two', 'migration.sql'), 'create table two ()')
  assert.deepEqual(await deploy(url, { directory }), ['2_two'])
})

test('a migration that another tool left half-applied stops the run', async (t) => {
  const { url, client } = await emptyDatabase(t)
  const directory = await migrations(t, { '1_one': 'create table one ()' })
  await deploy(url, { directory })
  await client.query("update _prisma_migrations set finished_at = null, logs = 'cut off'")
  await assert.rejects(deploy(url, { directory }), (error: MigrationError) => {
    return error.code === 'migration_unresolved' && error.message.includes('cut off')
  })
})

// During a rolling upgrade, replicas of the old release start on a database of the new one.
test('a database that is ahead of the code is used as it is, and named', async (t) => {
  const { url } = await emptyDatabase(t)
  await deploy(url, {
    directory: await migrations(t, { '1_one': 'create table one ()', '2_two': 'create table two ()' }),
  })
  const older = await migrations(t, { '1_one': 'create table one ()' })
  const unknown: string[] = []
  assert.deepEqual(await deploy(url, { directory: older, onUnknown: (names) => unknown.push(...names) }), [])
  assert.deepEqual(unknown, ['2_two'])
})

test('the migrations are found in any folder that is named', async (t) => {
  const { url } = await emptyDatabase(t)
  const folder = await mkdtemp(join(tmpdir(), 'headgate-migrations-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await cp(migrationsDirectory(), join(folder, 'migrations'), { recursive: true })
  assert.notDeepEqual(await deploy(url, { directory: join(folder, 'migrations') }), [])
  assert.deepEqual(await deploy(url), [])
})

test('an unreachable database is an error within the connection bound, not a hang', async () => {
  await assert.rejects(deploy('postgresql://postgres@127.0.0.1:1/none'), /ECONNREFUSED/)
})
