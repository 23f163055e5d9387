/**
 * Opens the database client with bounds on everything that could wait for ever: connections, the wait for one,
 * statements, and answers from a server that has stopped moving.
 *
 * Decides no schema and no scoping: tenants are told apart in control-plane/src/db.ts.
 *
 * @module
 */
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from './generated/client.ts'

/** Connections per process. Postgres allows 100 by default, shared by all replicas. */
const POOL_MAX = 10

/** Longest wait for a free or new connection, in milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000

/** Longest statement, in milliseconds; Postgres cancels it. */
const STATEMENT_TIMEOUT_MS = 10_000

/**
 * Added to the statement timeout for the answer itself, in milliseconds. A frozen server or a cut network cancels
 * nothing, so the client has to give up by itself.
 */
const ANSWER_GRACE_MS = 2_000

/** Longest time that a transaction may hold its locks without a statement, in milliseconds. */
const IDLE_IN_TRANSACTION_MS = 15_000

export type DatabaseOptions = {
  readonly poolMax?: number
  readonly connectTimeoutMs?: number
  readonly statementTimeoutMs?: number
  /** Shown in `pg_stat_activity`. */
  readonly applicationName?: string
  /**
   * An idle connection broke, as it does when Postgres restarts. The pool replaces it by itself: only worth a log
   * line.
   */
  readonly onConnectionError?: (error: Error) => void
}

/** The generated client, closed by `await using`. */
export type Database = PrismaClient & AsyncDisposable

/**
 * Does not connect: the first query does, so a process can start before its database.
 *
 * @param url `postgresql://user:password@host:port/database`
 */
export function createDatabase(url: string, options: DatabaseOptions = {}): Database {
  const statementTimeoutMs = options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS
  const report = options.onConnectionError ?? (() => {})
  const pool = new pg.Pool({
    connectionString: url,
    max: options.poolMax ?? POOL_MAX,
    connectionTimeoutMillis: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    application_name: options.applicationName ?? 'headgate',
    keepAlive: true,
  })
  // Between the pool's listener and the adapter's there is a moment without one. A server that dies right after a
  // connection was made says so in that moment, and an error that nobody listens to ends the process.
  pool.on('connect', (connection) => connection.on('error', () => {}))
  const adapter = new PrismaPg(pool, { onPoolError: report, onConnectionError: report, disposeExternalPool: true })
  const client = new PrismaClient({ adapter })
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.$disconnect() })
}
