/**
 * Tells whether the migrations lead to the Prisma schema.
 *
 * Applies them to a database that is thrown away and asks the schema engine for the SQL that is still missing.
 * What the schema cannot say (partial indexes, triggers, checks) is not compared; the tests of prisma/ hold it.
 *
 * @module
 */
import { deploy } from '@headgate/prisma'
import { createTestDatabase } from '@headgate/prisma/testing.ts'
import { startEmbeddedPostgres } from '@headgate/kit/embedded-postgres.ts'
import { sqlToSchema } from './schema-engine.ts'

/** @returns the SQL that a new migration needs; empty when the migrations are complete. */
export async function missingMigration(): Promise<string> {
  await using server = await startEmbeddedPostgres({ throwaway: true })
  await using database = await createTestDatabase(server.url, { empty: true })
  await deploy(database.url)
  // Awaited here: the database is dropped when this function is left.
  return await sqlToSchema(database.url)
}
