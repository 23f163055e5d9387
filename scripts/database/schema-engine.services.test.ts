import { createTestDatabase } from '@headgate/prisma/testing.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { sqlToSchema } from './schema-engine.ts'

test('the migrations lead to the schema, hand-written indexes, checks and triggers included', async () => {
  await using database = await createTestDatabase()
  assert.equal(await sqlToSchema(database.url), '')
})

for (const [title, change, expected] of [
  [
    'a column that is missing',
    'alter table consumers drop column disabled',
    /ALTER TABLE "consumers" ADD COLUMN +"disabled"/,
  ],
  ['an index that is missing', 'drop index api_keys_consumer_id_idx', /CREATE INDEX "api_keys_consumer_id_idx"/],
  ['a column that is left over', 'alter table agents add column old text', /DROP COLUMN "old"/],
] as const) {
  test(`drift is found: ${title}`, async () => {
    await using database = await createTestDatabase()
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    await client.query(change)
    await client.end()
    assert.match(await sqlToSchema(database.url), expected)
  })
}
