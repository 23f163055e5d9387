/**
 * A migrated database of its own for each test file, in the Postgres that the test set-up started.
 *
 * The migrations are applied once to a template; a test gets a copy of it, which takes some 30 ms.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { deploy, migrationsDirectory } from './deploy.ts'

/** Keeps test files that start at once from making the template twice. */
const ADVISORY_LOCK = 72_707_370

export type TestDatabase = AsyncDisposable & {
  readonly name: string
  readonly url: string
}

/**
 * @param adminUrl a role that may create databases; by default `TEST_DATABASE_URL`, which the test set-up exports
 * @param options.empty without any migration
 * @returns dropped with all its connections by `await using`
 */
export async function createTestDatabase(
  adminUrl: string | undefined = process.env['TEST_DATABASE_URL'],
  options: { readonly empty?: boolean } = {},
): Promise<TestDatabase> {
  if (adminUrl === undefined) throw new Error('TEST_DATABASE_URL is not set: run this test with npm test')
  const name = `test_${randomBytes(8).toString('hex')}`
  await withAdmin(adminUrl, async (admin) => {
    const template = options.empty === true ? 'template0' : await ensureTemplate(admin, adminUrl)
    await admin.query(`create database ${name} template ${template}`)
  })
  return {
    name,
    url: databaseUrl(adminUrl, name),
    [Symbol.asyncDispose]: () =>
      withAdmin(adminUrl, async (admin) => {
        await admin.query(`drop database if exists ${name} with (force)`)
      }),
  }
}

/** Makes the template for the present migrations unless it is there; its name holds their hash. */
async function ensureTemplate(admin: pg.Client, adminUrl: string): Promise<string> {
  const template = `template_${await hashMigrations()}`
  await admin.query('select pg_advisory_lock($1)', [ADVISORY_LOCK])
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [template])
  if (rowCount === 0) {
    // Renamed when it is complete, so that an interrupted run leaves no half-made template.
    const draft = `draft_${randomBytes(8).toString('hex')}`
    await admin.query(`create database ${draft} template template0`)
    await deploy(databaseUrl(adminUrl, draft))
    await admin.query(`alter database ${draft} rename to ${template}`)
  }
  // The lock is held until the caller's connection ends: a copy during the rename would fail.
  return template
}

async function hashMigrations(): Promise<string> {
  const hash = createHash('sha256')
  const directory = migrationsDirectory()
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  for (const name of names.toSorted()) hash.update(name).update(await readFile(join(directory, name, 'migration.sql')))
  return hash.digest('hex').slice(0, 16)
}

function databaseUrl(adminUrl: string, name: string): string {
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return url.href
}

async function withAdmin<T>(adminUrl: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}
