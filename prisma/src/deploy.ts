/**
 * Brings a database to the newest migration.
 *
 * Prisma's own command needs a binary from outside the package registry; this runner keeps the same table, the same
 * checksums and the same advisory lock, so that the two can be used on one database in turn and never at once.
 *
 * Each migration runs in one transaction together with the row that says it is done, so there is no half-applied
 * state to repair: a failure leaves a row with the reason and `rolled_back_at`, and the next run tries again.
 *
 * A database may be ahead of this code: during a rolling upgrade old replicas start on the new schema.
 *
 * Sources: Prisma Migrate's table `_prisma_migrations` and lock number, both of release 7.10.
 *
 * @module
 */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

/** The number that Prisma Migrate locks with. */
const ADVISORY_LOCK = 72_707_369

/** Longest wait for another process that is migrating the same database, in milliseconds. */
const LOCK_TIMEOUT_MS = 60_000

/** Longest wait for the connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 10_000

/** How often a taken lock is tried again, in milliseconds. */
const LOCK_POLL_MS = 100

/**
 * Longest wait of a migration for a table lock, in milliseconds. Everything else that needs the table queues up
 * behind a waiting migration, so it rather gives up and is tried again.
 */
const TABLE_LOCK_TIMEOUT_MS = 10_000

const CREATE_TABLE = `
create table if not exists _prisma_migrations (
  id varchar(36) primary key not null,
  checksum varchar(64) not null,
  finished_at timestamptz,
  migration_name varchar(255) not null,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`

export type DeployOptions = {
  /** Folder with one `<timestamp>_<name>/migration.sql` per migration; default: the one that ships with this code. */
  readonly directory?: string
  /** Longest wait for another process that is migrating the same database; default 60 s. */
  readonly lockTimeoutMs?: number
  /** Called with the migrations that the database has and this code does not know: it is older than the database. */
  readonly onUnknown?: (names: readonly string[]) => void
}

/**
 * Why the database was not brought to the newest migration. Stable codes:
 *
 * - `migrations_locked`: another process held the lock for longer than the wait
 * - `migration_edited`: an applied migration differs from its file
 * - `migration_failed`: the SQL of a migration failed; nothing of it was kept
 * - `migration_unresolved`: another tool left it failed, and may have left half of it
 */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
  readonly code: string
  /** Name of the migration's folder; empty when the error is about all of them. */
  readonly migration: string
  constructor(code: string, migration: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.migration = migration
  }
}

type Migration = { readonly name: string; readonly sql: string; readonly checksum: string }

type Row = {
  readonly migration_name: string
  readonly checksum: string
  readonly finished_at: Date | null
  readonly logs: string | null
}

/** The migrations that ship with this code: beside a bundle, else beside `src`. */
export function migrationsDirectory(): string {
  const beside = fileURLToPath(new URL('./migrations', import.meta.url))
  return existsSync(beside) ? beside : fileURLToPath(new URL('../migrations', import.meta.url))
}

/**
 * Applies every migration that the database does not have, in order of name. Safe to call from many processes at
 * once: one applies, the others wait and find nothing to do.
 *
 * @returns names of the migrations that this call applied
 * @throws MigrationError, or the driver's error when the database cannot be reached
 */
export async function deploy(url: string, options: DeployOptions = {}): Promise<string[]> {
  const migrations = await readMigrations(options.directory ?? migrationsDirectory())
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'headgate-migrations',
  })
  // A connection that breaks while no query runs emits an error, which would end the process. The next query fails.
  client.on('error', () => {})
  await client.connect()
  try {
    await lock(client, options.lockTimeoutMs ?? LOCK_TIMEOUT_MS)
    return await applyMissing(client, migrations, options.onUnknown)
  } finally {
    // Also gives the lock back.
    await client.end()
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.toSorted().map(async (name) => {
      const sql = await readFile(join(directory, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

/** Polls instead of blocking in the server, so that the wait is bounded whatever the server's timeouts are. */
async function lock(client: pg.Client, timeoutMs: number): Promise<void> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [ADVISORY_LOCK])
    if (rows[0]?.taken === true) return
    if (performance.now() > end) {
      throw new MigrationError(
        'migrations_locked',
        '',
        `another process has been migrating this database for more than ${timeoutMs} ms; ` +
          `see pg_locks where locktype = 'advisory' and objid = ${ADVISORY_LOCK}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS))
  }
}

async function applyMissing(
  client: pg.Client,
  migrations: readonly Migration[],
  onUnknown: DeployOptions['onUnknown'],
): Promise<string[]> {
  await client.query(CREATE_TABLE)
  const { rows } = await client.query<Row>(
    'select migration_name, checksum, finished_at, logs from _prisma_migrations where rolled_back_at is null',
  )
  for (const row of rows) refuseUnresolved(row)

  const applied = new Map(rows.map((row) => [row.migration_name, row]))
  const done: string[] = []
  for (const migration of migrations) {
    const row = applied.get(migration.name)
    applied.delete(migration.name)
    if (row === undefined) {
      await apply(client, migration)
      done.push(migration.name)
    } else if (row.checksum !== migration.checksum) {
      throw new MigrationError(
        'migration_edited',
        migration.name,
        `migration ${migration.name} was edited after it had been applied to this database; ` +
          'bring its file back and put the change into a new migration',
      )
    }
  }
  if (applied.size > 0) onUnknown?.([...applied.keys()])
  return done
}

function refuseUnresolved({ migration_name: name, finished_at: finishedAt, logs }: Row): void {
  if (finishedAt !== null) return
  throw new MigrationError(
    'migration_unresolved',
    name,
    `another tool left migration ${name} failed (${logs ?? 'no reason given'}) and may have left half of it; ` +
      "repair the schema, then set the row's rolled_back_at in _prisma_migrations",
  )
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
  const id = randomUUID()
  try {
    await client.query('begin')
    await client.query(`set local lock_timeout = ${TABLE_LOCK_TIMEOUT_MS}`)
    await client.query(sql)
    await client.query(
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       values ($1, $2, $3, clock_timestamp(), 1)`,
      [id, checksum, name],
    )
    await client.query('commit')
  } catch (error) {
    const reason = describe(error, sql)
    await recordFailure(client, { id, checksum, name, reason })
    throw new MigrationError('migration_failed', name, `migration ${name} failed and was taken back: ${reason}`, {
      cause: error,
    })
  }
}

async function recordFailure(
  client: pg.Client,
  failure: { readonly id: string; readonly checksum: string; readonly name: string; readonly reason: string },
): Promise<void> {
  try {
    await client.query('rollback')
    await client.query(
      `insert into _prisma_migrations (id, checksum, migration_name, rolled_back_at, logs)
       values ($1, $2, $3, now(), $4)`,
      [failure.id, failure.checksum, failure.name, failure.reason],
    )
  } catch {
    // The connection is gone, and with it the transaction. The caller throws the reason, which says more.
  }
}

/** Message of the driver's error with the line of the SQL that it points at. */
function describe(error: unknown, sql: string): string {
  if (!(error instanceof pg.DatabaseError)) return String(error)
  const line = error.position === undefined ? '' : ` (line ${sql.slice(0, Number(error.position)).split('\n').length})`
  return `${error.message}${line}`
}
