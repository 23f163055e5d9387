/**
 * Hears Postgres' notifications on a connection of its own, and gets that connection back when it is lost.
 *
 * A notification is a hint that something may have changed, never the news itself: what was said while the connection
 * was down is lost. So everybody who listens also polls, and is told to look again after each reconnect.
 *
 * @module
 */
import type { Clock } from '@headgate/kit/clock.ts'
import { errorText } from '@headgate/kit/errors.ts'
import type { Log } from '@headgate/kit/log.ts'
import pg from 'pg'

/** Longest wait for the connection and for each answer on it, in milliseconds. */
const TIMEOUT_MS = 5_000

/** How often the silent connection is asked for a sign of life, in milliseconds: a cut network says nothing. */
const PROBE_MS = 5_000

const BACKOFF_MS_MIN = 200
const BACKOFF_MS_MAX = 5_000

interface ListenOptions {
  readonly url: string
  readonly channels: readonly string[]
  readonly clock: Clock
  readonly log: Log
  readonly onNotification: (channel: string, payload: string) => void
  /** The connection is there again: notifications may have been missed. */
  readonly onReconnect: () => void
}

/** Starts to listen and keeps on until disposed. Never throws: without a database it tries again. */
export function listenPostgres({ url, channels, clock, log, ...on }: ListenOptions): AsyncDisposable {
  const stop = new AbortController()

  async function run(): Promise<void> {
    let backoffMs = BACKOFF_MS_MIN
    while (!stop.signal.aborted) {
      try {
        await hear(() => (backoffMs = BACKOFF_MS_MIN))
      } catch (error) {
        if (stop.signal.aborted) return
        log.warn({ why: errorText(error), retry_ms: backoffMs }, 'not listening to the database')
      }
      await clock.sleep(backoffMs * (0.5 + Math.random() / 2), stop.signal).catch(() => {})
      backoffMs = Math.min(backoffMs * 2, BACKOFF_MS_MAX)
    }
  }

  /** Returns or throws when the connection is lost. */
  async function hear(onListening: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: TIMEOUT_MS,
      query_timeout: TIMEOUT_MS,
      keepAlive: true,
      application_name: 'headgate-listen',
    })
    const lost = Promise.withResolvers<void>()
    // Also waited for below; this one only says that somebody cares when it is lost before that.
    lost.promise.catch(() => {})
    client.on('error', lost.reject)
    client.on('end', lost.resolve)
    client.on('notification', ({ channel, payload }) => on.onNotification(channel, payload ?? ''))
    try {
      await client.connect()
      // Channel names are our own constants: an identifier cannot be a parameter.
      for (const channel of channels) await client.query(`listen ${client.escapeIdentifier(channel)}`)
      onListening()
      on.onReconnect()
      await Promise.race([lost.promise, probe(client)])
    } finally {
      // Not awaited: a frozen server would not answer, and the socket is given up all the same.
      void client.end().catch(() => {})
    }
  }

  async function probe(client: pg.Client): Promise<void> {
    while (!stop.signal.aborted) {
      await clock.sleep(PROBE_MS, stop.signal).catch(() => {})
      if (!stop.signal.aborted) await client.query('select 1')
    }
  }

  const running = run()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}
