import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDatabase } from './database.ts'
import { createTestDatabase } from './testing.ts'

const connections = (name: string) =>
  `select count(*)::int as count from pg_stat_activity where application_name = '${name}' and pid <> pg_backend_pid()`

test('a statement that takes too long is cancelled', async () => {
  await using server = await createTestDatabase()
  await using database = createDatabase(server.url, { statementTimeoutMs: 100 })
  await assert.rejects(database.$queryRaw`select pg_sleep(30)`, /statement timeout/)
  assert.equal(await database.tenant.count(), 0)
})

test('more work than the pool has connections waits for its turn, within its bound', async () => {
  await using server = await createTestDatabase()
  await using database = createDatabase(server.url, { poolMax: 2, connectTimeoutMs: 300 })
  const sleep = (seconds: number) => database.$queryRawUnsafe(`select 1 as one from pg_sleep(${seconds})`)
  await Promise.all([sleep(0.1), sleep(0.1), sleep(0.1)])
  const results = await Promise.allSettled([sleep(1), sleep(1), sleep(1)])
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'fulfilled', 'rejected'])
})

// What a restart of Postgres does to the idle connections of a process.
test('connections that were cut are reported and replaced', async () => {
  await using server = await createTestDatabase()
  await using other = createDatabase(server.url)
  const cut = Promise.withResolvers<Error>()
  await using database = createDatabase(server.url, { applicationName: 'cut', onConnectionError: cut.resolve })
  await database.tenant.count()
  await other.$executeRaw`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cut'`
  assert.match((await cut.promise).message, /terminat/)
  assert.equal(await database.tenant.count(), 0)
})

test('a database that is closed leaves no connection open', async () => {
  await using server = await createTestDatabase()
  await using other = createDatabase(server.url)
  {
    await using database = createDatabase(server.url, { applicationName: 'closing' })
    await database.tenant.count()
    assert.deepEqual(await other.$queryRawUnsafe(connections('closing')), [{ count: 1 }])
  }
  // The server notices a moment later.
  for (let tries = 0; tries < 100; tries++) {
    const [row] = await other.$queryRawUnsafe<{ count: number }[]>(connections('closing'))
    if (row?.count === 0) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.fail('the connection is still open')
})

test('an unreachable server fails the query, not the start', async () => {
  await using database = createDatabase('postgresql://postgres@127.0.0.1:1/none')
  await assert.rejects(database.tenant.count(), /ECONNREFUSED|Can't reach database/)
})
