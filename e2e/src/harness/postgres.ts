/**
 * A Postgres for one test file: a database of the set-up's server, or a server of its own that can be killed.
 *
 * @module
 */
import { startEmbeddedPostgres } from '@headgate/kit/embedded-postgres.ts'
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createFolder } from './folder.ts'
import { freePort } from './ports.ts'
import { until } from './until.ts'

export interface Database extends AsyncDisposable {
  readonly url: string
}

/** A server of its own, flushing to the disk like in production. */
export interface KillableDatabase extends Database {
  /** `kill -9` of the server. */
  kill(): Promise<void>
  /** Starts it again on the same data and port, with recovery. */
  restart(): Promise<void>
}

/** An empty database, on the server of the test set-up where there is one. */
export async function startDatabase(): Promise<Database> {
  const shared = process.env['TEST_DATABASE_URL']
  if (shared === undefined) {
    const server = await startEmbeddedPostgres({ throwaway: true })
    return { url: server.url, [Symbol.asyncDispose]: () => server.stop() }
  }
  const name = `e2e_${randomBytes(8).toString('hex')}`
  await withClient(shared, (client) => client.query(`create database ${name} template template0`))
  const url = new URL(shared)
  url.pathname = `/${name}`
  return {
    url: url.href,
    [Symbol.asyncDispose]: async () => {
      await withClient(shared, (client) => client.query(`drop database if exists ${name} with (force)`))
    },
  }
}

/** A server for a test that kills it. */
export async function startKillableDatabase(): Promise<KillableDatabase> {
  const folder = await createFolder('postgres')
  const directory = folder.path
  const port = await freePort()
  let server = await startEmbeddedPostgres({ directory, port })
  // It is a process group of its own and would outlive a test process that is ended.
  const quit = (): void => tryKill(server.pid, 'SIGQUIT')
  process.once('exit', quit)
  return {
    url: server.url,
    async kill() {
      tryKill(server.pid, 'SIGKILL')
      await until('Postgres to be gone', async () => !(await accepts(server.url)))
    },
    async restart() {
      server = await startEmbeddedPostgres({ directory, port })
    },
    [Symbol.asyncDispose]: async () => {
      process.off('exit', quit)
      await server.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already.
  }
}

async function accepts(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query('select 1'))
    return true
  } catch {
    return false
  }
}

/** Runs one piece of work on a connection of its own. For what REST cannot make or show. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // A connection that breaks while it is idle must not end the test process.
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Rows of one statement. */
export async function sql<Row extends object>(url: string, statement: string, values: unknown[] = []): Promise<Row[]> {
  return withClient(url, async (client) => (await client.query(statement, values)).rows as Row[])
}
