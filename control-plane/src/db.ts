/**
 * The database as the rest of the control plane sees it: the client, the client inside a transaction, and the scopes
 * that every query of a resource takes, so that no query can forget its tenant.
 *
 * @module
 */
import { type Database, Prisma } from '@headgate/prisma'

/** Inside a transaction, or outside where one statement is enough. */
export type Tx = Prisma.TransactionClient

/** The tenant of a request. Made by `rest/scope.ts` only, after the operator's role on it was checked. */
export interface TenantScope {
  readonly tenantId: string
  readonly tenantName: string
}

/** The environment of a request; its tenant is the one that was checked. */
export interface EnvironmentScope extends TenantScope {
  readonly environmentId: string
  readonly environmentName: string
}

/** Longest wait for a connection, in milliseconds. Operators are told at once when the database is away. */
export const CONNECT_TIMEOUT_MS = 2_000

/** Longest statement, in milliseconds. */
export const STATEMENT_TIMEOUT_MS = 10_000

/** Bounds of a transaction, in milliseconds: the wait for a connection, and the whole of it. */
const TRANSACTION_BOUNDS = { maxWait: CONNECT_TIMEOUT_MS, timeout: 15_000 }

/** Runs work in one transaction; whatever it throws rolls everything back. */
export function inTransaction<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  return db.$transaction(work, TRANSACTION_BOUNDS)
}

/** The name is taken: a unique index said so. */
export function isUniqueViolation(thrown: unknown): boolean {
  return thrown instanceof Prisma.PrismaClientKnownRequestError && thrown.code === 'P2002'
}

/** Two transactions waited for each other or wrote the same row; trying again is right. */
export function isConflict(thrown: unknown): boolean {
  return thrown instanceof Prisma.PrismaClientKnownRequestError && thrown.code === 'P2034'
}

// P1xxx: server not reached, timed out or gone away. P2024: no free connection. P2028: a transaction could not be
// started or went away with its connection.
const AWAY_CODES = /^(?:P10(?:00|01|02|08|10|11|17)|P2024|P2028)$/

/** Postgres cannot be reached, does not answer, or is going down. */
export function isDatabaseAway(thrown: unknown): boolean {
  if (thrown instanceof Prisma.PrismaClientInitializationError) return true
  if (thrown instanceof Prisma.PrismaClientKnownRequestError && AWAY_CODES.test(thrown.code)) return true
  for (let at: unknown = thrown, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (isConnectionError(at)) return true
  }
  return false
}

// Class 08: connection errors. 57P0x: the server is going down. 57014: a statement took too long. 53300: no slots.
const AWAY_STATES = /^(?:08|57P0|57014|53300)/
const AWAY_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
])

function isConnectionError(error: Error): boolean {
  const { code, cause } = error as { code?: unknown; cause?: { kind?: unknown; originalCode?: unknown } }
  const codes = [code, cause?.originalCode].filter((one) => typeof one === 'string')
  if (codes.some((one) => AWAY_STATES.test(one) || AWAY_SYSTEM.has(one))) return true
  if (
    typeof cause?.kind === 'string' &&
    /^(?:DatabaseNotReachable|ConnectionClosed|SocketTimeout|TooManyConnections|TlsConnectionError)$/.test(cause.kind)
  ) {
    return true
  }
  return /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable/.test(
    error.message,
  )
}
