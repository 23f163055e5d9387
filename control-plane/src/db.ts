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

/** Postgres cannot be reached, does not answer, or is going down or coming up. */
export function isDatabaseAway(thrown: unknown): boolean {
  if (thrown instanceof Prisma.PrismaClientInitializationError) return true
  if (thrown instanceof Prisma.PrismaClientKnownRequestError && AWAY_CODES.test(thrown.code)) return true
  return causesOf(thrown).some(isAwayCause)
}

// Class 08: connection errors. 57P0x: the server goes down, has crashed, or comes up. 57014: a statement took too long.
// 53300: no free slot. 25006: a standby that is not promoted yet.
const AWAY_STATES = /^(?:08|57P0|57014|53300|25006)/
const AWAY_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'EAI_AGAIN',
])
const AWAY_KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections'])
const AWAY_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|is not queryable|Connection ended unexpectedly/

/** What the adapter and the driver tell of an error. */
interface Cause {
  readonly code?: unknown
  readonly originalCode?: unknown
  readonly kind?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly meta?: { readonly driverAdapterError?: unknown }
}

/** The error and what it stands for: the driver's own error is in `cause`, or in `meta` once Prisma has wrapped it. */
function causesOf(thrown: unknown): Cause[] {
  const causes: Cause[] = []
  const open: unknown[] = [thrown]
  while (open.length > 0 && causes.length < 10) {
    const next = open.shift()
    if (typeof next !== 'object' || next === null) continue
    const cause: Cause = next
    causes.push(cause)
    open.push(cause.cause, cause.meta?.driverAdapterError)
  }
  return causes
}

function isAwayCause({ code, originalCode, kind, message }: Cause): boolean {
  if (typeof kind === 'string' && AWAY_KINDS.has(kind)) return true
  const codes = [code, originalCode].filter((each) => typeof each === 'string')
  if (codes.some((each) => AWAY_STATES.test(each) || AWAY_SYSTEM.has(each))) return true
  return typeof message === 'string' && AWAY_MESSAGE.test(message)
}
